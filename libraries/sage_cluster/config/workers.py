"""A worker's SSH address: what a valid one is, and the text form "host1:22,[::1]:2222"."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from sage_cluster.errors import ConfigError

SSH_PORT = 22
FIX = "name it as host:port, such as worker-1:22"
EXPECTED_HOST = "a host name (letters, digits, '.', '-', '_') or an IP address"
EXPECTED_PORT = "a port from 1 to 65535"
EXPECTED_NODE_NAME = "a node's name (letters, digits, '.', '-', '_', ':')"
EXPECTED_WORKERS = 'a list of {host, port}, or text such as "host1:22,[::1]:2222"'

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,252}")
_IPV6 = re.compile(r"[0-9A-Fa-f:.]{2,45}(%[A-Za-z0-9._-]+)?")


def check_host(host: str) -> str:
    """Return the host; raise ValueError (the text says what is expected) for what is no host."""
    if _NAME.fullmatch(host):
        return host
    if _IPV6.fullmatch(host):
        try:
            ipaddress.IPv6Address(host)
        except ValueError as error:
            raise ValueError(EXPECTED_HOST) from error
        return host
    raise ValueError(EXPECTED_HOST)


Host = Annotated[str, AfterValidator(check_host), Field(description=EXPECTED_HOST)]
Port = Annotated[int, Field(strict=True, ge=1, le=65535, description=EXPECTED_PORT)]


NodeName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_\[][A-Za-z0-9._:%\]-]{0,270}$", description=EXPECTED_NODE_NAME)]


class Worker(BaseModel):
    """Where a worker's SSH server listens; and its name, where that is not to be the usual one (see `node_names`)."""

    model_config = ConfigDict(frozen=True, extra="allow")

    host: Host
    port: Port = SSH_PORT
    name: Annotated[NodeName | None, Field(description=EXPECTED_NODE_NAME)] = None

    @property
    def place(self) -> tuple[str, int]:
        """What tells it from all other workers: host and SSH port."""
        return self.host, self.port

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def split_worker(text: str) -> dict[str, Any]:
    """Split "host", "host:port" or "[address]:port".

    A missing port means 22; a port that is no number stays text, for the check to name it.
    Raises ValueError for an IPv6 address without brackets, where the port would be a guess.
    """
    bracketed = re.fullmatch(r"\[([^\]]*)\](?::(.*))?", text)
    if bracketed:
        host, port = bracketed.groups()
    elif text.count(":") > 1:
        raise ValueError(f'an IPv6 address in brackets, such as "[::1]:22", where it has {text!r}')
    else:
        host, colon, tail = text.partition(":")
        port = tail if colon else None
    if port is None:
        return {"host": host, "port": SSH_PORT}
    is_number = port.isascii() and port.isdigit() and len(port) <= len("65535")
    return {"host": host, "port": int(port) if is_number else port}


def parse_worker(text: str) -> Worker:
    """Read one "host:port" (or "host", or "[address]:port"). Raises ConfigError."""
    try:
        parts = split_worker(text.strip())
    except ValueError as error:
        raise ConfigError(f"worker {text!r}: expected {error}", fix=FIX) from error
    return make_worker(parts["host"], parts["port"])


def parse_workers(text: str) -> tuple[Worker, ...]:
    """Read "host:port,host:port", one or more. Raises ConfigError."""
    workers = tuple(parse_worker(part) for part in text.split(","))
    try:
        return _check_unique(workers)
    except ValueError as error:
        raise ConfigError(f"workers {text!r}: expected {error}", fix=FIX) from error


def make_worker(host: str, port: int) -> Worker:
    """A checked worker. Raises ConfigError."""
    try:
        return Worker(host=host, port=port)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        part = first["loc"][0]
        expected = EXPECTED_PORT if part == "port" else EXPECTED_HOST
        raise ConfigError(
            f"{part} is {first['input']!r}, expected {expected}", where=f"worker {host}:{port}", fix=FIX
        ) from error


def split_workers(value: object) -> object:
    """The text form as a list of mappings; anything else unchanged. Empty parts count for nothing."""
    if not isinstance(value, str):
        return value
    return [split_worker(part.strip()) for part in value.split(",") if part.strip()]


def _check_unique(workers: tuple[Worker, ...]) -> tuple[Worker, ...]:
    seen: set[tuple[str, int]] = set()
    for worker in workers:
        if worker.place in seen:
            raise ValueError(f"each worker once, but {worker} is there twice")
        seen.add(worker.place)
    return workers


def node_names(head: str, workers: Iterable[Worker]) -> dict[tuple[str, int], str]:
    """The name of each worker by its place: the one that it was given, else its host.

    Where another node is named so already, the head or a worker before it, a worker is named by host and port.
    """
    workers = list(workers)
    taken = {head, *(worker.name for worker in workers if worker.name)}
    names = {}
    for worker in workers:
        names[worker.place] = worker.name or (str(worker) if worker.host in taken else worker.host)
        taken.add(names[worker.place])
    return names


def with_names(value: object, names: Mapping[tuple[str, int], str]) -> list[dict[str, Any]]:
    """The worker list ``value`` as mappings, in which the workers at these places have these names."""
    entries: Any = split_workers(value)
    named = []
    for entry in entries:
        name = names.get((entry["host"], entry.get("port", SSH_PORT)))
        named.append({**entry, "name": name} if name else entry)
    return named


def add_to(value: object, worker: Worker) -> object:
    """The worker list ``value``, in its own form, with one more worker."""
    if isinstance(value, str):
        gap = ", " if re.search(r",\s", value) else ","
        kept = value.rstrip()
        return f"{kept}{'' if not kept or kept.endswith(',') else gap}{worker}"
    return [*(value if isinstance(value, list) else []), {"host": worker.host, "port": worker.port}]


def remove_from(value: object, worker: Worker) -> object:
    """The worker list ``value``, in its own form, without a worker."""

    def matches(entry: dict[str, Any]) -> bool:
        return (entry["host"], entry.get("port", SSH_PORT)) == (worker.host, worker.port)

    if isinstance(value, str):
        parts = value.split(",")
        kept = [part for part in parts if not (part.strip() and matches(split_worker(part.strip())))]
        text = ",".join(kept)
        return text.lstrip() if kept and kept[0] != parts[0] else text
    return [entry for entry in value if not matches(entry)] if isinstance(value, list) else value


WorkerList = Annotated[
    tuple[Worker, ...] | None,
    BeforeValidator(split_workers),
    AfterValidator(lambda workers: workers and _check_unique(workers)),
    Field(description=EXPECTED_WORKERS),
]
