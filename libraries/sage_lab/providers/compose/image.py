"""The image of a Compose lab's nodes: this machine without its private things, provisioned; programs are mounted."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from sage_lab import files
from sage_lab.errors import ProvisionError
from sage_lab.model import LabNode
from sage_lab.providers.compose.engine import Engine
from sage_lab.providers.container import base_layer, runc
from sage_lab.providers.container.provider import PROVISION

_STEPS = Path("/run/provision")


def make(engine: Engine, root: Path, nodes: Sequence[LabNode], user_key: str, shared: Sequence[Path]) -> None:
    """Make the image in the engine, by way of the new directory ``root``; raises ProvisionError, HostCommandError.

    ``shared`` are the directories of this machine that the nodes see; ``user_key`` lets the cluster's user in.
    """
    root.mkdir()
    base_layer.prepare_image(root, shared)
    base_layer.write_network_files(root / "etc", files.hosts(nodes))
    values = (
        f"SAGE_USER={files.USER}",
        f"SAGE_UID={runc.USERS[files.USER][0]}",
        f"SAGE_AUTHORIZED_KEY={user_key}",
        f"SAGE_ENVIRONMENT={sys.prefix}",
    )
    mounts = {**{path: path for path in shared}, PROVISION: _STEPS}
    ended = engine.build_image(root, ["env", *values, *base_layer.provisioning(_STEPS)], mounts)
    if ended.returncode != 0:
        raise ProvisionError(
            f"a provisioning step failed: {(ended.stderr + ended.stdout).strip()[-2000:]}",
            where=str(PROVISION),
            fix="correct the step named above; each may be run again",
        )
