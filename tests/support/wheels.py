"""Wheels as a build tool makes them, and damaged ones."""

from __future__ import annotations

import base64
import hashlib
import stat
import zipfile
from pathlib import Path

Files = dict[str, bytes]
PLAIN: Files = {"hello/__init__.py": b"def greet():\n    return 'hello'\n" * 50, "hello/data.bin": b"\0\1"}


def make_wheel(
    directory: Path,
    files: Files = PLAIN,
    *,
    name: str = "hello",
    version: str = "1.0",
    entry_points: bytes = b"",
    requires: tuple[str, ...] = (),
    record: str | None = None,
    links: tuple[str, ...] = (),
    compression: int = zipfile.ZIP_DEFLATED,
) -> Path:
    """A wheel as a build tool makes it; ``record`` replaces the true RECORD."""
    info = f"{name}-{version}.dist-info"
    head = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata = head + "".join(f"Requires-Dist: {one}\n" for one in requires)
    tag = b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    members = {**files, f"{info}/METADATA": metadata.encode(), f"{info}/WHEEL": tag}
    if entry_points:
        members[f"{info}/entry_points.txt"] = entry_points
    rows = []
    for path, data in members.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
        rows.append(f"{path},sha256={digest},{len(data)}")
    rows.append(f"{info}/RECORD,,")
    members[f"{info}/RECORD"] = ("\n".join(rows) if record is None else record).encode()
    directory.mkdir(parents=True, exist_ok=True)
    wheel = directory / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", compression) as archive:
        for path, data in members.items():
            one = zipfile.ZipInfo(path)
            one.compress_type = compression
            one.external_attr = (stat.S_IFLNK | 0o777 if path in links else stat.S_IFREG | 0o644) << 16
            archive.writestr(one, data)
    return wheel
