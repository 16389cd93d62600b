"""Source trees of projects, and a platform that they are built for."""

from __future__ import annotations

from pathlib import Path

from sage_cluster.deployment.platform import NodePlatform

HERE = NodePlatform("3.11.7", "cp", "x86_64", "glibc 2.36", (("ray", "2.60.0"),))
BACKEND = """
import base64, hashlib, zipfile
def build_wheel(directory, settings=None, metadata=None):
    name = "hello-1.0-py3-none-any.whl"
    with zipfile.ZipFile(f"{directory}/{name}", "w") as archive:
        def put(path, data):
            archive.writestr(path, data)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
            return f"{path},sha256={digest},{len(data)}"
        rows = [put("hello.py", open("hello.py", "rb").read())]
        rows.append(put("hello-1.0.dist-info/METADATA", b"Metadata-Version: 2.1\\nName: hello\\nVersion: 1.0\\n"))
        kind = b"Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
        rows.append(put("hello-1.0.dist-info/WHEEL", kind))
        put("hello-1.0.dist-info/RECORD", "\\n".join([*rows, "hello-1.0.dist-info/RECORD,,"]).encode())
    return name
"""
PROJECT = {
    "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
    "backend.py": BACKEND,
    "hello.py": "ANSWER = 42\n",
}
"""A project that needs nothing from an index to be built."""


def lay_out(root: Path, files: dict[str, str]) -> Path:
    """Write the files, by their names below ``root``, which is returned."""
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root
