"""The connections to virtual machines over SSH: to root by Vagrant's login, to the cluster's user by its key."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sage_lab import files
from sage_lab.errors import LabError, ProvisionError
from sage_lab.model import LabNode
from sage_lab.providers.ssh_access import Access, SshAccess

_ASK = 120.0
_LOGIN = 60.0


class VmAccess:
    """The connections to all machines of a lab; ``login`` is Vagrant's own user and key."""

    def __init__(self, directory: Path, login: Mapping[str, str]) -> None:
        self._directory = directory
        self._login = login
        self._connections: dict[tuple[str, str], SshAccess] = {}

    def to(self, node: LabNode, user: str) -> SshAccess:
        """The connection to the node for ``root`` or ``sage``; raises LabError for any other user."""
        if user not in {"root", files.USER}:
            raise LabError(f"no user {user!r} on the nodes", where=node.name, fix=f"use root or {files.USER}")
        if (node.name, user) not in self._connections:
            root = user == "root"
            self._connections[node.name, user] = SshAccess(
                Access(
                    node=node.name,
                    address=node.control_address,
                    port=node.port,
                    user=self._login["user"] if root else files.USER,
                    key=self._login["key"] if root else str(self._directory / "keys" / files.USER),
                    known_hosts=str(self._directory / "known_hosts"),
                    become="sudo" if root else "none",
                    patience=_LOGIN,
                )
            )
        return self._connections[node.name, user]

    def close(self) -> None:
        """Close all connections; the next command opens them again."""
        for connection in self._connections.values():
            connection.close()

    def check(self, node: LabNode) -> None:
        """See that both users get in; raises ProvisionError, or what ``SshAccess.run`` raises."""
        for user in ("root", files.USER):
            said = self.to(node, user).run(["id", "-un"], root=user == "root", timeout=_ASK)
            if said.stdout.strip() != user:
                raise ProvisionError(
                    f"a command of {user} runs as {said.stdout.strip()!r}: {said.stderr.strip()}",
                    where=node.name,
                    fix=f"see {self._directory / 'vagrant.log'}",
                )
