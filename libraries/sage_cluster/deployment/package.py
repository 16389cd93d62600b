"""What a deployment sends: files known by their digests, and what must work once they are there."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from sage_cluster.deployment.source_tree import LeftOut
from sage_cluster.deployment.wheel import MemberSource, Wheel

SITE = "site"


@dataclass(frozen=True)
class TextSource:
    """A file's bytes, made on the controller."""

    data: bytes
    deflated: bool = False

    @property
    def packed(self) -> int:
        """How many bytes are sent."""
        return len(self.data)

    def chunks(self) -> Iterator[bytes]:
        """The bytes."""
        yield self.data


@dataclass(frozen=True)
class PackageFile:
    """A file of a release: its path there, its SHA-256, its size in bytes, and where its bytes are."""

    path: str
    digest: str
    size: int
    executable: bool
    source: MemberSource | TextSource = field(compare=False)


@dataclass(frozen=True)
class Package:
    """A project and what it needs, ready to be sent to nodes of one platform.

    ``name`` ends with the beginning of the digest of all its files, so the same content has the same name.
    ``imports`` and ``entry_points`` ("module:attribute") must work on a node before it switches to the release;
    ``scripts`` are the commands to make there, by name. ``left_out`` is what of the source tree is not in it.
    """

    name: str
    files: tuple[PackageFile, ...]
    imports: tuple[str, ...]
    entry_points: tuple[str, ...]
    scripts: dict[str, str]
    left_out: tuple[LeftOut, ...] = ()

    @property
    def size(self) -> int:
        """All its files together, in bytes."""
        return sum(file.size for file in self.files)

    def with_text(self, path: str, text: str) -> Package:
        """The same package, by the same name, with one file more; such a file belongs to one node only."""
        data = text.encode()
        file = PackageFile(path, hashlib.sha256(data).hexdigest(), len(data), False, TextSource(data))
        return replace(self, files=(*self.files, file))

    def manifest(self) -> dict[str, Any]:
        """What a node is told: ``files`` as lists of path, digest, size and whether it is executable."""
        return {
            "name": self.name,
            "files": [[file.path, file.digest, file.size, file.executable] for file in self.files],
            "imports": list(self.imports),
            "entry_points": list(self.entry_points),
            "scripts": self.scripts,
        }


def make_package(project: Wheel, needed: list[Wheel], left_out: tuple[LeftOut, ...] = ()) -> Package:
    """Put a project's wheel and the wheels it needs together; where two have the same file the project's counts."""
    files: dict[str, PackageFile] = {}
    for wheel in (*sorted(needed, key=lambda one: one.name, reverse=True), project):
        for member in wheel.members:
            files[member.path] = PackageFile(member.path, member.digest, member.size, member.executable, member.source)
    ordered = tuple(files[path] for path in sorted(files))
    lines = (f"{file.path}\0{file.digest}\0{file.executable}\n" for file in ordered)
    digest = hashlib.sha256("".join(lines).encode()).hexdigest()
    return Package(
        f"{project.name}-{project.version}-{digest[:8]}",
        ordered,
        project.imports,
        project.entry_points,
        project.scripts,
        left_out,
    )
