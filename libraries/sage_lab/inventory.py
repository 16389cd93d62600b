"""Machines that exist already: which they are and how they are reached, from an inventory file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, get_args

from sage_lab.errors import InventoryError
from sage_lab.inventory_file import Entry, read
from sage_lab.model import Become, Role
from sage_lab.topology import NODE_NAME, Topology

_MACHINE_KEYS = ("name", "role", "host", "control_address", "port", "user", "key", "become", "python", "ray")
_FOR_ALL = ("port", "user", "key", "become", "python", "ray")
_LARGEST_PORT = 65535


@dataclass(frozen=True)
class ListedMachine:
    """One machine. ``host`` is its name or address for the cluster, ``control_address`` one for the lab alone."""

    name: str
    role: Role
    host: str
    user: str
    key: str
    port: int = 22
    control_address: str = ""
    become: Become = "sudo"
    python: str = "python3"
    ray: str = "ray"


@dataclass(frozen=True)
class Inventory:
    """The machines, the head first and the spares last, and what Ray is told on each of them.

    Paths of this machine (``key``, ``known_hosts``) are absolute, those of the machines as they were written.
    """

    path: str
    machines: tuple[ListedMachine, ...]
    known_hosts: str
    temp_dir: str = "/tmp/ray"  # noqa: S108 - on the machines
    log_dir: str = "~/.sage/logs"
    num_cpus: int | None = None
    object_store_memory: int | None = None

    @classmethod
    def load(cls, path: str | Path) -> Inventory:
        """Read an inventory file; raises InventoryError that names the file, the line and the key."""
        top = read(Path(path))
        top.only((*[field.name for field in fields(cls) if field.name != "path"], *_FOR_ALL))
        machines = [_machine(entry, top) for entry in top.entries("machines")]
        _check(machines, top)
        order = ("head", "worker", "spare")
        return cls(
            path=str(Path(path).resolve()),
            machines=tuple(sorted(machines, key=lambda one: order.index(one.role))),
            known_hosts=top.local_path("known_hosts", "~/.ssh/known_hosts"),
            temp_dir=top.text("temp_dir", cls.temp_dir),
            log_dir=top.text("log_dir", cls.log_dir),
            num_cpus=top.number("num_cpus", None),
            object_store_memory=top.number("object_store_memory", None),
        )

    @classmethod
    def from_mapping(cls, content: Mapping[str, Any]) -> Inventory:
        """The inventory that ``as_dict`` gave."""
        return cls(**{**content, "machines": tuple(ListedMachine(**one) for one in content["machines"])})

    def as_dict(self) -> dict[str, Any]:
        """Plain values that ``from_mapping`` reads back."""
        return {**asdict(self), "machines": [asdict(one) for one in self.machines]}

    def topology(self) -> Topology:
        """How many machines there are of each role; the sizes are not those of the machines."""
        workers = sum(one.role == "worker" for one in self.machines)
        return Topology(workers=workers, spares=tuple(one.name for one in self.machines if one.role == "spare"))

    def need(self, wanted: Topology) -> None:
        """Raise InventoryError unless there are at least as many workers, and the spares of these names."""
        have = self.topology()
        missing = [spare for spare in wanted.spares if spare not in have.spares]
        if have.workers < wanted.workers or missing:
            raise InventoryError(
                f"has {have.workers} workers and the spares {', '.join(have.spares) or 'none'}; wanted are "
                f"{wanted.workers} workers and the spares {', '.join(wanted.spares) or 'none'}",
                where=self.path,
                fix="add machines with 'role: worker' or 'role: spare'",
            )


def _machine(entry: Entry, top: Entry) -> ListedMachine:
    entry.only(_MACHINE_KEYS)

    def of(key: str) -> Entry:
        return entry if entry.has(key) or not top.has(key) else top

    name = entry.text("name")
    if not NODE_NAME.fullmatch(name):
        raise entry.wrong("name", f"{name!r} cannot be a node's name", "use up to 32 small letters, digits and hyphens")
    port = of("port").number("port", ListedMachine.port) or ListedMachine.port
    if port > _LARGEST_PORT:
        raise of("port").wrong("port", f"{port} is no port", "give a number from 1 to 65535")
    role: Role = entry.choice("role", get_args(Role), "worker")
    become: Become = of("become").choice("become", get_args(Become), ListedMachine.become)
    return ListedMachine(
        name=name,
        role=role,
        host=entry.text("host", name),
        user=of("user").text("user"),
        key=of("key").local_path("key"),
        port=port,
        control_address=entry.text("control_address", ""),
        become=become,
        python=of("python").text("python", ListedMachine.python),
        ray=of("ray").text("ray", ListedMachine.ray),
    )


def _check(machines: list[ListedMachine], top: Entry) -> None:
    """What only all machines together tell."""
    heads = [one.name for one in machines if one.role == "head"]
    if len(heads) != 1:
        raise top.wrong("machines", f"{len(heads)} machines have the role head", "give it to exactly one")
    for key in ("name", "host"):
        values = [f"{getattr(one, key)}:{one.port}" if key == "host" else one.name for one in machines]
        twice = sorted({value for value in values if values.count(value) > 1})
        if twice:
            raise top.wrong("machines", f"more than one machine has the {key} {twice[0]}", "name each machine once")
    for key in ("user", "key"):
        values = sorted({getattr(one, key) for one in machines})
        if len(values) > 1:
            raise top.wrong(
                key, f"differs between the machines: {', '.join(values)}", "sage-cluster logs in alike on all nodes"
            )
    for key in ("python", "ray"):
        values = sorted({getattr(one, key) for one in machines if one.role != "head"})
        if len(values) > 1:
            raise top.wrong(
                key, f"differs between the workers: {', '.join(values)}", "have it at the same path on all of them"
            )
