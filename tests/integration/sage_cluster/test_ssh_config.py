"""The user's ~/.ssh/config, with a real sshd: what `ssh` makes of it, the managers make of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sage_cluster.config.schema import SshConfig
from sage_cluster.errors import AuthenticationError, ConnectionLostError, SshError
from sage_cluster.ssh.client_config import route
from sage_cluster.ssh.connection import Target
from sage_cluster.ssh.pool import SshPool
from tests.support.sshd import Sshd, make_key, public, running_sshd


@pytest.fixture(scope="module", autouse=True)
def stopped_afterwards() -> None:
    """There is no cluster here, so none is stopped."""


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    directory = tmp_path_factory.mktemp("sshd")
    with running_sshd(directory / "run", [make_key(directory / "host")]) as sshd:
        (directory / "run/known").write_text(f"the-node {public(directory / 'host')}\n")
        yield sshd


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    (tmp_path / ".ssh").mkdir(mode=0o700)
    return tmp_path


def write(home: Path, text: str, name: str = "config") -> None:
    """Write the user's file."""
    path = home / ".ssh" / name
    path.write_text(text)
    path.chmod(0o600)


def reach(host: str, port: int = 22, **said: object) -> str:
    """What the node says to a command."""
    config = SshConfig.model_validate({"connect_timeout": 20.0, "retries": 0, **said})
    with SshPool(lambda: config) as pool:
        return pool.run(Target(host, port), ["echo", "in"], timeout=30).stdout.strip()


def settings(sshd: Sshd, **more: object) -> str:
    """A host's lines."""
    lines = {
        "HostName": "127.0.0.1",
        "Port": sshd.port,
        "User": sshd.user,
        "IdentityFile": sshd.key,
        "UserKnownHostsFile": sshd.key.parent / "known",
        "HostKeyAlias": "the-node",
        **more,
    }
    return "".join(f"  {name} {value}\n" for name, value in lines.items())


def test_a_host_by_another_name_port_key_and_known_hosts(sshd: Sshd, home: Path) -> None:
    write(home, f"Host worker-*\n{settings(sshd)}")
    assert reach("worker-1") == "in"
    with pytest.raises(SshError):
        reach("127.0.0.1", sshd.port)


def test_an_included_file_and_a_match(sshd: Sshd, home: Path) -> None:
    write(home, f"Include {home}/.ssh/more\n")
    write(home, f"Match host worker-1\n{settings(sshd)}", "more")
    assert reach("worker-1") == "in"


def test_the_clusters_own_settings_take_precedence(sshd: Sshd, home: Path) -> None:
    write(home, "Host *\n  User nobody\n  Port 1\n  IdentityFile ~/.ssh/none\n  UserKnownHostsFile /dev/null\n")
    own = {"user": sshd.user, "key_path": str(sshd.key), "known_hosts": str(home / "known"), "host_keys": "accept-new"}
    assert reach("127.0.0.1", sshd.port, **own) == "in"
    assert (home / "known").exists()
    way = route("127.0.0.1", 22, SshConfig.model_validate({"user": sshd.user}))
    assert (way.user, way.port, way.key_path) == (sshd.user, 1, None)


def test_no_known_hosts_file_is_none_to_record_in(sshd: Sshd, home: Path) -> None:
    write(home, f"Host worker-1\n{settings(sshd, UserKnownHostsFile='none')}")
    way = route("worker-1", 22, SshConfig())
    assert way.known_hosts[0] == Path("/dev/null")
    assert reach("worker-1", host_keys="accept-new") == "in"


def test_only_files_are_used_where_it_says_so(sshd: Sshd, home: Path) -> None:
    make_key(home / "other")
    write(home, f"Host worker-1\n{settings(sshd, IdentityFile=home / 'other', IdentitiesOnly='yes')}")
    with pytest.raises(AuthenticationError, match="is not accepted"):
        reach("worker-1")


@pytest.mark.parametrize("jump", [False, True], ids=["ProxyCommand", "ProxyJump"])
def test_by_way_of_another_host(sshd: Sshd, home: Path, jump: bool) -> None:
    write(home, f"Host gate\n{settings(sshd)}")
    way = {"ProxyJump": "gate"} if jump else {"ProxyCommand": f"ssh -F {home}/.ssh/config -W %h:%p gate"}
    with (home / ".ssh/config").open("a") as file:
        file.write(f"Host worker-1\n{settings(sshd, **way)}")
    assert reach("worker-1") == "in"


def test_a_proxy_that_fails_says_why(sshd: Sshd, home: Path) -> None:
    write(home, f"Host worker-1\n{settings(sshd, ProxyCommand='echo no way to %h >&2; exit 1')}")
    with pytest.raises(ConnectionLostError, match=r"no way to 127\.0\.0\.1"):
        reach("worker-1")


def test_a_proxy_that_is_silent_is_not_waited_for(sshd: Sshd, home: Path) -> None:
    write(home, f"Host worker-1\n{settings(sshd, ProxyCommand='sleep 60')}")
    began = time.monotonic()
    with pytest.raises(SshError, match="no SSH greeting within 1 s"):
        reach("worker-1", connect_timeout=1.0)
    assert time.monotonic() - began < 10


def test_a_file_that_ssh_cannot_read_is_named(home: Path) -> None:
    write(home, "Host *\n  Port many\n")
    with pytest.raises(SshError, match="ssh cannot read your settings") as caught:
        reach("worker-1")
    assert "~/.ssh/config" in caught.value.fix
