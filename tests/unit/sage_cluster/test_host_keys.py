"""Known hosts: accepted, recorded, refused, with the fingerprints that a person compares."""

from __future__ import annotations

import base64
import subprocess
import threading
from pathlib import Path

import paramiko
import pytest

from sage_cluster.errors import HostKeyChangedError, HostKeyUnknownError
from sage_cluster.ssh.connection import Target
from sage_cluster.ssh.host_keys import check_host_key, known_keys, known_name


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
        check_host_key("[node]:2222", keys[0], known, accept_new=True)
    line = f"[node]:2222 {keys[0].get_name()} {base64.b64encode(keys[0].asbytes()).decode()}\n"
    assert known.read_text() == line
    check_host_key("[node]:2222", keys[0], known, accept_new=False)


def test_a_record_is_one_that_openssh_understands(tmp_path: Path, keys: list[paramiko.PKey]) -> None:
    known = tmp_path / "known_hosts"
    check_host_key("[node]:2222", keys[0], known, accept_new=True)
    question = ["ssh-keygen", "-F", "[node]:2222", "-l", "-f", str(known)]
    found = subprocess.run(question, capture_output=True, text=True, check=True)
    assert keys[0].fingerprint in found.stdout


def test_an_unknown_host_is_refused_with_its_fingerprint_and_nothing_written(
    tmp_path: Path, keys: list[paramiko.PKey]
) -> None:
    known = tmp_path / "known_hosts"
    with pytest.raises(HostKeyUnknownError) as caught:
        check_host_key("node", keys[0], known, accept_new=False)
    assert keys[0].fingerprint in caught.value.what
    assert str(known) in caught.value.what
    assert "accept-new" in caught.value.fix
    assert not known.exists()


@pytest.mark.parametrize("accept_new", [True, False])
def test_a_changed_key_is_refused_with_both_fingerprints(
    tmp_path: Path, keys: list[paramiko.PKey], accept_new: bool
) -> None:
    known = tmp_path / "known_hosts"
    check_host_key("[node]:2222", keys[0], known, accept_new=True)
    before = known.read_bytes()
    with pytest.raises(HostKeyChangedError) as caught:
        check_host_key("[node]:2222", keys[1], known, accept_new=accept_new)
    assert keys[1].fingerprint in caught.value.what.partition("but")[0]
    assert keys[0].fingerprint in caught.value.what.partition("but")[2]
    assert f"ssh-keygen -R '[node]:2222' -f {known}" in caught.value.fix
    assert known.read_bytes() == before


def test_a_key_of_another_type_than_the_known_one_is_a_change(
    tmp_path: Path, keys: list[paramiko.PKey], other_type: paramiko.PKey
) -> None:
    known = tmp_path / "known_hosts"
    check_host_key("node", keys[0], known, accept_new=True)
    with pytest.raises(HostKeyChangedError, match=r"SHA256:.* has SHA256:"):
        check_host_key("node", other_type, known, accept_new=True)


def test_another_port_is_another_machine(tmp_path: Path, keys: list[paramiko.PKey]) -> None:
    known = tmp_path / "known_hosts"
    check_host_key("node", keys[0], known, accept_new=True)
    with pytest.raises(HostKeyUnknownError):
        check_host_key("[node]:2222", keys[0], known, accept_new=False)


def test_known_types_are_asked_for(tmp_path: Path, keys: list[paramiko.PKey], other_type: paramiko.PKey) -> None:
    known = tmp_path / "known_hosts"
    for key in (keys[0], other_type):
        with known.open("a") as file:
            file.write(f"node,10.0.0.1 {key.get_name()} {key.get_base64()}\n")
    for name in ("node", "10.0.0.1"):
        assert set(known_keys(known, name)) == {keys[0].get_name(), "ssh-ed25519"}
    assert known_keys(known, "stranger") == {}
    assert known_keys(tmp_path / "none", "node") == {}


def test_hashed_names_are_found_and_other_lines_do_no_harm(tmp_path: Path, keys: list[paramiko.PKey]) -> None:
    known = tmp_path / "known_hosts"
    line = f"{keys[0].get_name()} {keys[0].get_base64()}"
    known.write_text(f"node {line}\nold {line}\n")
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(known)], check=True, capture_output=True)
    assert "node" not in known.read_text()
    known.write_text(f"# a comment\n\n@revoked node {line}\nnode\nnode ssh-rsa no-base64!\n{known.read_text()}")
    for name in ("node", "old"):
        assert known_keys(known, name) == {keys[0].get_name(): keys[0]}
    assert known_keys(known, "stranger") == {}


def test_a_changed_file_is_read_again(tmp_path: Path, keys: list[paramiko.PKey]) -> None:
    known = tmp_path / "known_hosts"
    for key in keys:
        known.write_text(f"node {key.get_name()} {key.get_base64()}\n")
        assert known_keys(known, "node") == {key.get_name(): key}


def test_a_file_without_a_last_newline_is_not_spoiled(tmp_path: Path, keys: list[paramiko.PKey]) -> None:
    known = tmp_path / "known_hosts"
    known.write_text(f"first {keys[1].get_name()} {keys[1].get_base64()}")
    check_host_key("second", keys[0], known, accept_new=True)
    check_host_key("first", keys[1], known, accept_new=False)
    check_host_key("second", keys[0], known, accept_new=False)


def test_many_first_contacts_at_once_lose_none(tmp_path: Path, keys: list[paramiko.PKey]) -> None:
    known = tmp_path / "known_hosts"
    threads = [
        threading.Thread(target=check_host_key, args=(f"n{number}", keys[0], known), kwargs={"accept_new": True})
        for number in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(20):
        assert known_keys(known, f"n{number}") == {keys[0].get_name(): keys[0]}
