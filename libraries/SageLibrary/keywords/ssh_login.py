"""A keyword for commands that a tester types on nodes by SSHLibrary: a second SSH client, beside the managers' own."""

from __future__ import annotations

from typing import Any

import paramiko
from robot.api.deco import keyword
from robot.libraries.BuiltIn import BuiltIn

from SageLibrary.arguments.node_name import NodeName
from SageLibrary.keywords.component import Component
from SageLibrary.recording.verdict import InfraError

LOGIN_SECONDS = 10.0


class SshLoginKeywords(Component):
    """Commands by SSHLibrary."""

    @keyword
    def log_in_to_node(self, node: NodeName) -> None:
        """Log in to a node over the control link, with the lab's key and known hosts, by SSHLibrary's own means.

        `Execute Command` and the other keywords of SSHLibrary then work there; `Log Out Of Every Node` ends it. The
        connection has the node's name: ``Switch Connection    worker-1`` goes back to it.
        Import ``resources/ssh.resource``.

        | Log In To Node | worker-1 |
        | ${said}= | Execute Command | uptime |
        """
        library: Any = BuiltIn().get_library_instance("SSHLibrary")
        way = paramiko.SSHConfig.from_path(str(self.stage.lab.ssh_config_path)).lookup(node)
        seconds = f"{LOGIN_SECONDS * self.stage.lab.pace:g} s"
        library.open_connection(way["hostname"], alias=node, port=int(way.get("port", 22)), timeout=seconds)
        client: paramiko.SSHClient = library.current.client
        client.load_host_keys(way["userknownhostsfile"].strip('"'))
        client.set_missing_host_key_policy(paramiko.RejectPolicy())
        try:
            library.login_with_public_key(way["user"], way["identityfile"][0])
        except (OSError, RuntimeError, paramiko.SSHException) as error:
            library.close_connection()
            raise InfraError(f"SSHLibrary could not log in to {node}: {type(error).__name__}: {error}") from error
