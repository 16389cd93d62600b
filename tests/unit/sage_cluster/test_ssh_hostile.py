"""No call waits for ever: what runs against servers that misbehave ends within the configured times, with an error.

What can block, and how it is bounded (`sage_cluster.ssh`):

- the resolver: asked in a thread of its own, waited for until ssh.connect_timeout
- TCP's connection, to all addresses of a name together: ssh.connect_timeout
- the greeting: ssh.connect_timeout and 8 kB
- the exchange of keys: ssh.connect_timeout; a packet has at most 256 kB
- the login, with all keys together, and the SSH agent: ssh.connect_timeout
- a turn among the handshakes: each holder keeps it for 2 s at most
- another attempt: none begins later than ssh.connect_timeout after the first
- the lock of the known hosts file: 5 s
- a session among those of the connection, a channel, "exec", its output and status, room to send: the command's own
  time, then 6 s until the connection is broken off
- a stream's beginning, room to send, a line: ssh.connect_timeout beyond the caller's own time; a line has at most 10 MB
- the end of a program: all threads are daemons
"""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from types import UnionType

import paramiko
import pytest

from sage_cluster.cluster_manager import ClusterManager
from sage_cluster.config.schema import SshConfig
from sage_cluster.config_manager import ConfigManager
from sage_cluster.errors import (
    AuthenticationError,
    CommandTimeoutError,
    ConnectionLostError,
    ConnectTimeoutError,
    SageError,
    UnknownHostError,
)
from sage_cluster.ssh import connection, handshake
from sage_cluster.ssh import pool as pool_module
from sage_cluster.ssh.connection import CommandResult, Target
from sage_cluster.ssh.pool import HANDSHAKES_AT_ONCE, SshPool
from tests.support.hostile_ssh import KINDS, hostile_server
from tests.support.waiting import wait_for

CONNECT, COMMAND, MARGIN, SLACK = 4.0, 2.0, 2.0, 4.0
ENDS: dict[str, type | UnionType] = {
    "silent": ConnectTimeoutError,
    "hangs up": ConnectionLostError,
    "lines without end": ConnectionLostError,
    "a line without end": ConnectionLostError,
    "drops of a greeting": ConnectTimeoutError,
    "another protocol": ConnectTimeoutError,
    "greets and hangs up": ConnectionLostError,
    "greets and is silent": ConnectionLostError,
    "greets and talks nonsense": ConnectionLostError,
    "a packet of four gigabytes": ConnectionLostError,
    "packets that mean nothing": ConnectionLostError,
    "reads nothing": ConnectionLostError,
    "the login is never answered": ConnectTimeoutError,
    "hangs up at the login": ConnectionLostError,
    "refuses every key": AuthenticationError,
    "wants a password too": AuthenticationError,
    "banners without end instead of a login": ConnectTimeoutError,
    "a channel is never opened": ConnectionLostError,
    "refuses every channel": ConnectionLostError,
    "a command is never begun": CommandTimeoutError,
    "refuses every command": ConnectionLostError,
    "a command never ends": CommandTimeoutError,
    "a command ends without a status": CommandResult | ConnectionLostError,
    "a command ends its output and no more": CommandTimeoutError,
    "a command writes one line without end": CommandTimeoutError,
    "a command writes errors without end": CommandTimeoutError,
    "a command writes more than there is room for": SageError,
    "hangs up while a command runs": ConnectionLostError,
    "reads nothing more once a command runs": CommandTimeoutError,
    "begins to exchange keys anew and does not go on": CommandTimeoutError | ConnectionLostError,
    "a command gives nonsense for an answer": CommandResult,
}


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("key") / "key"
    paramiko.RSAKey.generate(2048).write_private_key_file(str(path))
    return path


def settings(key: Path, known_hosts: Path, **changes: object) -> SshConfig:
    """Of one who trusts everybody once and has little time."""
    said = {
        "user": "sage",
        "key_path": str(key),
        "known_hosts": str(known_hosts),
        "host_keys": "accept-new",
        "connect_timeout": CONNECT,
        "command_timeout": COMMAND,
        "retries": 1,
    }
    return SshConfig.model_validate({**said, **changes})


@dataclass
class Ending:
    """What became of a call, and after how many seconds."""

    answer: object
    seconds: float


def timed(work: Callable[[], object]) -> Ending:
    """Do it and see how it ends."""
    began = time.monotonic()
    try:
        answer = work()
    except Exception as error:  # noqa: BLE001 - what came is what the test is about
        answer = error
    return Ending(answer, time.monotonic() - began)


def read_on(pool: SshPool, target: Target) -> list[str]:
    """Listen to a command, as the supervisor does, for COMMAND seconds or until it breaks."""
    until = time.monotonic() + COMMAND
    stream = pool.connection(target).stream(["watch"])
    stream.send("ping\n")
    lines: list[str] = []
    while time.monotonic() < until:
        lines += stream.lines(0.5)
    stream.close()
    return lines


@pytest.fixture(scope="module", autouse=True)
def less_patience() -> Iterator[None]:
    """The time between a command's own deadline and the end of its connection is shorter than in earnest."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connection, "MARGIN_SECONDS", MARGIN - 1)
        yield


@pytest.fixture(scope="module")
def endings(key: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, tuple[Ending, Ending, Ending]]]:
    """Of a command, a stream and the pool's end, against all kinds side by side."""
    directory = tmp_path_factory.mktemp("known")
    with ExitStack() as stack:
        ports = {kind: stack.enter_context(hostile_server(kind)).port for kind in KINDS}

        def one(kind: str) -> tuple[Ending, Ending, Ending]:
            config, target = settings(key, directory / kind), Target("127.0.0.1", ports[kind])
            pool = SshPool(lambda: config)
            return (
                timed(lambda: pool.run(target, ["true"])),
                timed(lambda: read_on(pool, target)),
                timed(pool.close),
            )

        with ThreadPoolExecutor(len(KINDS)) as executor:
            yield dict(zip(KINDS, executor.map(one, KINDS), strict=True))


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_command_ends_in_time_with_the_error_that_fits(
    endings: dict[str, tuple[Ending, Ending, Ending]], kind: str
) -> None:
    run, stream, closed = endings[kind]
    assert isinstance(run.answer, ENDS[kind]), run.answer
    assert run.seconds < 3 * CONNECT + COMMAND + MARGIN + SLACK
    assert isinstance(stream.answer, SageError | list), stream.answer
    assert stream.seconds < 3 * CONNECT + 2 * COMMAND + MARGIN + SLACK
    assert closed.seconds < 1
    for answer in (run.answer, stream.answer):
        assert not isinstance(answer, SageError) or str(answer).replace("\n", "").isprintable()


CLUSTER_KINDS = (
    "silent", "greets and is silent", "the login is never answered", "a channel is never opened",
    "a command is never begun", "a command never ends", "a command writes one line without end",
    "a command writes more than there is room for", "begins to exchange keys anew and does not go on",
    "a command gives nonsense for an answer",
)  # fmt: skip


OPERATIONS: dict[str, Callable[[ClusterManager], bool]] = {
    "status": lambda manager: not manager.status_cluster().head.problem,
    "start": lambda manager: manager.start_cluster().success,
    "stop": lambda manager: manager.stop_cluster().success,
}


@pytest.fixture(scope="module")
def operations(key: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Ending]:
    """Status, start and stop of clusters whose head and worker are hostile, all side by side."""
    directory = tmp_path_factory.mktemp("clusters")

    def one(case: tuple[str, str]) -> Ending:
        kind, operation = case
        path = directory / f"{kind} {operation}" / "config.yaml"
        path.parent.mkdir()
        with hostile_server(kind) as head, hostile_server(kind) as worker:
            path.write_text(
                f"head: {{host: 127.0.0.1, ssh_port: {head.port}}}\n"
                f"workers_ssh_hosts: 127.0.0.1:{worker.port}\n"
                f"ssh: {{user: sage, key_path: {key}, known_hosts: '{path.parent}/known', host_keys: accept-new,\n"
                f"  connect_timeout: {CONNECT}, retries: 1}}\n"
                "cluster: {start_timeout: 1, answer_timeout: 1, stop_timeout: 1}\n"
                "recovery: {enabled: false}\n"
            )
            manager = ClusterManager(ConfigManager(path))
            ending = timed(lambda: OPERATIONS[operation](manager))
            manager.close()
            return ending

    cases = [(kind, operation) for kind in CLUSTER_KINDS for operation in OPERATIONS]
    with ThreadPoolExecutor(len(cases)) as executor:
        return dict(zip(cases, executor.map(one, cases), strict=True))


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("kind", CLUSTER_KINDS)
def test_an_operation_ends_in_time_and_does_not_succeed(
    operations: dict[tuple[str, str], Ending], kind: str, operation: str
) -> None:
    """The longest is a stop: all workers, then the head, each with its own time to end and two to answer."""
    ending = operations[kind, operation]
    assert ending.answer is False
    assert ending.seconds < 2 * (2 * CONNECT + 1 + 2 + MARGIN) + SLACK


def test_a_name_that_the_resolver_does_not_answer_for(
    key: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = threading.Event()
    real = socket.getaddrinfo

    def resolver(*words: object, flags: int = 0, **more: object) -> object:
        if not flags:
            ended.wait(30)
        return real("127.0.0.1", 22, flags=socket.AI_NUMERICHOST) if ended.is_set() else real(*words, flags=flags)

    monkeypatch.setattr(handshake.socket, "getaddrinfo", resolver)
    config = settings(key, tmp_path / "known", connect_timeout=0.5)
    ending = timed(lambda: handshake.open_connection(Target("node.example", 22), config))
    ended.set()
    assert isinstance(ending.answer, ConnectTimeoutError)
    assert "DNS" in str(ending.answer)
    assert ending.seconds < 2


@pytest.mark.parametrize("host", ["a..b", "x" * 64 + ".example"])
def test_what_can_be_no_name_is_called_so(key: Path, tmp_path: Path, host: str) -> None:
    ending = timed(lambda: handshake.open_connection(Target(host), settings(key, tmp_path / "known")))
    assert isinstance(ending.answer, UnknownHostError), ending.answer
    assert "name of a host" in str(ending.answer)


def test_an_agent_that_is_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with hostile_server("refuses every key") as server, socket.socket(socket.AF_UNIX) as agent:
        agent.bind(str(tmp_path / "agent"))
        agent.listen()
        monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
        config = settings(tmp_path, tmp_path / "known", key_path=None, connect_timeout=2.0)
        ending = timed(lambda: handshake.open_connection(Target("127.0.0.1", server.port), config))
    assert isinstance(ending.answer, AuthenticationError | ConnectTimeoutError), ending.answer
    assert ending.seconds < 6


def test_sick_nodes_do_not_hold_up_a_good_one(key: Path, tmp_path: Path) -> None:
    """More than may shake hands at once: some greet, some do not, and none goes on for twenty seconds."""
    config = settings(key, tmp_path / "known", connect_timeout=20.0)
    with ExitStack() as stack:
        sick = [
            stack.enter_context(hostile_server(kind))
            for kind in ("silent", "greets and is silent")
            for _ in range(HANDSHAKES_AT_ONCE + 10)
        ]
        good = stack.enter_context(hostile_server("a command gives nonsense for an answer"))
        pool = stack.enter_context(SshPool(lambda: config))
        for server in sick:
            target = Target("127.0.0.1", server.port)
            threading.Thread(target=lambda to=target: timed(lambda: pool.connection(to)), daemon=True).start()
        wait_for(lambda: all(server.contacts for server in sick))
        ending = timed(lambda: pool.connection(Target("127.0.0.1", good.port)))
    assert not isinstance(ending.answer, Exception), ending.answer
    assert ending.seconds < 10


def test_a_node_that_failed_does_not_hold_up_those_that_did_not(
    key: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool_module, "HANDSHAKES_AT_ONCE", 1)
    monkeypatch.setattr(pool_module, "TURN_SECONDS", 60.0)
    config = settings(key, tmp_path / "known", retries=0)
    with (
        hostile_server("greets and is silent") as sick,
        hostile_server("a command gives nonsense for an answer") as good,
        SshPool(lambda: config) as pool,
    ):
        target = Target("127.0.0.1", sick.port)
        assert isinstance(timed(lambda: pool.connection(target)).answer, ConnectionLostError)
        config = settings(key, tmp_path / "known", retries=0, connect_timeout=20.0)
        threading.Thread(target=lambda: timed(lambda: pool.connection(target)), daemon=True).start()
        wait_for(lambda: sick.contacts, 2)
        assert timed(lambda: pool.connection(Target("127.0.0.1", good.port))).seconds < 10


def test_what_paramiko_logs_reaches_nobody(key: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with hostile_server("greets and talks nonsense") as server, suppress(SageError):
        handshake.open_connection(Target("127.0.0.1", server.port), settings(key, tmp_path / "known"))
    assert [record for record in caplog.records if record.name.startswith("paramiko")] == []


def test_what_nobody_reads_does_not_grow(key: Path, tmp_path: Path) -> None:
    kind = "a command writes more than there is room for"
    config = settings(key, tmp_path / "known")
    with hostile_server(kind) as server, SshPool(lambda: config) as pool:
        open_one = pool.connection(Target("127.0.0.1", server.port))
        open_one.stream(["watch"])
        wait_for(lambda: open_one.is_open, False)


def test_ctrl_c_ends_a_program_at_once(key: Path, tmp_path: Path) -> None:
    program = (
        "import sys; from sage_cluster.config.schema import SshConfig; from sage_cluster.ssh.pool import *\n"
        "config = SshConfig(user='sage', key_path=sys.argv[1], known_hosts=sys.argv[2], host_keys='accept-new',\n"
        "                   connect_timeout=60)\n"
        "targets = [Target('127.0.0.1', int(port)) for port in sys.argv[3:]]\n"
        "with SshPool(lambda: config) as pool:\n"
        "    fan_out(targets * 2, lambda target: pool.run(target, ['true'], timeout=60), 2)\n"
    )
    with hostile_server("the login is never answered") as one, hostile_server("a command never ends") as other:
        ports = [str(one.port), str(other.port)]
        running = subprocess.Popen([sys.executable, "-c", program, str(key), str(tmp_path / "known"), *ports])
        try:
            wait_for(lambda: one.contacts and other.contacts, 1)
            running.send_signal(signal.SIGINT)
            assert running.wait(5) != 0
        finally:
            running.kill()
            running.wait()


def test_who_waits_for_a_silent_node_shares_its_error(key: Path, tmp_path: Path) -> None:
    """Not one after another, each with all attempts of its own."""
    config = settings(key, tmp_path / "known", connect_timeout=2.0)
    with hostile_server("silent") as server, SshPool(lambda: config) as pool, ThreadPoolExecutor(5) as executor:
        target = Target("127.0.0.1", server.port)
        endings = list(executor.map(lambda _: timed(lambda: pool.connection(target)), range(5)))
        assert {type(ending.answer) for ending in endings} == {ConnectTimeoutError}
        assert max(ending.seconds for ending in endings) < 2 * 2.0
        assert server.contacts == 1
