"""The virtual machines of a lab by ``virsh``: power, freezing, cables, and the removal of what a lab made."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from sage_lab.errors import (
    HostCommandError,
    LabError,
    LabNameError,
    MissingProgramError,
    NodeStateError,
    SweepError,
)
from sage_lab.ledger import undoes
from sage_lab.machine import commands
from sage_lab.model import Completed, State

_TIMEOUT = 60.0
_SNAPSHOT = 300.0
_STATES: dict[str, State] = {"running": "running", "idle": "running", "paused": "paused", "pmsuspended": "paused"}
_GONE = ("failed to get domain", "domain is not running", "Domain not found", "not found")


def name_of(lab: str, what: str) -> str:
    """What libvirt calls a node of the lab, or its network ``control`` or ``cluster``, as the Vagrantfile says."""
    return f"{lab}_{what}"


class Domain:
    """One virtual machine."""

    def __init__(self, lab: str, node: str, link: str) -> None:
        self.name = name_of(lab, node)
        self._node = node
        self._link = link

    def state(self) -> State:
        """``running``, ``paused`` or ``stopped``; a machine that libvirt does not know is ``stopped``."""
        said = _try("domstate", self.name)
        if said.returncode != 0:
            if any(words in said.stderr for words in _GONE):
                return "stopped"
            raise _failed(said)
        return _STATES.get(said.stdout.strip(), "stopped")

    def power_off(self) -> None:
        """Cut the power. Off already is no error."""
        if self.state() != "stopped":
            _virsh("destroy", self.name)

    def power_on(self) -> None:
        """Switch it on. On already is no error."""
        if self.state() == "stopped":
            _virsh("start", self.name)

    def freeze(self) -> None:
        """Stop its processors. Frozen already is no error; NodeStateError when it is off."""
        if self._on("freeze it") == "running":
            _virsh("suspend", self.name)

    def thaw(self) -> None:
        """Let its processors go on. Running already is no error; NodeStateError when it is off."""
        if self._on("thaw it") == "paused":
            _virsh("resume", self.name)

    def plug(self, *, plugged: bool) -> None:
        """Pull the cable of its cluster link, or plug it in."""
        self._on("work on its cable")
        _virsh("domif-setlink", self.name, self._link, "up" if plugged else "down")

    def plugged(self) -> bool:
        """Whether the cable of its cluster link is plugged in; one that is off keeps its cable."""
        said = _try("domif-getlink", self.name, self._link)
        return said.returncode != 0 or said.stdout.split()[-1:] != ["down"]

    def reset(self) -> None:
        """Press its reset button; NodeStateError when it is off."""
        self._on("reset it")
        _virsh("reset", self.name)

    def slow_disk(self, disk: str, most: int | None) -> None:
        """Let one of its disks carry at most so many bytes in a second; any number when nothing is given."""
        _virsh("blkdeviotune", self.name, disk, "--total-bytes-sec", str(most or 0), "--live")

    def save(self, name: str) -> None:
        """Keep its memory and its disks; a snapshot of that name before it goes."""
        if name in _lines("snapshot-list", self.name, "--name"):
            _virsh("snapshot-delete", self.name, name, timeout=_SNAPSHOT)
        _virsh("snapshot-create-as", self.name, name, timeout=_SNAPSHOT)

    def rollback(self, name: str) -> None:
        """Bring its memory and its disks back, frozen; LabError when there is no such snapshot."""
        known = _lines("snapshot-list", self.name, "--name")
        if name not in known:
            raise LabError(
                f"there is no snapshot {name!r}", where=self._node, fix=f"snapshots: {', '.join(known) or 'none'}"
            )
        _virsh("snapshot-revert", self.name, name, "--paused", timeout=_SNAPSHOT)

    def _on(self, what: str) -> State:
        state = self.state()
        if state == "stopped":
            raise NodeStateError(f"cannot {what}: the node is stopped", where=self._node, fix="power it on first")
        return state


def networks() -> str:
    """The XML of all networks that libvirt knows, for their addresses."""
    names = _lines("net-list", "--all", "--name")
    return "\n".join(_virsh("net-dumpxml", name).stdout for name in names)


def need_free_names(domains: Sequence[str], networks: Sequence[str]) -> None:
    """Raise LabNameError when libvirt has one of them already: it is somebody else's, and a sweep would remove it."""
    taken = {*_lines("list", "--all", "--name"), *_lines("net-list", "--all", "--name")} & {*domains, *networks}
    taken |= {volume for domain in domains for _, volume in _volumes(domain)}
    if taken:
        raise LabNameError(
            f"libvirt has machines, volumes or networks of these names: {', '.join(sorted(taken))}",
            where="libvirt",
            fix="choose another --name, or use the SAGE_LAB_HOME of that lab",
        )


def _owns(lab: Path, target: str) -> bool:
    """What the lab recorded, which was nobody's then: the names of labs have no underscore."""
    return target.partition("_")[0] == lab.name


@undoes("libvirt-domain", owns=_owns)
def remove_domain(name: str) -> bool:
    """Remove the machine of exactly that name and its volumes; whether there was any. Raises SweepError."""

    def steps() -> Iterator[list[str]]:
        if name in _lines("list", "--all", "--name"):
            if name in _lines("list", "--name"):
                yield ["destroy", name]
            yield ["undefine", name, "--managed-save", "--snapshots-metadata", "--nvram"]
        # A volume goes after the machine that uses it.
        yield from (["vol-delete", volume, "--pool", pool] for pool, volume in _volumes(name))

    return _remove(steps())


@undoes("libvirt-network", owns=_owns)
def remove_network(name: str) -> bool:
    """Remove the network of exactly that name; whether there was one. Raises SweepError."""

    def steps() -> Iterator[list[str]]:
        if name in _lines("net-list", "--all", "--name"):
            if name in _lines("net-list", "--name"):
                yield ["net-destroy", name]
            yield ["net-undefine", name]

    return _remove(steps())


def _volumes(domain: str) -> list[tuple[str, str]]:
    """Pool and name of a machine's volumes; vagrant-libvirt calls them NAME.img, and NAME-vdb.qcow2."""
    own = re.compile(rf"{re.escape(domain)}(\.img|-vd\w\.\w+)")
    pools = {pool: _lines("vol-list", pool)[2:] for pool in _lines("pool-list", "--name")}
    named = ((pool, line.split()[0]) for pool, lines in pools.items() for line in lines)
    return [(pool, volume) for pool, volume in named if own.fullmatch(volume)]


def _remove(steps: Iterator[list[str]]) -> bool:
    """Take all steps, and raise SweepError that names those which failed; whether there were any."""
    try:
        taken = [(step, _try(*step)) for step in steps]
    except MissingProgramError:
        return False  # without virsh nothing was ever made by it
    except HostCommandError as error:
        raise SweepError(error.what, where="libvirt", fix="start libvirtd, then sweep again") from error
    stayed = [f"virsh {' '.join(step)}: {said.stderr.strip()}" for step, said in taken if said.returncode]
    if stayed:
        raise SweepError("\n  ".join(stayed), where="libvirt", fix="see 'virsh list --all', then sweep again")
    return bool(taken)


def _lines(*words: str) -> list[str]:
    return [line.strip() for line in _virsh(*words).stdout.splitlines() if line.strip()]


def _virsh(*words: str, timeout: float = _TIMEOUT) -> Completed:
    said = _try(*words, timeout=timeout)
    if said.returncode != 0:
        raise _failed(said)
    return said


def _try(*words: str, timeout: float = _TIMEOUT) -> Completed:
    return commands.try_run(["virsh", "--connect", "qemu:///system", *words], timeout=timeout)


def _failed(said: Completed) -> HostCommandError:
    return HostCommandError(
        f"{' '.join(said.argv)} ended with {said.returncode}: {said.stderr.strip()[-2000:]}",
        where="this machine",
        fix="see whether libvirtd runs: sage-lab doctor",
    )
