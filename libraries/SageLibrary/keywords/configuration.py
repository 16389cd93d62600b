"""Keywords for the configuration: the lab's own file, and files that are written to be judged, without a machine."""

from __future__ import annotations

import threading
from pathlib import Path

from robot.api import logger
from robot.api.deco import keyword

from sage_cluster import ConfigManager
from sage_cluster.config.document import parse_value
from sage_cluster.config.workers import parse_workers
from sage_cluster.errors import ConfigError
from SageLibrary.arguments.node_name import Host
from SageLibrary.keywords.component import Component
from SageLibrary.managers import config_manager


class ConfigurationKeywords(Component):
    """The configuration."""

    @keyword
    def configure(self, key: str, value: str) -> None:
        """Change one value of the lab's configuration file by its dotted key; the value is read as YAML.

        | Configure | head.dashboard | false |
        | Configure | remote.conda_env | sage |
        """
        self.stage.cluster.config.set(key, parse_value(key, value))

    @keyword
    def keep_the_configuration(self) -> None:
        """From now on `Restore The Configuration` goes back to the configuration as it is now."""
        self.stage.keep_configuration()

    @keyword
    def restore_the_configuration(self) -> None:
        """Give the lab's configuration file the content that was kept, or that it had when the lab came up."""
        self.stage.restore_configuration()

    @keyword
    def write_into_the_configuration(self, worker: Host) -> None:
        """Put a worker ``host`` into the configuration file as an editor would, and start nothing."""
        if not self.stage.cluster.config.add_worker_ssh_host(str(worker), 22):
            raise AssertionError(f"{worker} was in the configuration already, should be new")

    @keyword
    def only_these_are_configured(self, *workers: str) -> None:
        """Write into the configuration that the workers are these; what runs stays as it is.

        The lab's other nodes are then spares.
        """
        config = self.stage.cluster.config
        wanted = [(worker.host, worker.port) for worker in parse_workers(",".join(workers))]
        for host, port in config.get_workers_ssh_hosts():
            if (host, port) not in wanted:
                config.remove_worker_ssh_host(host, port)
        for host, port in wanted:
            config.add_worker_ssh_host(host, port)

    @keyword
    def the_configured_workers_should_be(self, *workers: str) -> None:
        """The workers of the configuration file are these, in its order."""
        found = self.the_configured_workers()
        if found != list(workers):
            raise AssertionError(f"the configured workers were {found}, should be {list(workers)}")

    @keyword
    def the_configured_workers(self) -> list[str]:
        """The names of the workers in the configuration."""
        return [host for host, _ in self.stage.cluster.config.get_workers_ssh_hosts()]

    @keyword
    def keep_workers_in_the_configuration(self, most: int) -> None:
        """Leave the first so many workers in the configuration, or as many as there are; nothing is stopped."""
        for name in self.the_configured_workers()[most:]:
            self.stage.cluster.config.remove_worker_ssh_host(name)

    @keyword
    def workers_should_load_as(self, text: str, expected: str) -> None:
        """A file with this text (``\\n`` for a new line) loads, and its workers are ``host:port, host:port``."""
        manager = self._file(text)
        workers = ", ".join(f"{host}:{port}" for host, port in manager.get_workers_ssh_hosts())
        if workers != expected:
            raise AssertionError(f"the workers were '{workers}', should be '{expected}'")

    @keyword
    def file_should_be_refused(self, text: str, *parts: str) -> None:
        """A file with this text is refused with an error that names the file and contains each of the parts."""
        manager = self._file(text)
        try:
            manager.load()
        except ConfigError as error:
            message = str(error)
            logger.info(message)
        else:
            raise AssertionError("the file was loaded, should be refused")
        missing = [part for part in (str(manager.path), *parts) if part not in message]
        if missing:
            raise AssertionError(f"the error was '{message}', should contain {missing}")

    @keyword
    def adding_a_worker_should_give(self, before: str, worker: str, after: str) -> None:
        """A file changes from one exact text to the other when the worker ``host:port`` is added; nothing else does."""
        manager = self._file(before)
        host, _, port = worker.partition(":")
        if not manager.add_worker_ssh_host(host, int(port or 22)):
            raise AssertionError(f"{worker} was there already, should be new")
        self._compare(manager.path, after)

    @keyword
    def removing_a_worker_should_give(self, before: str, worker: str, after: str) -> None:
        """A file changes from one exact text to the other when the worker ``host:port`` is removed, nothing else."""
        manager = self._file(before)
        host, _, port = worker.partition(":")
        if not manager.remove_worker_ssh_host(host, int(port or 22)):
            raise AssertionError(f"{worker} was not there, should be removed")
        self._compare(manager.path, after)

    @keyword
    def setting_should_be_refused(self, key: str, value: str, *parts: str) -> None:
        """Setting a key to a value is refused with these words, and the file stays as it was."""
        manager = self._file("head:\n  host: head # keep me\n")
        before = manager.path.read_bytes()
        try:
            manager.set(key, int(value) if value.lstrip("-").isdigit() else value)
        except ConfigError as error:
            missing = [part for part in (key, *parts) if part not in str(error)]
            if missing:
                raise AssertionError(f"the error was '{error}', should contain {missing}") from error
        else:
            raise AssertionError(f"{key}: {value} was accepted, should be refused")
        if manager.path.read_bytes() != before:
            raise AssertionError(f"the file changed to '{manager.path.read_text()}', should stay as it was")

    @keyword
    def writers_at_once_should_lose_nothing(self, writers: int) -> None:
        """So many writers add a worker each at the same time; afterwards all are there."""
        manager = self._file("head: {host: head}\nworkers_ssh_hosts: ''\n")
        threads = [
            threading.Thread(target=config_manager(manager.path).add_worker_ssh_host, args=(f"w{number}",))
            for number in range(writers)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        found = {host for host, _ in manager.get_workers_ssh_hosts()}
        if found != {f"w{number}" for number in range(writers)}:
            raise AssertionError(f"the workers were {sorted(found)}, should be {writers}")

    def _file(self, text: str) -> ConfigManager:
        directory = self.stage.results() / "configurations"
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / f"{len(list(directory.glob('*.yaml'))) + 1:03d}.yaml"
        path.write_text(text, encoding="utf-8")
        logger.info(f"{path}:\n{text}")
        return config_manager(path)

    @staticmethod
    def _compare(path: Path, after: str) -> None:
        if path.read_text(encoding="utf-8") != after:
            raise AssertionError(f"the file was '{path.read_text()}', should be '{after}'")
