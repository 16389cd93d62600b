"""A wheel as a list of files with their digests, each checked against the wheel's own record.

Format: https://packaging.python.org/en/latest/specifications/binary-distribution-format/
"""

from __future__ import annotations

import base64
import configparser
import csv
import email
import hashlib
import io
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from sage_cluster.errors import DeploymentError

CHUNK_BYTES = 48 * 1024
NOT_IMPORTED = {"tests", "test", "docs", "examples"}  # names that many wheels bring along by mistake
SUFFIXES = (".py", ".so", ".pyd")
_LOCAL_HEADER_BYTES = 30


@dataclass(frozen=True)
class MemberSource:
    """A file inside of an archive, as it is stored there: ``packed`` bytes from ``offset``, plain or deflated."""

    archive: Path
    header_offset: int
    packed: int
    deflated: bool

    def chunks(self) -> Iterator[bytes]:
        """The bytes as they are stored, piece by piece."""
        with self.archive.open("rb") as file:
            file.seek(self.header_offset)
            header = file.read(_LOCAL_HEADER_BYTES)
            file.seek(sum(struct.unpack("<HH", header[26:30])), io.SEEK_CUR)
            left = self.packed
            while left:
                chunk = file.read(min(left, CHUNK_BYTES))
                if not chunk:
                    raise _damaged(self.archive, "it became shorter while it was being sent")
                left -= len(chunk)
                yield chunk


@dataclass(frozen=True)
class Member:
    """One file of a wheel: its path in a release, its SHA-256, its size in bytes."""

    path: str
    digest: str
    size: int
    executable: bool
    source: MemberSource


@dataclass(frozen=True)
class Wheel:
    """What a wheel contains. ``imports``: its top-level modules; ``scripts``: its commands, "module:function" each.

    ``requires`` is all that decides what it needs beside itself: its tags, its Python and its requirements.
    """

    path: Path
    name: str
    version: str
    requires: tuple[str, ...]
    members: tuple[Member, ...]
    imports: tuple[str, ...]
    entry_points: tuple[str, ...]
    scripts: dict[str, str]


def read_wheel(path: Path) -> Wheel:
    """Read a wheel and check every file in it. Raises DeploymentError when anything is not as its record says."""
    try:
        with zipfile.ZipFile(path) as archive:
            return _read(path, archive)
    except (OSError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
        raise _damaged(path, f"it cannot be read: {error or type(error).__name__}") from error


def _read(path: Path, archive: zipfile.ZipFile) -> Wheel:
    name, version = [*path.name.split("-"), ""][:2]
    information = next((one for one in archive.namelist() if re.fullmatch(r"[^/]+\.dist-info/RECORD", one)), None)
    if information is None:
        raise _damaged(path, "it is no wheel: it has no RECORD")
    information = information.removesuffix("RECORD")
    record = _record(path, archive.read(f"{information}RECORD").decode())
    members = []
    for info in archive.infolist():
        if info.is_dir():
            continue
        digest = _checked_digest(path, archive, info, record, information)
        mode = info.external_attr >> 16
        target = _target(path, info.filename)
        if stat.S_ISLNK(mode):
            raise _damaged(path, f"'{info.filename}' is a symbolic link, which a wheel must not have")
        source = MemberSource(path, info.header_offset, info.compress_size, info.compress_type == zipfile.ZIP_DEFLATED)
        executable = bool(mode & 0o111) or target.startswith("bin/")
        members.append(Member(target, digest, info.file_size, executable, source))
    missing = record.keys() - set(archive.namelist())
    if missing:
        raise _damaged(path, f"'{min(missing)}' is in its RECORD and not in the archive")
    scripts, entry_points = _entry_points(path, archive, f"{information}entry_points.txt")
    requires = _requires(path, archive, f"{information}METADATA")
    return Wheel(path, name, version, requires, tuple(members), _imports(members), entry_points, scripts)


def _record(path: Path, text: str) -> dict[str, str]:
    """Each file's digest as the wheel's RECORD has it: "sha256=..."."""
    rows = [row for row in csv.reader(io.StringIO(text)) if row]
    if any(len(row) != 3 for row in rows):  # noqa: PLR2004 - path, digest, size
        raise _damaged(path, "its RECORD is not a table of three columns")
    return {row[0]: row[1] for row in rows}


def _checked_digest(
    path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo, record: dict[str, str], information: str
) -> str:
    """The file's SHA-256, in hexadecimal. Raises DeploymentError unless it is the recorded one."""
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise _damaged(path, f"'{info.filename}' is compressed by a method that wheels do not use")
    whole = hashlib.sha256()
    with archive.open(info) as file:
        while chunk := file.read(1 << 20):
            whole.update(chunk)
    if not info.filename.startswith(f"{information}RECORD"):
        recorded = record.get(info.filename, "")
        method, _, value = recorded.partition("=")
        found = base64.urlsafe_b64encode(
            whole.digest() if method == "sha256" else _digest(archive, info, method)
        ).decode()
        if not value or found.rstrip("=") != value.rstrip("="):
            raise _damaged(path, f"'{info.filename}' is not as its RECORD says ({recorded or 'no digest'})")
    return whole.hexdigest()


def _digest(archive: zipfile.ZipFile, info: zipfile.ZipInfo, method: str) -> bytes:
    return hashlib.new(method, archive.read(info)).digest() if method in ("sha384", "sha512") else b""


def _target(path: Path, name: str) -> str:
    """Where a member belongs in a release: below site/, bin/ or data/."""
    parts = PurePosixPath(name).parts
    if name.startswith("/") or ".." in parts or "\\" in name or "\0" in name or not parts:
        raise _damaged(path, f"'{name}' would lie outside of the release")
    if len(parts) > 2 and parts[0].endswith(".data"):  # noqa: PLR2004 - name.data/kind/file
        rest = "/".join(parts[2:])
        kinds = {"purelib": "site", "platlib": "site", "scripts": "bin"}
        return f"{kinds.get(parts[1], f'data/{parts[1]}')}/{rest}"
    return "/".join(("site", *parts))


def _imports(members: list[Member]) -> tuple[str, ...]:
    names = set()
    for member in members:
        first, *rest = PurePosixPath(member.path).parts[1:] or ("",)
        if member.path.startswith("site/") and member.path.endswith(SUFFIXES):
            names.add(first if rest else first.split(".")[0])
    return tuple(sorted(name for name in names if name.isidentifier() and name not in NOT_IMPORTED))


def _requires(path: Path, archive: zipfile.ZipFile, name: str) -> tuple[str, ...]:
    if name not in archive.namelist():
        raise _damaged(path, f"it has no {name}")
    metadata = email.message_from_bytes(archive.read(name))
    found = [*metadata.get_all("Requires-Dist", []), *metadata.get_all("Requires-Python", [])]
    return (*path.stem.split("-")[2:], *sorted(map(str, found)))


def _entry_points(path: Path, archive: zipfile.ZipFile, name: str) -> tuple[dict[str, str], tuple[str, ...]]:
    """The commands by name, and all entry points of every group; those that need an extra are not among them."""
    if name not in archive.namelist():
        return {}, ()
    parser = configparser.ConfigParser(delimiters=("=",), interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # names keep their case, as the format says
    try:
        parser.read_string(archive.read(name).decode())
    except (configparser.Error, UnicodeDecodeError) as error:
        raise _damaged(path, f"its entry_points.txt cannot be read: {error}") from error
    plain = {
        group: {key: value.strip() for key, value in parser.items(group) if "[" not in value}
        for group in parser.sections()
    }
    scripts = plain.get("console_scripts", {})
    wrong = [key for key in scripts if not re.fullmatch(r"[\w.-]+", key) or key.startswith(".")]
    if wrong:
        raise _damaged(path, f"the command '{wrong[0]}' has a name that is no file name")
    return scripts, tuple(sorted({value for group in plain.values() for value in group.values()}))


def _damaged(path: Path, what: str) -> DeploymentError:
    return DeploymentError(
        f"the wheel is damaged or no wheel: {what}",
        where=str(path),
        fix="nothing was sent; get or build the wheel anew (delete it if it is in the cache)",
    )
