"""The configuration file: load it, check it, change it safely."""

from __future__ import annotations

import copy
import os
import threading
from collections.abc import Callable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import sage_cluster.config
from sage_cluster.config.check import check, shown
from sage_cluster.config.document import Document, parse
from sage_cluster.config.edit import edit, plain, same
from sage_cluster.config.file import identity, read_text
from sage_cluster.config.schema import Config
from sage_cluster.config.workers import SSH_PORT, Worker, add_to, make_worker, node_names, remove_from, with_names
from sage_cluster.errors import ConfigError
from sage_cluster.state.writing import locked, replace_text

LOCK_TIMEOUT_SECONDS = 10.0
DEFAULT_PATH = "~/.sage/config.yaml"

Data = dict[str, Any]


class ConfigManager:
    """One configuration file. Use it from any thread; several managers and processes may use one file.

    ``config_path`` defaults to $SAGE_CONFIG, else ~/.sage/config.yaml. ``lock_timeout`` is how many seconds an
    update waits for another writer. Nothing is read or written before a method is called.

    An empty path is a ConfigError.

    Every method that reads raises ConfigNotFoundError (a FileNotFoundError too) where there is no file, and
    ConfigError where it cannot be used. A method that raises leaves the old file as it was; ConfigBusyError says
    that another writer had it.
    """

    def __init__(
        self, config_path: str | os.PathLike[str] | None = None, *, lock_timeout: float = LOCK_TIMEOUT_SECONDS
    ) -> None:
        if config_path is not None and not os.fspath(config_path):
            raise ConfigError("the path of the configuration file is empty", fix="name a file, or leave it out")
        chosen = config_path or os.environ.get("SAGE_CONFIG") or DEFAULT_PATH
        self._path = Path(os.path.abspath(os.path.expanduser(chosen)))  # noqa: PTH100, PTH111 - keeps symbolic links
        self._lock_timeout = lock_timeout
        self._cached: tuple[tuple[int, ...], Document, Config] | None = None
        self._cache_lock = threading.Lock()

    @property
    def path(self) -> Path:
        """The file's absolute path."""
        return self._path

    @property
    def model(self) -> Config:
        """The checked configuration; the same as ``load()``."""
        return self.load()

    def load(self) -> Config:
        """The checked configuration, with defaults filled in. An unchanged file is not read again."""
        return self._read()[1]

    def load_config(self) -> Data:
        """The file's own content, checked, without the defaults."""
        return self._own(self._read()[0])

    def get_head_config(self) -> Data:
        """The section ``head`` with defaults filled in."""
        return self.load().head.model_dump(mode="json")

    def get_worker_config(self) -> Data:
        """The section ``worker`` with defaults filled in."""
        return self.load().worker.model_dump(mode="json")

    def get_ssh_config(self) -> Data:
        """The section ``ssh`` with defaults filled in."""
        return self.load().ssh.model_dump(mode="json")

    def get_remote_config(self) -> Data:
        """The section ``remote`` with defaults filled in."""
        return self.load().remote.model_dump(mode="json")

    def get_workers_ssh_hosts(self) -> list[tuple[str, int]]:
        """The workers as (host, SSH port), in the file's order."""
        return [(worker.host, worker.port) for worker in self.load().workers]

    def get(self, key: str, default: Any = None) -> Any:  # noqa: ANN401 - a value of the file
        """A value by its dotted key, ``head.head_port``: the file's, else the built-in one, else ``default``."""
        document, config = self._read()
        for source in (document.data, config.model_dump(mode="json")):
            value: Any = source
            for part in _split(key):
                if isinstance(value, list) and part.isdecimal() and int(part) < len(value):
                    value = value[int(part)]
                elif isinstance(value, dict) and part in value:
                    value = value[part]
                else:
                    break
            else:
                return copy.deepcopy(value)
        return default

    def set(self, key: str, value: Any) -> None:  # noqa: ANN401 - a value of the file
        """Set the value of a dotted key; sections that are missing are made. Repairs a wrong value, too."""
        parts = _split(key)

        def change(document: Document) -> Data:
            data = self._own(document)
            place: Any = data
            for part in parts[:-1]:
                if isinstance(place, dict) and place.get(part) is None:
                    place[part] = {}
                place = place[_index(place, part, key, self._path)]
            place[_index(place, parts[-1], key, self._path)] = value
            return data

        self._update(change)

    def add_worker_ssh_host(self, host: str, port: int = SSH_PORT, *, name: str | None = None) -> bool:
        """Add a worker to the list that the file uses, in its form. False when it is there already.

        ``name`` is what it is called already; it is written where it is not the usual one.
        """
        return self._change_workers(make_worker(host, port), add=True, name=name)

    def remove_worker_ssh_host(self, host: str, port: int = SSH_PORT) -> bool:
        """Remove a worker from the list that the file uses. False when it is not there. The others keep their names."""
        worker = make_worker(host, port)
        self._keep_names_without(worker)
        return self._change_workers(worker, add=False)

    def save_config(self, config: Mapping[str, Any]) -> None:
        """Make the file say what ``config`` says; comments stay where keys stay. A missing file is made.

        What another writer changed since ``config`` was loaded is undone: use ``set`` for single values.
        """
        self._update(lambda _: dict(config), make_missing=True)

    def create_default_config(self) -> Path:
        """Write a first file with comments, readable by its owner alone, and return its path.

        Raises ConfigError when something is there already.
        """
        with locked(self._path, self._lock_timeout) as target:
            if os.path.lexists(target):
                raise ConfigError("is there already", where=str(self._path), fix="edit it, or move it away first")
            text = resources.files(sage_cluster.config).joinpath("default.yaml").read_text("utf-8")
            check(self._path, parse(self._path, text))
            replace_text(target, text)
        return self._path

    def _read(self) -> tuple[Document, Config]:
        with self._cache_lock:
            # Asked before reading: a change in between costs a second reading, never a stale answer.
            now = identity(self._path)
            if self._cached is None or not now or self._cached[0] != now:
                document = parse(self._path, read_text(self._path))
                self._cached = (now, document, check(self._path, document))
            return self._cached[1:]

    def _change_workers(self, worker: Worker, *, add: bool, name: str | None = None) -> bool:
        changed = False

        def change(document: Document) -> Data:
            nonlocal changed
            config = check(self._path, document)
            data = self._own(document)
            changed = (worker.place in config.worker_names()) is not add
            if changed:
                holder, key = _worker_list(data)
                holder[key] = (add_to if add else remove_from)(holder.get(key), worker)
                if name and name != config.worker_names([worker])[worker.place]:
                    holder[key] = with_names(holder[key], {worker.place: name})
            return data

        self._update(change)
        return changed

    def _keep_names_without(self, worker: Worker) -> None:
        """Write down the names of those that would be named otherwise if this worker were not there."""

        def change(document: Document) -> Data:
            config = check(self._path, document)
            data = self._own(document)
            names = config.worker_names()
            left = node_names(config.head.host, (one for one in config.workers if one.place != worker.place))
            if kept := {place: names[place] for place, name in left.items() if name != names[place]}:
                holder, key = _worker_list(data)
                holder[key] = with_names(holder[key], kept)
            return data

        self._update(change)

    def _update(self, change: Callable[[Document], Data], *, make_missing: bool = False) -> None:
        if not make_missing:
            # Before the lock, which would make a directory and a lock file beside no configuration.
            read_text(self._path)
        with locked(self._path, self._lock_timeout) as target:
            missing = make_missing and not os.path.lexists(target)
            old = parse(self._path, "" if missing else read_text(self._path))
            wanted = plain(change(old), self._path)
            if same(wanted, old.data) and not missing:
                return
            new = self._edited(old, wanted)
            check(self._path, new)
            replace_text(target, new.text)

    def _edited(self, old: Document, wanted: Data) -> Document:
        reason: ConfigError | None = None
        try:
            new = parse(self._path, edit(old.text, old.root, old.data, wanted))
            if same(new.data, wanted):
                return new
        except ConfigError as error:
            reason = error
        raise ConfigError(
            "the change does not fit the file's text, perhaps for an alias (*name) in its place",
            where=str(self._path),
            fix="make this change in an editor; the file is as it was",
        ) from reason

    def _own(self, document: Document) -> Data:
        # A copy in which aliases share nothing: changing one place changes no other.
        data: Data = plain(document.data, self._path)
        return data


def _worker_list(data: Data) -> tuple[Data, str]:
    """The mapping that holds the list of workers which counts, and its key there."""
    if (data.get("ssh") or {}).get("workers") is not None:
        return data["ssh"], "workers"
    return data, "workers_ssh_hosts"


def _split(key: str) -> list[str]:
    parts = key.split(".")
    if not all(parts):
        raise ConfigError(f"the key is {key!r}, expected names with dots between, such as head.head_port")
    return parts


def _index(place: object, part: str, key: str, path: Path) -> str | int:
    if isinstance(place, dict):
        return part
    if isinstance(place, list) and part.isdecimal() and int(part) < len(place):
        return int(part)
    raise ConfigError(
        f"{key} cannot be set: {part!r} lies in {shown(place)}, expected a mapping or a longer list",
        where=str(path),
        fix="set the value above it first",
    )
