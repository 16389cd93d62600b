"""Every error of the managers: what happened, where, and what to do next."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Self


class SageError(Exception):
    """Something went wrong while managing a cluster.

    ``what`` happened, ``where`` (host, file, key), and the ``fix``: what a person can do next.
    """

    def __init__(self, what: str, *, where: str = "", fix: str = "") -> None:
        self.what = what
        self.where = where
        self.fix = fix
        super().__init__(what)

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text}\n  -> {self.fix}" if self.fix else text

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), dict(self.__dict__)))


def _rebuild(kind: type[SageError], state: dict[str, object]) -> SageError:
    error = kind(str(state["what"]))
    error.__dict__.update(state)
    return error


class ConfigError(SageError, ValueError):
    """The configuration file cannot be used as it is."""


class ConfigNotFoundError(ConfigError, FileNotFoundError):
    """There is no configuration file at the path."""


class ConfigBusyError(ConfigError):
    """Another writer held the configuration's lock until the deadline."""


class SshError(SageError):
    """A node could not be worked with over SSH."""


class UnknownHostError(SshError):
    """The node's name does not resolve."""


class ConnectionRefusedByHostError(SshError):
    """The node answers, but nothing listens on its SSH port."""


class ConnectTimeoutError(SshError):
    """The node did not answer within the connect deadline."""


class ConnectionLostError(SshError):
    """The connection broke while it was in use."""


class StaleConnectionError(ConnectionLostError):
    """A kept connection turned out to be broken before a command began on it: a new one may be tried."""


class AuthenticationError(SshError):
    """The node does not accept this user with this key."""


class HostKeyUnknownError(SshError):
    """The node's host key is not in the known hosts file."""


class HostKeyChangedError(SshError):
    """The node shows another host key than the known one: the wrong machine, or an attack."""


class CommandTimeoutError(SshError):
    """A command on a node did not end within its deadline."""


class NodeError(SageError):
    """A node did not do what it was told: Ray did not start, stop or join there."""


class RayStartError(NodeError):
    """`ray start` itself failed on a node; what it left was cleared, so it may be tried again."""


class ClusterBusyError(SageError):
    """Another operation runs on this cluster."""


class DefectError(SageError):
    """An error that nobody foresaw: a defect of these managers. Work on other nodes goes on."""

    @classmethod
    def of(cls, error: Exception, where: str) -> Self:
        """What was raised during the work on ``where``, with its place in the source."""
        last = traceback.extract_tb(error.__traceback__)[-1:]
        place = "".join(f" ({Path(frame.filename).name}:{frame.lineno})" for frame in last)
        return cls(
            f"unexpected {type(error).__name__}: {error}{place}",
            where=where,
            fix="report this defect with this message",
        )


class DeploymentError(SageError):
    """There is nothing that could be sent: no project, a damaged wheel, a dependency that cannot be had."""
