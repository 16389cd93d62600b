"""The interpreter and the environment that the nodes share with this process, read-only."""

from __future__ import annotations

import sys
from pathlib import Path

from sage_lab.errors import LabError

_LONGEST_CHAIN = 40  # the kernel's own limit


def shared_directories() -> list[Path]:
    """The directories that a node needs to run this environment's programs, at the same paths.

    These are the environment, the interpreter it was made from, and every place that the interpreter's
    symbolic links pass through. What the system brings itself (/usr) is not among them. Raises LabError when Ray could
    not run in them.
    """
    if any(letter.isspace() for letter in sys.prefix):
        raise LabError(
            "Ray does not start from a directory whose path has a space, and the nodes run it from this one",
            where=sys.prefix,
            fix="clone the project to a path without spaces",
        )
    wanted = [Path(sys.prefix), Path(sys.base_prefix)]
    wanted += [link.parent.parent for link in _links(Path(sys.executable))]
    shared: list[Path] = []
    for directory in sorted(dict.fromkeys(wanted), key=lambda path: len(path.parts)):
        covered = any(directory.is_relative_to(parent) for parent in shared)
        if not covered and directory != Path("/usr") and directory != Path("/"):
            shared.append(directory)
    return shared


def program(name: str) -> str:
    """The path of one of the environment's programs, the same here and on a node."""
    return str(Path(sys.prefix) / "bin" / name)


def _links(path: Path) -> list[Path]:
    """The path, and each place that its chain of symbolic links passes through."""
    chain = [path]
    while path.is_symlink() and len(chain) < _LONGEST_CHAIN:
        path = path.parent / path.readlink()
        chain.append(path)
    resolved = path.resolve()
    return chain if resolved == path else [*chain, resolved]
