"""The files that a lab gives its users: names, host keys, the OpenSSH and the SAGE configuration."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from sage_lab import environment, host
from sage_lab.model import CLUSTER_NETWORK, CONTROL_NETWORK, CONTROLLER, LabNode
from sage_lab.namespaces import HOSTS

USER = "sage"
HOST_KEY = "ssh_host_ed25519_key"
TEMP_DIRECTORY = "/tmp/ray"  # noqa: S108 - on the nodes
LOG_DIRECTORY = f"/home/{USER}/.sage/logs"


def make_key(path: Path, comment: str) -> str:
    """Make an ed25519 key pair, the private half for its owner only; returns the public half."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    host.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)])
    return path.with_name(f"{path.name}.pub").read_text(encoding="utf-8").strip()


def write_all(directory: Path, nodes: Sequence[LabNode], host_keys: Sequence[str]) -> None:
    """Write the files below into the lab's directory; ``host_keys`` are the nodes' public keys, in order."""
    public = {node.name: key for node, key in zip(nodes, host_keys, strict=True)}
    key, known = directory / "keys" / USER, directory / "known_hosts"
    for name, text in {
        "hosts": hosts(nodes),
        HOSTS: hosts_of_controller(nodes),
        "known_hosts": known_hosts(nodes, public),
        "ssh_config": ssh_config(nodes, key, known),
        "config.yaml": sage_config(nodes, key, known),
    }.items():
        (directory / name).write_text(text, encoding="utf-8")


def hosts(nodes: Sequence[LabNode]) -> str:
    """The hosts file: a node's name is its cluster address, ``<name>-control`` its control address."""
    lines = [
        "127.0.0.1 localhost",
        f"{CLUSTER_NETWORK}.{CONTROLLER} controller",
        f"{CONTROL_NETWORK}.{CONTROLLER} controller-control",
    ]
    for node in nodes:
        lines += [f"{node.cluster_address} {node.name}", f"{node.control_address} {node.name}-control"]
    return "\n".join(lines) + "\n"


def hosts_of_controller(nodes: Sequence[LabNode]) -> str:
    """The hosts file of an entered controller, which knows its own machine's name too."""
    return hosts(nodes) + f"{CLUSTER_NETWORK}.{CONTROLLER} {socket.gethostname()}\n"


def known_hosts(nodes: Sequence[LabNode], public_keys: Mapping[str, str]) -> str:
    """OpenSSH's known hosts: each node's key under its two names and its two addresses."""
    lines = []
    for node in nodes:
        kind, key = public_keys[node.name].split()[:2]
        names = f"{node.name},{node.name}-control,{node.cluster_address},{node.control_address}"
        lines.append(f"{names} {kind} {key}\n")
    return "".join(lines)


def ssh_config(nodes: Sequence[LabNode], key: Path, known: Path) -> str:
    """OpenSSH's client configuration: every node by its name, over the control link."""
    blocks = [f"Host {node.name}\n    HostName {node.control_address}\n" for node in nodes]
    blocks.append(
        "Host *\n"
        f"    User {USER}\n"
        f'    IdentityFile "{key}"\n'
        "    IdentitiesOnly yes\n"
        f'    UserKnownHostsFile "{known}"\n'
        "    GlobalKnownHostsFile none\n"
        "    StrictHostKeyChecking yes\n"
        "    PasswordAuthentication no\n"
        "    ConnectTimeout 10\n"
        "    LogLevel ERROR\n"
    )
    return "\n".join(blocks)


def sage_config(nodes: Sequence[LabNode], key: Path, known: Path) -> str:
    """The SAGE configuration of the lab, as YAML; spares are not in it."""
    programs = {"ray_command": environment.program("ray"), "python_path": environment.program("python")}
    node = {
        "temp_dir": TEMP_DIRECTORY,
        "log_dir": LOG_DIRECTORY,
        "num_cpus": 1,
        "object_store_memory": 80_000_000,
    }
    config = {
        "head": {
            "host": "head",
            "head_port": 6379,
            "dashboard_port": 8265,
            "dashboard_host": "0.0.0.0",  # noqa: S104 - inside the sealed network
            **programs,
            **node,
        },
        "worker": node,
        "ssh": {
            "user": USER,
            "key_path": str(key),
            "known_hosts": str(known),
            "host_keys": "strict",
            # The nodes are on this machine: one that does not answer at once does not answer.
            "connect_timeout": 3,
            "workers": [{"host": one.name, "port": 22} for one in nodes if one.role == "worker"],
        },
        "remote": programs,
        # Nodes that share a machine start slowly together, and Ray gives up on a slow start.
        "cluster": {"start_concurrency": (os.cpu_count() or 1) + 1},
    }

    class Plain(yaml.SafeDumper):
        def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - the name is PyYAML's
            return True

    return yaml.dump(config, Dumper=Plain, sort_keys=False)
