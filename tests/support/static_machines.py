"""The nodes of a container lab, made into machines that somebody might have: with sudo, and an inventory of them."""

from __future__ import annotations

import sys
from pathlib import Path

import yaml

from sage_lab import Lab, LabNode
from sage_lab.machine.environment import program

SUDO = "echo 'sage ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers && chmod 440 /etc/sudoers"


def allow_sudo(lab: Lab) -> None:
    """Let the user sage of each node be root."""
    for node in lab.nodes:
        done = lab.run(node.name, ["sh", "-c", SUDO])
        assert done.returncode == 0, done.stderr


def inventory(lab: Lab, path: Path, **changed: object) -> Path:
    """Write the inventory of the lab's nodes, which are named and reached as the lab's files say."""
    content = {
        "user": "sage",
        "key": str(lab.key_path),
        "known_hosts": str(lab.known_hosts_path),
        "python": program("python"),
        "ray": program("ray"),
        "num_cpus": 1,
        "object_store_memory": 80_000_000,
        "machines": [machine(node) for node in lab.nodes],
        **changed,
    }
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path


def machine(node: LabNode) -> dict[str, object]:
    """One machine, found by its name in the lab's network."""
    return {"name": node.name, "role": node.role, "control_address": node.control_address}


if __name__ == "__main__":
    attached = Lab.attach(sys.argv[1])
    allow_sudo(attached)
    inventory(attached, Path(sys.argv[2]))
