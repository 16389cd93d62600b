"""What a keyword breaks stands in its tags: the source, both languages and the resources agree with them."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from robot import running
from robot.libdocpkg import LibraryDocumentation

from sage_lab.faults import FaultKind
from SageLibrary import SageLibrary
from SageLibrary.chinese import Chinese
from SageLibrary.keywords.breaking import BREAKS, LEFT_BROKEN, faults_in

ROOT = Path(__file__).parents[3]
ENGLISH = ("SageLibrary", str(ROOT / "resources/cluster.resource"))
RESOURCES = sorted((ROOT / "resources").rglob("*.resource"))
CALLS = {
    "inject",
    "unplug",
    "power_off",
    "freeze",
    "reboot",
    "simulate_failure",
    "KILL_ALL",
    "TAKE_PORT",
    "pidfd_send_signal",
}
"""What keywords break things with: calls of the lab and of the managers, programs, a signal."""
OTHERS = {"everything killed", "supervisor killed", "faults at random"}
"""What keywords break that is none of the lab's faults."""
LIBRARY = SageLibrary()


def used(method: Any) -> set[str]:
    """Every name that a method uses, and those that the methods of its own which it calls use."""
    owner, seen, names = type(method.__self__), set[str](), set[str]()
    to_do = [method.__name__]
    while to_do:
        name = to_do.pop()
        seen.add(name)
        tree = ast.parse(textwrap.dedent(inspect.getsource(getattr(owner, name))))
        found = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        found |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        to_do += [other for other in found - seen if inspect.isfunction(getattr(owner, other, None))]
        names |= found
    return names


def called(body: Iterable[Any]) -> Iterator[str]:
    """The names of all keywords that a keyword calls, loops and branches included."""
    for part in body:
        yield getattr(part, "name", None) or ""
        yield from called(getattr(part, "body", []))


@pytest.mark.parametrize("name", LIBRARY.keywords)
def test_a_keyword_breaks_something_when_its_tag_says_so(name: str) -> None:
    tags = LIBRARY.get_keyword_tags(name)
    assert (BREAKS in tags) == bool(used(LIBRARY.keywords[name]) & CALLS)
    assert set(faults_in(tags)) <= {kind.value for kind in FaultKind} | OTHERS


def test_a_fault_is_named_by_a_tag_or_by_an_argument() -> None:
    for name in LIBRARY.keywords:
        if BREAKS in LIBRARY.get_keyword_tags(name):
            said = FaultKind in LIBRARY.get_keyword_types(name).values()
            assert bool(faults_in(LIBRARY.get_keyword_tags(name))) != said, name


def test_the_chinese_keywords_have_the_same_tags() -> None:
    chinese = Chinese()
    tags = sorted(tuple(chinese.get_keyword_tags(name)) for name in chinese.get_keyword_names())
    assert tags == sorted(tuple(LIBRARY.get_keyword_tags(name)) for name in LIBRARY.keywords)


@pytest.mark.parametrize("path", RESOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_keyword_of_a_resource_that_leaves_something_broken_says_so(path: Path) -> None:
    tagged = {one.name for place in ENGLISH for one in LibraryDocumentation(place).keywords if LEFT_BROKEN in one.tags}
    for keyword in running.ResourceFile.from_file_system(path).keywords:
        leaves = not tagged.isdisjoint(called(keyword.body)) and not keyword.has_teardown
        assert (LEFT_BROKEN in keyword.tags) == leaves, keyword.name
