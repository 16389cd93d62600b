"""Known hosts: accepted, recorded, refused, with the fingerprints that a person compares."""

from __future__ import annotations

import base64
import fcntl
import subprocess
import threading
from pathlib import Path

import paramiko
import pytest

from sage_cluster.errors import HostKeyChangedError, HostKeyUnknownError
from sage_cluster.ssh import host_keys
from sage_cluster.ssh.connection import Target
from sage_cluster.ssh.host_keys import HostKey, KnownHosts, known_name

SUPPORTED = ("ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512")


def check(path: Path, key: paramiko.PKey, host: str = "node", port: int = 22, *, accept_new: bool = False) -> None:
    """Judge a key by one file alone."""
    KnownHosts(path).check(host, port, HostKey.of(key), accept_new=accept_new)


def line(key: paramiko.PKey, names: str = "node") -> str:
    """A line of a known hosts file."""
    return f"{names} {key.get_name()} {key.get_base64()}\n"


@pytest.fixture(scope="module")
def keys() -> list[paramiko.PKey]:
    return [paramiko.ECDSAKey.generate(), paramiko.ECDSAKey.generate()]


@pytest.fixture(scope="module")
def other_type(tmp_path_factory: pytest.TempPathFactory) -> paramiko.PKey:
    path = tmp_path_factory.mktemp("key") / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return paramiko.Ed25519Key.from_private_key_file(str(path))


@pytest.mark.parametrize(
    ("host", "port", "name"), [("node", 22, "node"), ("node", 2222, "[node]:2222"), ("::1", 2200, "[::1]:2200")]
)
def test_other_ports_are_part_of_the_name(host: str, port: int, name: str) -> None:
    assert known_name(host, port) == name
    assert str(Target(host, port)) == name


def test_a_new_host_is_recorded_once_and_known_from_then_on(tmp_path: Path, keys: list[paramiko.PKey]) -> None:
    known = tmp_path / "new directory/known_hosts"
    for _ in range(2):
        check(known, keys[0], "Node", 2222, accept_new=True)
    blob = base64.b64encode(keys[0].asbytes()).decode()
    assert known.read_text() == f"[node]:2222 {keys[0].get_name()} {blob}\n"
    check(known, keys[0], "node", 2222)


def test_a_record_is_one_that_openssh_understands(tmp_path: Path, keys: list[paramiko.PKey]) -> None:
    known = tmp_path / "known_hosts"
    check(known, keys[0], "node", 2222, accept_new=True)
    question = ["ssh-keygen", "-F", "[node]:2222", "-l", "-f", str(known)]
    found = subprocess.run(question, capture_output=True, text=True, check=True)
    assert keys[0].fingerprint in found.stdout


def test_an_unknown_host_is_refused_with_its_fingerprint_and_nothing_written(
    tmp_path: Path, keys: list[paramiko.PKey]
) -> None:
    known = tmp_path / "known_hosts"
    with pytest.raises(HostKeyUnknownError) as caught:
        check(known, keys[0])
    assert keys[0].fingerprint in caught.value.what
    assert str(known) in caught.value.what
    assert "accept-new" in caught.value.fix
    assert not known.exists()


@pytest.mark.parametrize("accept_new", [True, False])
def test_a_changed_key_is_refused_with_both_fingerprints(
    tmp_path: Path, keys: list[paramiko.PKey], accept_new: bool
) -> None:
    known = tmp_path / "known_hosts"
    check(known, keys[0], "node", 2222, accept_new=True)
    before = known.read_bytes()
    with pytest.raises(HostKeyChangedError) as caught:
        check(known, keys[1], "node", 2222, accept_new=accept_new)
    assert keys[1].fingerprint in caught.value.what.partition("but")[0]
    assert f"{known}:1 has {keys[0].fingerprint}" in caught.value.what.partition("but")[2]
    assert f"ssh-keygen -R '[node]:2222' -f {known}" in caught.value.fix
    assert known.read_bytes() == before


@pytest.mark.parametrize("accept_new", [True, False])
def test_a_revoked_key_is_refused_and_the_line_named(
    tmp_path: Path, keys: list[paramiko.PKey], accept_new: bool
) -> None:
    known = tmp_path / "known_hosts"
    known.write_text(line(keys[0]) + "@revoked " + line(keys[0], "*"))
    with pytest.raises(HostKeyChangedError, match=f"is revoked .{known}:2.") as caught:
        check(known, keys[0], accept_new=accept_new)
    assert keys[0].fingerprint in caught.value.what


def test_a_key_of_another_type_than_the_known_one_is_a_change(
    tmp_path: Path, keys: list[paramiko.PKey], other_type: paramiko.PKey
) -> None:
    known = tmp_path / "known_hosts"
    check(known, keys[0], accept_new=True)
    with pytest.raises(HostKeyChangedError, match=r"SHA256:.* has SHA256:"):
        check(known, other_type, accept_new=True)


def test_each_of_two_keys_of_one_type_is_accepted(tmp_path: Path, keys: list[paramiko.PKey]) -> None:
    known = tmp_path / "known_hosts"
    known.write_text(line(keys[0]) + line(keys[1]))
    for key in keys:
        check(known, key)


def test_another_port_is_another_machine(tmp_path: Path, keys: list[paramiko.PKey]) -> None:
    known = tmp_path / "known_hosts"
    known.write_text(line(keys[0], "[node]:22022"))
    for port in (22, 2222):
        with pytest.raises(HostKeyUnknownError):
            check(known, keys[0], "node", port)


def test_known_types_are_asked_for_first(tmp_path: Path, keys: list[paramiko.PKey], other_type: paramiko.PKey) -> None:
    known = tmp_path / "known_hosts"
    rsa = paramiko.RSAKey.generate(2048)
    known.write_text(line(keys[0], "one,10.0.0.1") + line(rsa, "two") + line(other_type, "three"))

    def first(host: str) -> str:
        return KnownHosts(known).algorithms(host, 22, SUPPORTED)[0].partition("-cert")[0]

    assert [first(host) for host in ("one", "10.0.0.1", "TWO", "three", "four")] == [
        "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256", "rsa-sha2-512", "ssh-ed25519", "ssh-ed25519",
    ]  # fmt: skip
    assert len(set(KnownHosts(known).algorithms("two", 22, SUPPORTED))) == 2 * len(SUPPORTED)


def test_hashed_names_are_found_and_other_lines_do_no_harm(tmp_path: Path, keys: list[paramiko.PKey]) -> None:
    known = tmp_path / "known_hosts"
    known.write_text(line(keys[0], "node") + line(keys[0], "old"))
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(known)], check=True, capture_output=True)
    assert "node" not in known.read_text()
    known.write_text(f"# a comment\n\n@unknown {line(keys[1])}node\nnode ssh-rsa no-base64!\n{known.read_text()}")
    for name in ("node", "old"):
        check(known, keys[0], name)
    with pytest.raises(HostKeyUnknownError):
        check(known, keys[0], "stranger")


def test_a_changed_file_is_read_again(tmp_path: Path, keys: list[paramiko.PKey]) -> None:
    known = tmp_path / "known_hosts"
    for key in keys:
        known.write_text(line(key))
        check(known, key)


def test_a_file_without_a_last_newline_is_not_spoiled(tmp_path: Path, keys: list[paramiko.PKey]) -> None:
    known = tmp_path / "known_hosts"
    known.write_text(line(keys[1], "first").strip())
    check(known, keys[0], "second", accept_new=True)
    check(known, keys[1], "first")
    check(known, keys[0], "second")


def test_a_file_that_somebody_locked_is_given_up_with_its_name(
    tmp_path: Path, keys: list[paramiko.PKey], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host_keys, "LOCK_SECONDS", 0.1)
    known = tmp_path / "known_hosts"
    with known.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(HostKeyUnknownError, match=f"another process held {known}"):
            check(known, keys[0], accept_new=True)


def test_many_first_contacts_at_once_lose_none(tmp_path: Path, keys: list[paramiko.PKey]) -> None:
    known = tmp_path / "known_hosts"
    threads = [
        threading.Thread(target=check, args=(known, keys[0], f"n{number}"), kwargs={"accept_new": True})
        for number in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(20):
        check(known, keys[0], f"n{number}")
