"""How machines are, as libvirt says, and what they tell of themselves over SSH."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from sage_lab.errors import CommandTimeoutError, MachineError, NodeStateError
from sage_lab.model import LabNode, NodeHealth
from sage_lab.providers import sshd
from sage_lab.providers.ssh_access import SshAccess
from sage_lab.providers.vagrant.libvirt import Domain

Sizes = dict[str, tuple[int, int]]
_COMMAND = "cat /proc/meminfo; df --block-size=1 --output=used,size /"
_ANSWER = 5
"""So many times as long as a greeting an answer may take."""


def ask(way: SshAccess, timeout: float = 10.0) -> Sizes:
    """``memory`` and ``disk``: the bytes in use, and how many there are. Raises what ``SshAccess.run`` raises."""
    said = way.run(["sh", "-c", _COMMAND], timeout=timeout).stdout.split()
    total, free = (int(said[said.index(word) + 1]) * 1024 for word in ("MemTotal:", "MemAvailable:"))
    return {"memory": (total - free, total), "disk": (int(said[-2]), int(said[-1]))}


def of_all(
    nodes: Sequence[LabNode], domains: Mapping[str, Domain], ways: Mapping[str, SshAccess], *, greet: float
) -> list[NodeHealth]:
    """All virtual machines at once; the SSH server of a healthy one greets within ``greet`` seconds."""
    running = [node for node in nodes if domains[node.name].state() == "running"]
    answering = sshd.answering(lambda work: work(), running, timeout=greet)

    def look(node: LabNode) -> NodeHealth:
        domain, ssh, sizes = domains[node.name], answering.get(node.name, False), Sizes()
        if ssh:
            ssh = False
            # Between the greeting and the answer it may fall silent, or refuse the key.
            with contextlib.suppress(NodeStateError, CommandTimeoutError, MachineError):
                sizes = ask(ways[node.name], timeout=_ANSWER * greet)
                ssh = True
        return NodeHealth.of(node, state=domain.state(), ssh=ssh, plugged=domain.plugged(), **sizes)

    with ThreadPoolExecutor(max_workers=len(nodes)) as pool:
        return list(pool.map(look, nodes))
