"""Known hosts files, beside OpenSSH's own client: both decide about one real sshd, and have to decide alike."""

from __future__ import annotations

import base64
import hashlib
import hmac
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sage_cluster.config.schema import SshConfig
from sage_cluster.errors import HostKeyChangedError, HostKeyUnknownError
from sage_cluster.ssh import client_config, handshake
from sage_cluster.ssh.connection import Target
from sage_cluster.ssh.handshake import open_connection
from tests.support.sshd import Sshd, certify, make_host_keys, make_key, public, running_sshd

HOST, OTHER_HOST = "node.example", "other.example"
NAMES = (
    "{host}", "[{host}]:{port}", "[{host}]:22", "[{host}]:999", "NODE.Example", "[NODE.example]:{port}",
    "*", "*.example", "node.*", "?ode.example", "n??.example", "[*.example]:{port}", "[{host}]:*", "[*]:{port}",
    "!{host},*", "*,!{host}", "*,![{host}]:{port}", "!other*,*", "!!{host},*", "*.example,!node.*",
    "other.example,{host}", "other.example,[{host}]:{port}", "other.example", "", ",{host}",
    "|{host}", "|[{host}]:{port}", "|NODE.example", "|other.example", "|1|c2FsdA==|bm9uZQ==", "|1|broken",
)  # fmt: skip
"""Those that begin with "|" and are not whole yet are hashed."""
KEYS = (
    "ed25519", "ecdsa", "rsa", "stranger_ed25519", "stranger_ecdsa", "stranger_rsa", "authority", "stranger_authority",
    "damaged", "no_key", "wrong_type", "rsa_by_algorithm",
)  # fmt: skip
MARKERS = ("", "", "", "@revoked", "@cert-authority", "@unknown", "@revoked @revoked")
LAYOUTS = ("{m} {n} {k}", "{m} {n} {k} a comment", "  {m}  {n}   {k}", "{m}\t{n}\t{k}", "{m} {n} {k}\r", "#{m} {n} {k}")
DIAL = """
import socket, sys
there = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
socket.send_fds(socket.socket(fileno=1), [b"0"], [there.fileno()])
"""
"""How OpenSSH's client gets to the server, whatever it calls it."""


@dataclass(frozen=True)
class Line:
    """A line of a known hosts file."""

    names: str = "[{host}]:{port}"
    key: str = "ed25519"
    marker: str = ""
    layout: str = LAYOUTS[0]


@dataclass(frozen=True)
class Case:
    """What is known, and how the host is reached."""

    own: tuple[Line, ...] = ()
    system: tuple[Line, ...] = ()
    host: str = HOST
    port: int = 2222
    server: str = "plain"
    accept_new: bool = False


LINES = st.builds(
    Line,
    names=st.sampled_from(NAMES),
    key=st.sampled_from(KEYS),
    marker=st.sampled_from(MARKERS),
    layout=st.sampled_from(LAYOUTS),
)
CASES = st.builds(
    Case,
    own=st.lists(LINES, max_size=4).map(tuple),
    system=st.lists(LINES, max_size=1).map(tuple),
    host=st.sampled_from((HOST, HOST, "Node.EXAMPLE", "10.9.8.7")),
    port=st.sampled_from((22, 2222)),
    server=st.sampled_from(("plain", "certified", "expired", "two")),
    accept_new=st.booleans(),
)


@pytest.fixture(scope="module", autouse=True)
def stopped_afterwards() -> None:
    """There is no cluster here, so none is stopped."""


@dataclass(frozen=True, repr=False)
class World:
    """The machines that a case is tried with."""

    directory: Path
    keys: dict[str, str]
    servers: dict[str, Sshd]

    def write(self, file: str, lines: tuple[Line, ...], case: Case) -> Path:
        """Write a known hosts file."""
        path = self.directory / file
        path.write_bytes("".join(self._line(line, case) for line in lines).encode())
        return path

    def _line(self, line: Line, case: Case) -> str:
        names = line.names.format(host=case.host, port=case.port)
        if names.startswith("|") and not names.startswith("|1|"):
            salt = hashlib.sha1(names.encode()).digest()
            digest = hmac.digest(
                salt, names[1:].lower().encode() if "NODE" not in names else names[1:].encode(), "sha1"
            )
            names = f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"
        return (
            line.layout.format(m=line.marker, n=names, k=self.keys[line.key]).lstrip(" \t" * (not line.marker)) + "\n"
        )


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    directory = tmp_path_factory.mktemp("hosts")
    (directory / "dial").write_text(DIAL)
    hosts = make_host_keys(directory)
    keys = {kind: public(path) for kind, path in hosts.items()}
    for kind in hosts:
        keys[f"stranger_{kind}"] = public(make_key(directory / f"stranger_{kind}", kind))
    authority, stranger = make_key(directory / "authority"), make_key(directory / "stranger_authority")
    keys |= {"authority": public(authority), "stranger_authority": public(stranger), "no_key": "ssh-rsa"}
    keys["damaged"] = keys["ed25519"].replace("AAAA", "AA*A", 1)
    keys["wrong_type"] = keys["ed25519"].replace("ssh-ed25519", "ssh-rsa", 1)
    keys["rsa_by_algorithm"] = keys["rsa"].replace("ssh-rsa", "rsa-sha2-512", 1)
    everything = list(hosts.values())
    expired = make_key(directory / "expired_ed25519")
    good = certify(authority, hosts["ed25519"], "node.example,10.9.*")
    bad = certify(authority, expired, "node.example", "-V", "20200101:20210101")
    with (
        running_sshd(directory / "plain", everything) as plain,
        running_sshd(directory / "certified", everything, f"HostCertificate {good}") as certified,
        running_sshd(directory / "expired", [expired, hosts["rsa"]], f"HostCertificate {bad}") as late,
        running_sshd(directory / "two", [hosts["ecdsa"], hosts["rsa"]]) as two,
    ):
        yield World(directory, keys, {"plain": plain, "certified": certified, "expired": late, "two": two})


def openssh(world: World, case: Case, own: Path, system: Path) -> bool:
    """Whether OpenSSH's client accepts the host."""
    server = world.servers[case.server]
    options = {
        "UserKnownHostsFile": own,
        "GlobalKnownHostsFile": system,
        "StrictHostKeyChecking": "accept-new" if case.accept_new else "yes",
        "HashKnownHosts": "no",
        "UpdateHostKeys": "no",
        "BatchMode": "yes",
        "PubkeyAuthentication": "no",  # whether it would log in says enough, and is quicker
        "KexAlgorithms": "curve25519-sha256",
        "ProxyCommand": f"{sys.executable} -I -S {world.directory}/dial {server.port}",
        "ProxyUseFdpass": "yes",
    }
    words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    done = subprocess.run(
        ["ssh", "-F", "none", *words, "-p", str(case.port), f"{server.user}@{case.host}", "true"],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    accepted, refused = "Permission denied" in done.stderr, "Host key verification failed" in done.stderr
    assert accepted != refused, done.stderr
    return accepted


def managers(world: World, case: Case, own: Path, system: Path) -> bool:
    """Whether the managers accept it."""
    server = world.servers[case.server]
    address = (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", server.port))
    config = SshConfig(
        user=server.user,
        key_path=str(server.key),
        known_hosts=str(own),
        host_keys="accept-new" if case.accept_new else "strict",
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(handshake, "_resolve", lambda *_: [address])
        patch.setattr(client_config, "SYSTEM_FILES", (system,))
        try:
            open_connection(Target(case.host, case.port), config).close()
        except (HostKeyChangedError, HostKeyUnknownError):
            return False
    return True


@settings(max_examples=50, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(case=CASES)
@example(Case(own=(Line(marker="@revoked"),)))
@example(Case(own=(Line(marker="@revoked"),), accept_new=True))
@example(Case(own=(Line(), Line("*", marker="@revoked"))))
@example(Case(own=(Line(),), system=(Line(marker="@revoked"),)))
@example(Case(own=(Line(key="rsa"),)))
@example(Case(own=(Line(key="rsa"),), accept_new=True))
@example(Case(own=(Line(key="ecdsa"), Line(key="rsa"))))
@example(Case(own=(Line(key="stranger_ed25519"), Line(key="ed25519"))))
@example(Case(own=(Line(key="stranger_rsa"), Line(key="rsa"))))
@example(Case(own=(Line(key="stranger_rsa"), Line(key="ecdsa"))))
@example(Case(own=(Line("*,![{host}]:{port}"),)))
@example(Case(own=(Line("[*.example]:{port}"),)))
@example(Case(own=(Line("{host}"),)))
@example(Case(own=(Line("{host}", key="stranger_ed25519"),), accept_new=True))
@example(Case(own=(Line("{host}", key="rsa"),)))
@example(Case(own=(Line("|[{host}]:{port}"),)))
@example(Case(own=(Line("{host}"),), host="Node.EXAMPLE", port=22))
@example(Case(own=(Line("NODE.Example"),), port=22))
@example(Case(system=(Line(),)))
@example(Case(system=(Line(key="stranger_ed25519"),), accept_new=True))
@example(Case(own=(Line("*.example", "authority", "@cert-authority"),), server="certified", port=22))
@example(Case(own=(Line("[*.example]:*", "authority", "@cert-authority"),), server="certified"))
@example(Case(own=(Line("*.example", "authority", "@cert-authority"),), server="certified"))
@example(Case(own=(Line("*", "authority", "@cert-authority"),), server="expired"))
@example(Case(own=(Line("*", "authority", "@cert-authority"),), server="plain", accept_new=True))
@example(Case(own=(Line("*", "authority", "@cert-authority"), Line("*", "authority", "@revoked")), server="certified"))
@example(Case(own=(Line("*", "stranger_authority", "@cert-authority"),), server="certified", accept_new=True))
@example(Case(own=(Line("{host}", "ed25519"),), server="two", port=22))
@example(Case(accept_new=True))
@example(Case(accept_new=True, server="certified", host="10.9.8.7"))
def test_the_managers_decide_as_openssh_does(world: World, case: Case) -> None:
    own = {name: world.write(f"known_{name}", case.own, case) for name in ("ssh", "managers")}
    system = world.write("system", case.system, case)
    with ThreadPoolExecutor(1) as other:
        reference = other.submit(openssh, world, case, own["ssh"], system)
        accepted = managers(world, case, own["managers"], system)
    assert accepted == reference.result()
    assert own["managers"].read_text() == own["ssh"].read_text()
