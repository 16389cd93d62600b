"""How many nodes of what size: from the command line or from resources/topologies/*.yaml."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from sage_lab.errors import TopologyError, YamlFileError
from sage_lab.yaml_file import read_yaml

MIB = 1024**2
GIB = 1024**3
UNITS = {"KiB": 1024, "MiB": MIB, "GiB": GIB}
LARGEST_LAB = 200
NODE_NAME = re.compile(r"[a-z](?:[a-z0-9-]{0,30}[a-z0-9])?")
RESERVED = re.compile(r"head|controller|control|cluster|base|localhost|worker-\d+|.*-control")


@dataclass(frozen=True)
class Topology:
    """One head, ``workers`` workers, and the named ``spares``; the sizes are in bytes and hold for each node.

    ``memory`` is what the processes of a node may use, ``disk`` what may be written below its root,
    ``shared_memory`` the size of /dev/shm, ``processes`` the number of processes and threads.
    """

    workers: int = 2
    spares: tuple[str, ...] = ()
    memory: int = 2 * GIB
    disk: int = 2 * GIB
    shared_memory: int = 512 * MIB
    processes: int = 8192

    @classmethod
    def of(cls, workers: int = 2, spares: Iterable[str] = ()) -> Topology:
        """A topology of the usual sizes; raises TopologyError."""
        return cls.from_mapping({"workers": workers, "spares": list(spares)}, where="topology")

    @classmethod
    def load(cls, path: str | Path) -> Topology:
        """Read a topology file; raises TopologyError that names the file, the key and the value."""
        try:
            _, content = read_yaml(Path(path))
        except OSError as error:
            known = ", ".join(str(file) for file in sorted(Path(path).parent.glob("*.yaml"))) or "none"
            raise TopologyError(
                f"cannot be read: {error.strerror}", where=str(path), fix=f"topologies there: {known}"
            ) from error
        except YamlFileError as error:
            raise TopologyError(error.what, where=error.where, fix=error.fix) from error
        return cls.from_mapping(content, where=str(path))

    @classmethod
    def from_mapping(cls, content: Mapping[Any, Any], where: str) -> Topology:
        """A topology from parsed YAML or JSON; raises TopologyError."""
        known = [field.name for field in fields(cls)]
        for key in content:
            if key not in known:
                raise TopologyError(f"unknown key {key!r}", where=where, fix=f"known keys: {', '.join(known)}")
        values: dict[str, Any] = dict(content)
        workers = _count(values.get("workers", cls.workers), "workers", where, least=0)
        values["workers"] = workers
        values["spares"] = _spares(values.get("spares"), where)
        if "processes" in values:
            values["processes"] = _count(values["processes"], "processes", where, least=64)
        for key in ("memory", "disk", "shared_memory"):
            if key in values:
                values[key] = _size(values[key], key, where)
        if 1 + workers + len(values["spares"]) > LARGEST_LAB:
            raise TopologyError(
                f"{workers} workers and {len(values['spares'])} spares are too many",
                where=where,
                fix=f"a lab has at most {LARGEST_LAB} nodes",
            )
        return cls(**values)

    def as_dict(self) -> dict[str, Any]:
        """Plain values that ``from_mapping`` reads back."""
        return {**asdict(self), "spares": list(self.spares)}


def _count(value: object, key: str, where: str, *, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise TopologyError(f"{key} is {value!r}", where=f"{where}, {key}", fix=f"give a whole number from {least} on")
    return value


def _spares(value: object, where: str) -> tuple[str, ...]:
    names = [] if value is None else value
    if not isinstance(names, list | tuple):
        raise TopologyError(f"spares is {value!r}", where=f"{where}, spares", fix="give a list of names")
    seen: list[str] = []
    for name in names:
        if not isinstance(name, str) or not NODE_NAME.fullmatch(name):
            raise TopologyError(
                f"{name!r} cannot be a node's name",
                where=f"{where}, spares",
                fix="use up to 32 small letters, digits and hyphens, a letter first",
            )
        if RESERVED.fullmatch(name) or name in seen:
            raise TopologyError(f"the name {name!r} is taken", where=f"{where}, spares", fix="choose another name")
        seen.append(name)
    return tuple(seen)


def _size(value: object, key: str, where: str) -> int:
    size = value if isinstance(value, int) and not isinstance(value, bool) else None
    if isinstance(value, str) and (match := re.fullmatch(r"(\d+) ?(KiB|MiB|GiB)", value)):
        size = int(match[1]) * UNITS[match[2]]
    if size is None or size < 64 * MIB:
        raise TopologyError(
            f"{key} is {value!r}",
            where=f"{where}, {key}",
            fix="give bytes or a size like '512 MiB' or '2 GiB', 64 MiB at least",
        )
    return size
