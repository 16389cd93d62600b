"""SSHLibrary beside the managers: it leaves them as they are, and logs in as the lab's own SSH configuration says."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import paramiko
import pytest
from robot.api import ExecutionResult

from sage_lab import Topology, files
from sage_lab.model import nodes_of
from SageLibrary.context import Stage
from SageLibrary.keywords import ssh_login
from SageLibrary.keywords.ssh_login import SshLoginKeywords
from SageLibrary.recording.verdict import InfraError
from tests.support.robot_runs import ROOT, run_module

SUITE = """*** Settings ***
{imports}

*** Test Cases ***
Paramiko
    ${{module}}=    Evaluate    paramiko.Transport.start_client.__module__
    Should Be Equal    ${{module}}    {module}
"""
OURS = f"Resource    {ROOT}/resources/ssh.resource"
NODES = nodes_of(Topology.of(workers=1))


@pytest.mark.parametrize(
    ("imports", "module"),
    [
        (OURS, "paramiko.transport"),
        ("Library    SSHLibrary\nLibrary    SageLibrary", "paramiko.transport"),
        ("Library    SSHLibrary", "SSHLibrary.pythonclient"),
    ],
    ids=["our resource", "before our library", "without it"],
)
def test_the_managers_keep_their_own_ssh(tmp_path: Path, imports: str, module: str) -> None:
    """SSHLibrary replaces a method of paramiko for the whole process: the last row shows it."""
    (tmp_path / "suite.robot").write_text(SUITE.format(imports=imports, module=module))
    run_module("robot", "suite.robot", cwd=tmp_path, SAGE_LAB_HOME=str(tmp_path / "labs"))
    (test,) = ExecutionResult(str(tmp_path / "output.xml")).suite.tests
    assert (test.status, test.message) == ("PASS", "")


class Library:
    """What SSHLibrary is to the keyword, without a network."""

    def __init__(self, error: Exception | None) -> None:
        self.error = error
        self.said: list[tuple[Any, ...]] = []
        self.closed = False
        self.current = SimpleNamespace(client=paramiko.SSHClient())

    def open_connection(self, host: str, **how: Any) -> None:
        self.said.append((host, how["alias"], how["port"], how["timeout"]))

    def login_with_public_key(self, user: str, key: str) -> None:
        self.said.append((user, key))
        if self.error:
            raise self.error

    def close_connection(self) -> None:
        self.closed = True


def log_in(directory: Path, monkeypatch: pytest.MonkeyPatch, error: Exception | None = None) -> Library:
    library = Library(error)
    monkeypatch.setattr(ssh_login.BuiltIn, "get_library_instance", lambda *_: library)
    known = directory / "known hosts"
    public = {node.name: f"ssh-ed25519 {KEY}" for node in NODES}
    known.write_text(files.known_hosts(NODES, public))
    (directory / "ssh_config").write_text(files.ssh_config(NODES, directory / "a key", known))
    lab = SimpleNamespace(ssh_config_path=directory / "ssh_config", pace=2.0)
    SshLoginKeywords(cast("Stage", SimpleNamespace(lab=lab))).log_in_to_node("worker-1")  # type: ignore[arg-type]
    return library


KEY = "AAAAC3NzaC1lZDI1NTE5AAAAIDI4qdUv4WRaC5aM0UHZdmQfMUjjvDvYoZmsSKtdRpJF"


def test_it_goes_by_the_control_link_with_the_key_and_known_hosts_of_the_lab(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = log_in(tmp_path, monkeypatch)
    address = NODES[1].control_address
    assert library.said == [(address, "worker-1", 22, "20 s"), ("sage", str(tmp_path / "a key"))]
    client = library.current.client
    assert client.get_host_keys().lookup(address)
    assert isinstance(client._policy, paramiko.RejectPolicy)


def test_a_login_that_fails_is_the_lab_s_trouble(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InfraError, match="could not log in to worker-1: TimeoutError: timed out"):
        log_in(tmp_path, monkeypatch, TimeoutError("timed out"))
