"""The reference as libdoc's own page, with its search: library and resources on one page, groups as tags."""

from __future__ import annotations

from pathlib import Path

from robot.libdocpkg import LibraryDocumentation

from SageLibrary.reference.keywords import groups, resources


def write_page(path: Path) -> None:
    """Write the page to ``path``."""
    page = LibraryDocumentation("SageLibrary")
    group_of = groups()
    for keyword in page.keywords:
        keyword.tags.add([group_of[keyword.name]])
    found = list(page.keywords)
    for resource in resources():
        more = LibraryDocumentation(str(resource)).keywords
        for keyword in more:
            keyword.tags.add([f"resources/{resource.name}"])
        found += more
    for keyword in found:
        keyword.source = None
    page.keywords = sorted(found, key=lambda keyword: str(keyword.name))
    page.source = None
    path.parent.mkdir(parents=True, exist_ok=True)
    page.save(str(path), "HTML")
