"""What tells a lab that was built by other code than this."""

from __future__ import annotations

import hashlib
from pathlib import Path

from sage_lab.providers.container.base_layer import PROVISION


def of_code() -> str:
    """The steps and the code that make the nodes: others make another lab."""
    digest = hashlib.sha256()
    package = Path(__file__).parent
    sources = [*PROVISION.glob("*.sh"), *(package / "providers").rglob("*.py"), package / "files.py"]
    for path in sorted(sources):
        digest.update(path.read_bytes())
    return digest.hexdigest()
