"""Keys as users have them, with a real sshd: what OpenSSH takes is taken, or refused with the file's name."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from sage_cluster.config.schema import SshConfig
from sage_cluster.errors import AuthenticationError
from sage_cluster.ssh.connection import Target
from sage_cluster.ssh.pool import SshPool
from tests.support.sshd import Sshd, make_key, public, running_sshd

PASSPHRASE = "correct horse"


@pytest.fixture(scope="module", autouse=True)
def stopped_afterwards() -> None:
    """There is no cluster here, so none is stopped."""


@pytest.fixture(autouse=True)
def no_agent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No agent, and a home without keys."""
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_key(tmp_path_factory.mktemp("authority") / "authority")


@pytest.fixture(scope="module")
def sshd(authority: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    directory = tmp_path_factory.mktemp("sshd")
    with running_sshd(directory, [make_key(directory / "host")], f"TrustedUserCAKeys {authority}.pub") as sshd:
        yield sshd


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A running agent that holds nothing."""
    sock = tmp_path / "agent"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", str(sock)], stdout=subprocess.DEVNULL)
    while not sock.exists():
        assert process.poll() is None
    monkeypatch.setenv("SSH_AUTH_SOCK", str(sock))
    yield sock
    process.terminate()
    process.wait(10)


def admit(sshd: Sshd, key: Path) -> None:
    """Let a key in."""
    with (sshd.key.parent / "authorized_keys").open("a") as file:
        file.write(public(key) + "\n")


def add_to_agent(key: Path, passphrase: str = "") -> None:
    """Have the agent hold the key, as a person does who types the passphrase."""
    ask = key.with_name("ask")
    ask.write_text(f"#!/bin/sh\necho '{passphrase}'\n")
    ask.chmod(0o700)
    environment = {**os.environ, "SSH_ASKPASS": str(ask), "SSH_ASKPASS_REQUIRE": "force"}
    subprocess.run(["ssh-add", "-q", str(key)], check=True, env=environment)


def log_in(sshd: Sshd, key: Path | None, tmp_path: Path) -> str:
    """What the node says to a command."""
    config = SshConfig(
        user=sshd.user, key_path=str(key) if key else None, known_hosts=str(tmp_path / "known"), host_keys="accept-new"
    )
    with SshPool(lambda: config) as pool:
        return pool.run(Target("127.0.0.1", sshd.port), ["echo", "in"], timeout=30).stdout.strip()


@pytest.mark.parametrize(
    ("kind", "form"),
    [(kind, form) for kind in ("ecdsa", "rsa") for form in ("openssh", "PEM", "PKCS8")]
    + [("ed25519", "openssh"), ("ed25519", "PKCS8")],
)
def test_keys_of_all_kinds_and_forms(sshd: Sshd, tmp_path: Path, kind: str, form: str) -> None:
    key = make_key(tmp_path / "key", kind)
    admit(sshd, key)
    if kind == "ed25519" and form == "PKCS8":
        convert_to_pkcs8(key)
    elif form != "openssh":
        subprocess.run(["ssh-keygen", "-q", "-p", "-N", "", "-m", form, "-f", str(key)], check=True)
    assert log_in(sshd, key, tmp_path) == "in"


def convert_to_pkcs8(key: Path) -> None:
    """ssh-keygen does not write this kind in this form."""
    loaded = serialization.load_ssh_private_key(key.read_bytes(), None)
    key.write_bytes(
        loaded.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )


@pytest.mark.parametrize("form", ["openssh", "PEM", "PKCS8"])
def test_a_passphrase_without_an_agent_is_said(sshd: Sshd, tmp_path: Path, form: str) -> None:
    key = make_key(tmp_path / "key", "rsa", PASSPHRASE)
    admit(sshd, key)
    if form != "openssh":
        subprocess.run(
            ["ssh-keygen", "-q", "-p", "-P", PASSPHRASE, "-N", PASSPHRASE, "-m", form, "-f", str(key)], check=True
        )
    with pytest.raises(AuthenticationError, match=f"{key} cannot be used: it has a passphrase") as caught:
        log_in(sshd, key, tmp_path)
    assert f"ssh-add {key}" in caught.value.fix


@pytest.mark.parametrize("beside", [True, False], ids=["with .pub", "without .pub"])
def test_a_passphrase_with_the_key_in_the_agent(sshd: Sshd, tmp_path: Path, agent: Path, beside: bool) -> None:
    key = make_key(tmp_path / "key", "ed25519", PASSPHRASE)
    admit(sshd, key)
    add_to_agent(make_key(tmp_path / "another"))
    add_to_agent(key, PASSPHRASE)
    if not beside:
        (tmp_path / "key.pub").unlink()
    assert log_in(sshd, key, tmp_path) == "in"


def test_a_public_key_means_the_agents(sshd: Sshd, tmp_path: Path, agent: Path) -> None:
    key = make_key(tmp_path / "key")
    admit(sshd, key)
    add_to_agent(key)
    key.unlink()
    assert log_in(sshd, tmp_path / "key.pub", tmp_path) == "in"


def test_keys_of_the_agent_and_default_keys(sshd: Sshd, tmp_path: Path, agent: Path) -> None:
    key = make_key(tmp_path / "key")
    admit(sshd, key)
    with pytest.raises(AuthenticationError, match="there is no SSH key"):
        log_in(sshd, None, tmp_path)
    (tmp_path / ".ssh").mkdir()
    shutil.copy(key, tmp_path / ".ssh/id_ed25519")
    assert log_in(sshd, None, tmp_path) == "in"
    (tmp_path / ".ssh/id_ed25519").unlink()
    add_to_agent(key)
    assert log_in(sshd, None, tmp_path) == "in"


def test_a_default_key_with_a_passphrase_is_named(sshd: Sshd, tmp_path: Path) -> None:
    (tmp_path / ".ssh").mkdir()
    make_key(tmp_path / ".ssh/id_rsa", "rsa", PASSPHRASE)
    with pytest.raises(AuthenticationError, match=r"\.ssh/id_rsa cannot be used: it has a passphrase"):
        log_in(sshd, None, tmp_path)


def test_a_file_that_others_can_read_is_refused(sshd: Sshd, tmp_path: Path) -> None:
    key = make_key(tmp_path / "key")
    admit(sshd, key)
    key.chmod(0o644)
    with pytest.raises(AuthenticationError, match=f"{key} cannot be used: its mode is 0644") as caught:
        log_in(sshd, key, tmp_path)
    assert f"chmod 600 {key}" in caught.value.fix


@pytest.mark.parametrize("content", [None, b"", b"no key\n", b"-----BEGIN OPENSSH PRIVATE KEY-----\n%%%\n"])
def test_what_is_no_key_is_named(sshd: Sshd, tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(content)
        path.chmod(0o600)
    with pytest.raises(AuthenticationError, match=f"the key file {path} cannot be used"):
        log_in(sshd, path, tmp_path)


def test_a_certificate_lets_in(sshd: Sshd, authority: Path, tmp_path: Path) -> None:
    key = make_key(tmp_path / "key")
    with pytest.raises(AuthenticationError, match="is not accepted"):
        log_in(sshd, key, tmp_path)
    subprocess.run(
        ["ssh-keygen", "-q", "-s", str(authority), "-I", "me", "-n", sshd.user, str(tmp_path / "key.pub")], check=True
    )
    assert log_in(sshd, key, tmp_path) == "in"


@pytest.mark.parametrize("options", [("-V", "20200101:20210101"), ("-n", "somebody_else")])
def test_a_key_with_a_useless_certificate_lets_in(
    sshd: Sshd, authority: Path, tmp_path: Path, options: tuple[str, str]
) -> None:
    key = make_key(tmp_path / "key")
    admit(sshd, key)
    command = ["ssh-keygen", "-q", "-s", str(authority), "-I", "me", *options]
    subprocess.run([*command, str(tmp_path / "key.pub")], check=True)
    assert log_in(sshd, key, tmp_path) == "in"


def test_a_node_that_wants_a_password_too_is_said(tmp_path: Path) -> None:
    more = ("AuthenticationMethods publickey,password", "PasswordAuthentication yes")
    with (
        running_sshd(tmp_path / "sshd", [make_key(tmp_path / "host")], *more) as sshd,
        pytest.raises(AuthenticationError, match=r"wants more than a key .*: password") as caught,
    ):
        log_in(sshd, sshd.key, tmp_path)
    assert "AuthenticationMethods" in caught.value.fix
