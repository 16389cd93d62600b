"""The files that tell Docker Compose about one lab: a service for each node, and the values for compose.yaml."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from sage_lab.model import LabNode
from sage_lab.providers.container.runc import available_capabilities
from sage_lab.topology import Topology

PROJECT_FILE = Path(__file__).resolve().parents[4] / "compose.yaml"
WRITABLE = ("etc", "home", "opt", "root", "srv", "tmp", "var")
"""The directories of a node's root that lie on its disk; all others are read-only."""
_READ_ONLY = {"read_only": True}


def settings(topology: Topology, image: str, control: str, cluster: str) -> str:
    """The variables of compose.yaml, one a line. The memory also has to hold the node's disk, which is a tmpfs."""
    values = {
        "SAGE_IMAGE": image,
        "SAGE_CONTROL_NETWORK": control,
        "SAGE_CLUSTER_NETWORK": cluster,
        "SAGE_MEMORY": f"{topology.memory + topology.disk}",
        "SAGE_SHARED_MEMORY": f"{topology.shared_memory}",
        "SAGE_PROCESSES": topology.processes,
    }
    return "".join(f"{name}={value}\n" for name, value in values.items())


def services(nodes: Sequence[LabNode], directory: Path, project: str, shared: Sequence[Path]) -> str:
    """The Compose file with a service for each node; ``shared`` are the directories of this machine that nodes see."""
    content = {
        "services": {node.name: _service(node, directory, project, shared) for node in nodes},
        "volumes": {
            f"{node.name}-{part}": _volume(disk(directory, node) / part) for node in nodes for part in WRITABLE
        },
    }
    return yaml.safe_dump(content, sort_keys=False)


def disk(directory: Path, node: LabNode) -> Path:
    """Where the node's disk lies on this machine, with a directory for each that is WRITABLE."""
    return directory / "layers" / node.name


def _service(node: LabNode, directory: Path, project: str, shared: Sequence[Path]) -> Mapping[str, Any]:
    volumes = [
        *(_bind(path, path, **_READ_ONLY) for path in shared),
        *({"type": "volume", "source": f"{node.name}-{part}", "target": f"/{part}"} for part in WRITABLE),
        _bind(directory / "hosts", Path("/etc/hosts"), **_READ_ONLY),
        _bind(directory / "keys" / node.name, Path("/run/host-key"), **_READ_ONLY),
    ]
    return {
        "extends": {"file": str(PROJECT_FILE), "service": "node"},
        "scale": 1,
        "container_name": f"{project}.{node.name}",
        "hostname": node.name,
        "environment": {"CONTROL_ADDRESS": node.control_address, "CLUSTER_ADDRESS": node.cluster_address},
        "cap_add": [name.removeprefix("CAP_") for name in available_capabilities()],
        "volumes": volumes,
        "networks": {
            "control": {"ipv4_address": node.control_address},
            "cluster": {"ipv4_address": node.cluster_address},
        },
    }


def _bind(source: Path, target: Path, **more: bool) -> dict[str, Any]:
    # A directory that is missing here is a mistake, not one to be made.
    bind = {"create_host_path": False}
    return {"type": "bind", "source": str(source), "target": str(target), "bind": bind, **more}


def _volume(directory: Path) -> dict[str, Any]:
    """A directory of this machine; being empty, it gets first what the image has there."""
    return {"driver": "local", "driver_opts": {"type": "none", "o": "bind", "device": str(directory)}}
