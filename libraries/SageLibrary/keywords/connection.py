"""Keywords for SSH: what a connection does when all is well, and which error it gives when not."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Any, Literal

import paramiko
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from robot.api import logger
from robot.api.deco import keyword

from sage_cluster import errors
from sage_cluster.errors import SageError, SshError
from sage_cluster.ssh.connection import Target
from sage_cluster.ssh.pool import SshPool, fan_out
from sage_lab import Capability
from SageLibrary.arguments.node_name import Host, NodeName
from SageLibrary.keywords.breaking import breaks
from SageLibrary.keywords.component import Component
from SageLibrary.waiting import patient, stretched

SHORT_WHILE = timedelta(seconds=10)


class SshProblem(Enum):
    """The errors of SSH, each with its own cause and its own fix."""

    UNKNOWN_HOST = errors.UnknownHostError
    REFUSED = errors.ConnectionRefusedByHostError
    NO_ANSWER = errors.ConnectTimeoutError
    WRONG_KEY = errors.AuthenticationError
    UNKNOWN_HOST_KEY = errors.HostKeyUnknownError
    CHANGED_HOST_KEY = errors.HostKeyChangedError
    COMMAND_TOO_SLOW = errors.CommandTimeoutError
    BROKEN = errors.ConnectionLostError


class ConnectionKeywords(Component):
    """Connections. They are made with the lab's own SSH settings unless a word says otherwise."""

    @keyword
    def connecting_should_fail(
        self,
        problem: SshProblem,
        host: Host,
        port: int = 22,
        user: str | None = None,
        key: str | None = None,
        known_hosts: str | None = None,
    ) -> None:
        """Logging in fails with this very problem, and the error names the host and a fix.

        ``problem``: unknown host, refused, no answer, wrong key, unknown host key, changed host key.
        """
        changes = {"user": user, "key_path": key, "known_hosts": known_hosts, "connect_timeout": patient(3)}
        with self._pool({name: value for name, value in changes.items() if value is not None}) as pool:
            try:
                pool.run(Target(host, port), ["true"], timeout=patient(10))
            except SshError as error:
                self._check(error, problem, host)
                return
        raise AssertionError(f"logging in to {host}:{port} succeeded, should fail with '{problem.name}'")

    @keyword
    def remote_command_should_give(
        self, node: NodeName, command: str, status: int = 0, output: str = "", timeout: timedelta = SHORT_WHILE
    ) -> None:
        """A shell command over SSH ends with this status, and its output is exactly this text."""
        with self._pool({}) as pool:
            done = pool.run(Target(node), ["sh", "-c", command], timeout=stretched(timeout).total_seconds())
        if (done.returncode, done.stdout.strip()) != (status, output):
            raise AssertionError(
                f"'{command}' gave status {done.returncode} and '{done.stdout.strip()}', "
                f"should be {status} and '{output}'"
            )

    @keyword
    def slow_command_should_be_ended(self, node: NodeName, deadline: timedelta) -> None:
        """A command that would run for an hour is ended after its deadline, on the node too."""
        marker = f"3600.{time.monotonic_ns() % 1_000_000}"
        seconds = deadline.total_seconds()
        began = time.monotonic()
        with self._pool({}) as pool:
            try:
                pool.run(Target(node), ["sleep", marker], timeout=seconds)
            except SshError as error:
                self._check(error, SshProblem.COMMAND_TOO_SLOW, node)
            else:
                raise AssertionError("the command ended well, should be ended by its deadline")
        elapsed = time.monotonic() - began
        if elapsed > seconds + 3:
            raise AssertionError(f"the deadline of {seconds:g} s took {elapsed:.1f} s")
        left = self.stage.lab.run(node, ["sh", "-c", f"ps -eo args= | grep -Fx 'sleep {marker}' || true"]).stdout
        if left.strip():
            raise AssertionError(f"the process left on {node} was '{left.strip()}', should be none")

    @keyword
    def output_should_arrive_whole(self, node: NodeName, megabytes: int) -> None:
        """So many megabytes on both standard output and standard error arrive, none lost, compared by digest."""
        program = (
            "import os, sys; n = int(sys.argv[1]); block = bytes(range(65, 91)) * 40330\n"
            "for _ in range(n):\n  os.write(1, block[:1048576]) ; os.write(2, block[:1048576])"
        )
        python = self.stage.cluster.config.get("head.python_path")
        with self._pool({}) as pool:
            done = pool.run(Target(node), [python, "-c", program, str(megabytes)], timeout=patient(60))
        expected = (bytes(range(65, 91)) * 40330)[:1048576] * megabytes
        for name, text in (("standard output", done.stdout), ("standard error", done.stderr)):
            got = text.encode()
            if hashlib.sha256(got).digest() != hashlib.sha256(expected).digest():
                raise AssertionError(f"{name} had {len(got)} bytes, should be {len(expected)} and the same ones")

    @keyword
    def commands_should_run_at_once(self, count: int, within: timedelta, *nodes: NodeName) -> None:
        """So many one-second commands, spread over the nodes, take no longer than this together."""
        targets = [Target(nodes[number % len(nodes)]) for number in range(count)]
        with self._pool({}) as pool:
            began = time.monotonic()
            answers = fan_out(targets, lambda target: pool.run(target, ["sleep", "1"], timeout=patient(30)), count)
            elapsed = time.monotonic() - began
        failed = [f"{target}: {answer}" for target, answer in answers if isinstance(answer, SageError)]
        most = stretched(within).total_seconds()
        if failed or elapsed > most:
            raise AssertionError(f"{count} commands took {elapsed:.1f} s, should be {most:g} s; failed: {failed}")
        logger.info(f"{count} one-second commands took {elapsed:.1f} s")

    @keyword(tags=breaks("power cut"))
    def connection_should_survive_a_power_cycle(self, node: NodeName) -> None:
        """After a node lost its power and came back, the same pool reaches it again."""
        self.need(Capability.POWER)
        with self._pool({}) as pool:
            pool.run(Target(node), ["true"], timeout=patient(10))
            self.stage.lab.node(node).power_off()
            self.stage.lab.node(node).power_on()
            done = pool.run(Target(node), ["hostname"], timeout=patient(10))
        if done.stdout.strip() != node:
            raise AssertionError(f"the host name was '{done.stdout.strip()}', should be '{node}'")

    @keyword
    def new_host_key_should_be_accepted_and_kept(self, node: NodeName, known_hosts: Path) -> None:
        """With host_keys accept-new a first contact is recorded in the file, and the second is checked against it.

        What an earlier run left in the file is removed first.
        """
        known_hosts.unlink(missing_ok=True)
        with self._pool({"known_hosts": str(known_hosts), "host_keys": "accept-new"}) as pool:
            pool.run(Target(node), ["true"], timeout=patient(10))
        with self._pool({"known_hosts": str(known_hosts)}) as pool:
            pool.run(Target(node), ["true"], timeout=patient(10))

    @keyword
    def execute_remote_command_should_be(self, node: Host, command: str, answer: Literal["yes", "no"]) -> None:
        """The managers' short question, whether a command works on a node, has this answer: yes or no."""
        works = self.stage.cluster.workers.execute_remote_command(node, 22, command, timeout=patient(10))
        if works is not (answer == "yes"):
            raise AssertionError(f"'{command}' on {node} answered {'yes' if works else 'no'}, should be {answer}")

    @keyword
    def make_key(self, path: Path) -> None:
        """Make a fresh key pair at this path, known to no node."""
        path.unlink(missing_ok=True)
        key = Ed25519PrivateKey.generate()
        text = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
        path.touch(mode=0o600)
        path.write_bytes(text)

    @keyword
    def known_hosts_with_the_keys_swapped(self, one: NodeName, other: NodeName) -> Path:
        """A known hosts file in which two nodes have each other's keys. Returns its path."""
        keys = paramiko.HostKeys(str(self.stage.lab.known_hosts_path))
        swapped = paramiko.HostKeys()
        for name, taken_from in ((one, other), (other, one)):
            for kind, key in (keys.lookup(taken_from) or {}).items():
                swapped.add(name, kind, key)
        path = self.stage.results() / "swapped_known_hosts"
        swapped.save(str(path))
        return path

    @contextmanager
    def _pool(self, changes: dict[str, Any]) -> Iterator[SshPool]:
        settings = self.stage.cluster.config.load().ssh.model_copy(update=changes)
        with SshPool(lambda: settings) as pool:
            yield pool

    @staticmethod
    def _check(error: SshError, problem: SshProblem, host: str) -> None:
        logger.info(str(error))
        if type(error) is not problem.value:
            raise AssertionError(f"the problem was '{type(error).__name__}: {error}', should be '{problem.name}'")
        if host not in error.where or not error.fix:
            raise AssertionError(f"the error was '{error}', should name the host {host} and a fix")
