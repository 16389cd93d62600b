"""The sealed network of a container lab: two bridges in a network namespace of its own, two links per node.

The lab's namespace carries the lab's name, a node's ``<lab>.<node>``. On a node the links are ``control0``
and ``cluster0``; in the lab's namespace their ends are ports of the bridges, ``control-<n>`` and
``cluster-<n>`` with the last number of the node's address. There is no default route, no uplink, no IPv6.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sage_lab.errors import LabError, LabNameError
from sage_lab.ledger import Ledger, undoes
from sage_lab.machine import commands, kernel, lock
from sage_lab.machine.mounts import unmount
from sage_lab.machine.namespaces import NETWORKS, on_network
from sage_lab.model import CLUSTER_NETWORK, CONTROL_NETWORK, CONTROLLER, LabNode

LINKS = {"control": CONTROL_NETWORK, "cluster": CLUSTER_NETWORK}
OURS = Path("/run/sage-lab.netns")
"""There while the mount at `NETWORKS` was made for a lab."""
_CARRIER_DEADLINE = 10.0
_POLL = 0.02
_LOOPBACK = ["link set dev lo up"]


class Network:
    """The network of one lab."""

    def __init__(self, lab: str, ledger: Ledger) -> None:
        self.lab = lab
        self._ledger = ledger

    @property
    def path(self) -> Path:
        """The network namespace in which the bridges lie, and which the controller enters."""
        return NETWORKS / self.lab

    def name_of(self, node: LabNode) -> str:
        """The name of a node's network namespace."""
        return f"{self.lab}.{node.name}"

    def path_of(self, node: LabNode) -> Path:
        """The file of a node's network namespace."""
        return NETWORKS / self.name_of(node)

    def build(self, nodes: Sequence[LabNode]) -> None:
        """Make the namespaces, the bridges and every node's links."""
        names = [self.lab, *(self.name_of(node) for node in nodes)]
        with lock.machine():
            taken = [name for name in names if (NETWORKS / name).exists()]
            if taken:
                raise LabNameError(
                    f"network namespaces of these names are somebody else's: {', '.join(taken)}",
                    where=str(NETWORKS),
                    fix="choose another --name",
                )
            # Recorded before the namespaces, so that it is undone after them.
            if OURS.exists() or NETWORKS not in kernel.mount_points():
                self._ledger.record("networks-directory", NETWORKS)
                OURS.touch()
            for name in names:
                self._ledger.record("network", name)
            _batch([f"netns add {name}" for name in names])
        _batch(
            [*_LOOPBACK, *(line for link in LINKS for line in self._bridge(link))],
            inside=self.lab,
        )
        _seal(self.path)
        for node in nodes:
            self._connect(node)

    def rebuild(self, node: LabNode) -> None:
        """Give the node a fresh network as a boot would: what was configured on it before is gone."""
        plugged = self.plugged(node)
        remove_network(self.name_of(node))
        # The old links vanish with their namespace, but only after a moment; gone already is no failure.
        ports = "".join(f"link delete dev {link}-{node.number}\n" for link in LINKS)
        commands.try_run(["ip", "-n", self.lab, "-force", "-batch", "-"], stdin=ports)
        _batch([f"netns add {self.name_of(node)}"])
        self._connect(node)
        if not plugged:
            self.unplug(node)

    def silence(self, node: LabNode) -> None:
        """Take the node's own ends of both links down, as a power cut does: no farewell packet leaves it."""
        _batch([f"link set dev {link}0 down" for link in LINKS], inside=self.name_of(node))

    def unplug(self, node: LabNode) -> None:
        """Take the node's cluster port down: the node sees its cable pulled."""
        commands.run(["ip", "-n", self.lab, "link", "set", "dev", f"cluster-{node.number}", "down"])

    def plug(self, node: LabNode) -> None:
        """Take the node's cluster port up again, and wait until it carries: the kernel needs a moment."""
        port = f"cluster-{node.number}"
        commands.run(["ip", "-n", self.lab, "link", "set", "dev", port, "up"])
        until = time.monotonic() + _CARRIER_DEADLINE
        while (state := self._links()[port]["operstate"]) != "UP":
            if time.monotonic() >= until:
                raise LabError(
                    f"the link is {state} {_CARRIER_DEADLINE:g} s after it was plugged",
                    where=f"{node.name}, port {port}",
                    fix="see the node's end: ip link show cluster0",
                )
            time.sleep(_POLL)

    def plugged(self, node: LabNode) -> bool:
        """Whether the node's cluster port is up."""
        port = self._links().get(f"cluster-{node.number}", {"flags": []})
        return "UP" in port["flags"]

    def _links(self) -> dict[str, dict[str, Any]]:
        said = commands.run(["ip", "-n", self.lab, "-json", "link", "show"]).stdout
        return {link["ifname"]: link for link in json.loads(said)}

    def _bridge(self, link: str) -> list[str]:
        return [
            f"link add name {link} type bridge stp_state 0 forward_delay 0 mcast_snooping 0",
            f"link set dev {link} addrgenmode none",
            f"address add {LINKS[link]}.{CONTROLLER}/24 dev {link}",
            f"link set dev {link} up",
        ]

    def _connect(self, node: LabNode) -> None:
        """Lay both links of a node; their hardware addresses stay the same over power cycles."""
        name = self.name_of(node)
        outer: list[str] = []
        inner = list(_LOOPBACK)
        for index, (link, network) in enumerate(LINKS.items()):
            port, inside = f"{link}-{node.number}", f"{link}0"
            outer += [
                f"link add name {port} type veth peer name {inside} "
                f"address 02:00:c6:12:0{index}:{node.number:02x} netns {name}",
                f"link set dev {port} addrgenmode none master {link}",
                f"link set dev {port} up",
            ]
            inner += [
                f"link set dev {inside} addrgenmode none",
                f"address add {network}.{node.number}/24 dev {inside}",
                f"link set dev {inside} up",
            ]
        _batch(outer, inside=self.lab)
        _batch(inner, inside=name)
        _seal(self.path_of(node))


def _batch(lines: list[str], *, inside: str | None = None) -> None:
    where = ["-n", inside] if inside else []
    commands.run(["ip", *where, "-batch", "-"], stdin="".join(f"{line}\n" for line in lines))


def _seal(namespace: Path) -> None:
    """Neither forward packets (a new namespace takes this over from the machine) nor speak IPv6."""

    def write() -> None:
        for key, value in (("ipv4/ip_forward", "0"), ("ipv6/conf/all/disable_ipv6", "1")):
            setting = Path("/proc/sys/net") / key
            if setting.exists():
                setting.write_text(value, encoding="utf-8")

    on_network(namespace, write)


@undoes("network", owns=lambda lab, target: "/" not in target and target.partition(".")[0] == lab.name)
def remove_network(name: str) -> bool:
    """Remove a named network namespace, and with it every interface in it."""
    path = NETWORKS / name
    found = path.exists()
    if path in kernel.mount_points():
        kernel.umount(path, kernel.MNT_DETACH)
    path.unlink(missing_ok=True)
    return found


@undoes("networks-directory", owns=lambda _, target: target == str(NETWORKS))
def leave_networks_directory(target: str) -> bool:
    """Undo the mount of the directory of namespaces if a lab caused it and nobody's namespaces are in it."""
    directory = Path(target)
    with lock.machine():
        if not OURS.exists() or (directory.exists() and any(directory.iterdir())):
            return False
        found = unmount(target)
        if directory.exists():
            directory.rmdir()
        OURS.unlink()
    return found
