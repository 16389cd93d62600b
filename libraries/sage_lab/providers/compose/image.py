"""The image of a Compose lab's nodes: this machine without its private things, provisioned; programs are mounted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sage_lab import files
from sage_lab.model import LabNode
from sage_lab.providers.compose.engine import Engine
from sage_lab.providers.container import base_layer


def make(engine: Engine, root: Path, nodes: Sequence[LabNode], user_key: str, shared: Sequence[Path]) -> None:
    """Make the image in the engine, by way of the new directory ``root``; raises ProvisionError, HostCommandError.

    ``shared`` are the directories of this machine that the nodes see; ``user_key`` lets the cluster's user in.
    """
    root.mkdir()
    base_layer.prepare_image(root, shared)
    base_layer.write_network_files(root / "etc", files.hosts(nodes))
    mounts = {**{path: path for path in shared}, base_layer.PROVISION: base_layer.STEPS}
    steps = ["env", *base_layer.settings(user_key), *base_layer.provisioning()]
    base_layer.check(engine.build_image(root, steps, mounts))
