"""The files that a lab gives its users: names, host keys, the OpenSSH and the SAGE configuration."""

from __future__ import annotations

import os
import re
import socket
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path

import yaml

from sage_lab.inventory import Inventory
from sage_lab.machine import commands
from sage_lab.machine.namespaces import HOSTS
from sage_lab.model import CLUSTER_NETWORK, CONTROL_NETWORK, CONTROLLER, LabNode

USER = "sage"
SSH_PORT = 22
HOST_KEY = "ssh_host_ed25519_key"
TEMP_DIRECTORY = "/tmp/ray"  # noqa: S108 - on the nodes
CONNECT_TIMEOUT = 10
"""Seconds that OpenSSH waits for a node of pace 1."""
SLOW_NODES = "sage_lab.slow_nodes"
"""The entry points of those who wait for the nodes beside OpenSSH; each is called with the SAGE configuration's path
and the pace."""


def controller_addresses(control: str, cluster: str) -> dict[str, str]:
    """This machine's addresses by their names, on these two networks (the first three numbers of each)."""
    return {"controller": f"{cluster}.{CONTROLLER}", "controller-control": f"{control}.{CONTROLLER}"}


CONTROLLER_ADDRESSES = controller_addresses(CONTROL_NETWORK, CLUSTER_NETWORK)


def make_key(path: Path, comment: str) -> str:
    """Make an ed25519 key pair, the private half for its owner only; returns the public half."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    commands.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)])
    return path.with_name(f"{path.name}.pub").read_text(encoding="utf-8").strip()


def write_all(
    directory: Path,
    nodes: Sequence[LabNode],
    host_keys: Sequence[str],
    *,
    controller: Mapping[str, str] = CONTROLLER_ADDRESSES,
    environment_home: str = sys.prefix,
    dashboard: bool = True,
) -> None:
    """Write the files below into the lab's directory; ``host_keys`` are the nodes' public keys, in order.

    ``controller`` has this machine's addresses by their names, ``environment_home`` is where the nodes have Ray.
    Without ``dashboard`` Ray starts only what a cluster cannot do without.
    """
    public = {node.name: key for node, key in zip(nodes, host_keys, strict=True)}
    key, known = directory / "keys" / USER, directory / "known_hosts"
    for name, text in {
        "hosts": hosts(nodes, controller),
        HOSTS: hosts_of_controller(nodes, controller),
        "known_hosts": known_hosts(nodes, public),
        "ssh_config": ssh_config(nodes, key, known),
        "config.yaml": sage_config(nodes, key, known, environment_home, dashboard=dashboard),
    }.items():
        (directory / name).write_text(text, encoding="utf-8")


def hosts(nodes: Sequence[LabNode], controller: Mapping[str, str] = CONTROLLER_ADDRESSES) -> str:
    """The hosts file: a node's name is its cluster address, ``<name>-control`` its control address."""
    lines = ["127.0.0.1 localhost", *(f"{address} {name}" for name, address in controller.items())]
    for node in nodes:
        lines += [f"{node.cluster_address} {node.name}", f"{node.control_address} {node.name}-control"]
    return "\n".join(lines) + "\n"


def hosts_of_controller(nodes: Sequence[LabNode], controller: Mapping[str, str]) -> str:
    """The hosts file of an entered controller, which knows its own machine's name too."""
    return hosts(nodes, controller) + f"{controller['controller']} {socket.gethostname()}\n"


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
    blocks = [_host_block(node.name, node.control_address, node.port) for node in nodes]
    return "\n".join([*blocks, _host_settings(USER, key, known)])


def _host_block(name: str, address: str, port: int) -> str:
    listens = f"    Port {port}\n" if port != SSH_PORT else ""
    return f"Host {name}\n    HostName {address}\n{listens}"


def _host_settings(user: str, key: Path, known: Path) -> str:
    return (
        "Host *\n"
        f"    User {user}\n"
        f'    IdentityFile "{key}"\n'
        "    IdentitiesOnly yes\n"
        f'    UserKnownHostsFile "{known}"\n'
        "    GlobalKnownHostsFile none\n"
        "    StrictHostKeyChecking yes\n"
        "    PasswordAuthentication no\n"
        f"    ConnectTimeout {CONNECT_TIMEOUT}\n"
        "    LogLevel ERROR\n"
    )


def sage_config(
    nodes: Sequence[LabNode], key: Path, known: Path, environment_home: str = sys.prefix, *, dashboard: bool = True
) -> str:
    """The SAGE configuration of the lab, as YAML; spares are not in it."""
    programs = {"ray_command": f"{environment_home}/bin/ray", "python_path": f"{environment_home}/bin/python"}
    node = {
        "temp_dir": TEMP_DIRECTORY,
        "num_cpus": 1,
        "object_store_memory": 80_000_000,
    }
    lean = {} if dashboard else {"ray_args": ["--include-log-monitor=false"]}
    config = {
        "head": {
            "host": "head",
            "head_port": 6379,
            "dashboard_port": 8265,
            "dashboard_host": "0.0.0.0",  # noqa: S104 - inside the sealed network
            **programs,
            **node,
            **({} if dashboard else {"dashboard": False, "ray_args": [*lean["ray_args"], "--no-monitor"]}),
        },
        "worker": {**node, **lean},
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

    return _yaml(config)


def be_patient(config: Path, ssh: Path, pace: float) -> None:
    """Let OpenSSH, and who uses the SAGE configuration, wait so many times longer for the nodes."""
    logins = ssh.read_text(encoding="utf-8")
    patience = f"ConnectTimeout {round(CONNECT_TIMEOUT * pace)}"
    ssh.write_text(re.sub(r"ConnectTimeout \d+", patience, logins), encoding="utf-8")
    for waiting in entry_points(group=SLOW_NODES):
        waiting.load()(config, pace)


def write_static(directory: Path, inventory: Inventory) -> None:
    """Write the OpenSSH and the SAGE configuration of machines that exist already into the lab's directory."""
    key, known = Path(inventory.machines[0].key), Path(inventory.known_hosts)
    blocks = [_host_block(one.name, one.control_address or one.host, one.port) for one in inventory.machines]
    blocks.append(_host_settings(inventory.machines[0].user, key, known))
    (directory / "ssh_config").write_text("\n".join(blocks), encoding="utf-8")
    (directory / "config.yaml").write_text(static_sage_config(inventory), encoding="utf-8")


def static_sage_config(inventory: Inventory) -> str:
    """The SAGE configuration of machines that exist already, as YAML; spares are not in it."""
    head = inventory.machines[0]
    others = [one for one in inventory.machines if one.role == "worker"]
    sizes = {"num_cpus": inventory.num_cpus, "object_store_memory": inventory.object_store_memory}
    node = {
        "temp_dir": inventory.temp_dir,
        "log_dir": inventory.log_dir,
        **{key: value for key, value in sizes.items() if value is not None},
    }
    # Those outside of the cluster may join it, by the same program: take theirs when there is no worker.
    program = (others or [one for one in inventory.machines if one.role == "spare"] or [head])[0]
    return _yaml(
        {
            "head": {
                "host": head.host,
                "ssh_port": head.port,
                "ray_command": head.ray,
                "python_path": head.python,
                # The lab asks the dashboard from this machine when Ray itself noticed a fault.
                "dashboard_host": "0.0.0.0",  # noqa: S104
                **node,
            },
            "worker": node,
            "ssh": {
                "user": head.user,
                "key_path": head.key,
                "known_hosts": inventory.known_hosts,
                "host_keys": "strict",
                "workers": [{"host": one.host, "port": one.port} for one in others],
            },
            "remote": {"ray_command": program.ray, "python_path": program.python},
        }
    )


def _yaml(config: Mapping[str, object]) -> str:
    class Plain(yaml.SafeDumper):
        def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - the name is PyYAML's
            return True

    return yaml.dump(config, Dumper=Plain, sort_keys=False)
