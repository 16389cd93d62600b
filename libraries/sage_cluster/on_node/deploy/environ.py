"""The environment that lets a node's Ray see the release that is deployed there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

DEPLOY = "deploy"
CURRENT = "current"


def deployed_environ(sage_home: str, environ: Mapping[str, str]) -> dict[str, str]:
    """``PYTHONPATH`` and ``PATH`` with the current release first; empty when nothing is deployed.

    The release's own directory is named, not the link to it: a Ray that runs keeps to one release, whatever is
    deployed meanwhile.
    """
    release = (Path(sage_home).expanduser() / DEPLOY / CURRENT).resolve()
    if not sage_home or not (release / "site").is_dir():
        return {}
    return {
        name: ":".join(filter(None, (str(release / directory), environ.get(name))))
        for name, directory in (("PYTHONPATH", "site"), ("PATH", "bin"))
    }
