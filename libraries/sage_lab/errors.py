"""Every error of the lab: what happened, where, and what to do next."""

from __future__ import annotations

from collections.abc import Sequence


class LabError(Exception):
    """Something went wrong in the lab: ``what`` happened, ``where``, and the ``fix`` a person can try."""

    def __init__(self, what: str, *, where: str = "", fix: str = "") -> None:
        self.what = what
        self.where = where
        self.fix = fix
        super().__init__(what)

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text}\n  -> {self.fix}" if self.fix else text


class LabNotUpError(LabError):
    """There is no complete lab of that name."""


class LabBusyError(LabError):
    """Another process builds or removes this lab."""


class LabNameError(LabError):
    """The name cannot be a lab's name."""


class UnknownNodeError(LabError):
    """The lab has no node of that name."""


class NodeStateError(LabError):
    """The node is not in the state that the request needs."""


class TopologyError(LabError, ValueError):
    """The topology cannot be built as it is written."""


class YamlFileError(LabError, ValueError):
    """A file that a person wrote is not plain YAML."""


class InventoryError(LabError, ValueError):
    """The inventory of existing machines is wrong."""


class MachineError(LabError):
    """An existing machine is not as the lab needs it."""


class UnsupportedError(LabError):
    """Machines of this kind cannot do it; the message says why."""


class NotRootError(LabError, PermissionError):
    """A lab that makes its own machines needs root."""


class MissingProgramError(LabError):
    """A program that the lab needs is not installed."""


class HostCommandError(LabError):
    """A command that the lab ran on this machine failed."""


class CommandTimeoutError(LabError, TimeoutError):
    """A command did not end within its deadline and was killed."""

    @staticmethod
    def on(node: str, argv: Sequence[str], timeout: float, *, unsure: str = "") -> CommandTimeoutError:
        """The error of a command on a node; ``unsure`` is added where nobody confirmed that it was killed."""
        return CommandTimeoutError(
            f"did not end within {timeout:g} s and was killed{unsure}: {' '.join(argv)}",
            where=node,
            fix="give it more time, or see what it waits for",
        )


class ProvisionError(LabError):
    """A provisioning step failed."""


class NodeNotReadyError(LabError):
    """A node did not become reachable within the deadline."""


class LedgerError(LabError):
    """The ledger cannot be read or written."""


class SweepError(LabError):
    """Something that the lab made could not be removed."""
