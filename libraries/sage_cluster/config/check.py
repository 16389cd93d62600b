"""Check what a configuration file says: every problem in one error, with line, key and what is expected."""

from __future__ import annotations

import difflib
import reprlib
import threading
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from sage_cluster.config.document import Document, KeyPath
from sage_cluster.config.schema import Config, is_loopback
from sage_cluster.errors import ConfigError

VALUE_CHARACTERS = 80

_warned: set[tuple[str, str]] = set()
_warned_lock = threading.Lock()


class ConfigWarning(UserWarning):
    """The configuration file has a key that nothing reads."""


def check(path: Path, document: Document) -> Config:
    """The typed configuration. Warns about each unknown key once for a file.

    Raises one ConfigError with a line of text for each problem.
    """
    try:
        config = Config.model_validate(document.data)
    except ValidationError as error:
        problems = [_problem(path, document, tuple(item["loc"]), item) for item in error.errors(include_url=False)]
        raise ConfigError(
            "\n  ".join(["the configuration cannot be used:", *problems]),
            where=str(path),
            fix="correct the file; nothing was changed",
        ) from error
    _warn_about_unknown_keys(path, document)
    return config


def doubts(config: Config) -> Iterator[str]:
    """What is allowed and may still not be meant, a line each: key, value, and what to do about it."""
    head = config.head
    if head.dashboard and not is_loopback(head.dashboard_host):
        yield (
            f"head.dashboard_host is {head.dashboard_host}: Ray's dashboard has no login, so whoever reaches "
            f"port {head.dashboard_port} there can run code as the cluster's user; set it to 127.0.0.1, "
            f"and forward the port with 'ssh -L {head.dashboard_port}:127.0.0.1:{head.dashboard_port} {head.host}'"
        )
    ports = {"head_port": head.head_port, **({"dashboard_port": head.dashboard_port} if head.dashboard else {})}
    for key, port in ports.items():
        if port == head.ssh_port:
            yield f"head.{key} is {port}, as head.ssh_port is: unless SSH is forwarded there, give one another port"

    hosts = Counter(worker.host for worker in config.workers)
    for worker in config.workers:
        if hosts[worker.host] > 1 or config.shares_directory(worker):
            yield (
                f"worker {worker} has a host that another node has, and the temp_dir {config.worker.temp_dir} as that "
                "one: right only where its SSH port leads to a machine of its own, such as a container"
            )


def dotted(key: Sequence[object]) -> str:
    """A key path as people write it: ``workers_ssh_hosts[1].port``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in key)
    return text.removeprefix(".")


def shown(value: object) -> str:
    """A value for an error's text, shortened."""
    text = repr(value) if isinstance(value, str | int | float | None) else reprlib.repr(value)
    return text if len(text) <= VALUE_CHARACTERS else f"{text[:VALUE_CHARACTERS]}..."


def _problem(path: Path, document: Document, key: tuple[Any, ...], item: Mapping[str, Any]) -> str:
    reason = item.get("ctx", {}).get("error")
    field = _field_description(key)
    expected = str(reason) if reason else (field or item["msg"])
    place = f"{path}:{document.line_of(key)}"
    if not key:
        return f"{place}: expected {expected}"
    if item["type"] == "missing":
        return f"{place}: {dotted(key)} is missing in {shown(item['input'])}, expected {expected}"
    return f"{place}: {dotted(key)} is {shown(item['input'])}, expected {expected}"


def _field_description(key: KeyPath) -> str:
    model: type[BaseModel] | None = Config
    description = ""
    for part in key:
        if isinstance(part, int):
            description = "a mapping with host and port" if model else "text"
            continue
        if model is None or part not in model.model_fields:
            return ""
        field = model.model_fields[part]
        model = _model_in(field.annotation)
        description = field.description or "a mapping of keys and values"
    return description


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)


def _unknown_keys(model: type[BaseModel], data: object, key: KeyPath = ()) -> Iterator[tuple[KeyPath, str]]:
    if isinstance(data, list):
        for index, item in enumerate(data):
            yield from _unknown_keys(model, item, (*key, index))
    if not isinstance(data, dict):
        return
    for name, value in data.items():
        field = model.model_fields.get(name)
        if field is None:
            near = difflib.get_close_matches(str(name), list(model.model_fields), n=1)
            yield (*key, name), dotted((*key, near[0])) if near else ""
        elif inner := _model_in(field.annotation):
            yield from _unknown_keys(inner, value, (*key, name))


def _warn_about_unknown_keys(path: Path, document: Document) -> None:
    for key, near in _unknown_keys(Config, document.data):
        name = dotted(key)
        with _warned_lock:
            if (str(path), name) in _warned:
                continue
            _warned.add((str(path), name))
        hint = f"; did you mean {near}?" if near else ""
        text = f"{path}:{document.line_of(key)}: {name} is not a known key, it is kept and not used{hint}"
        warnings.warn(text, ConfigWarning, stacklevel=2)
