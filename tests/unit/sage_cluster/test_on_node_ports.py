"""Addresses and ports, on real sockets of the loopback."""

from __future__ import annotations

import os
import socket

import pytest

from sage_cluster.on_node.ports import can_connect, listening_ports, own_address, port_owner, resolve
from tests.support.ports import free_port
from tests.support.processes import LISTEN, Fakes


@pytest.mark.parametrize(("family", "address"), [("AF_INET", "127.0.0.1"), ("AF_INET", "0.0.0.0"), ("AF_INET6", "::")])
def test_a_taken_port_is_told_with_its_owner(fakes: Fakes, family: str, address: str) -> None:
    owner = fakes.run("some-server", family, address, source=LISTEN)
    found = port_owner(int(fakes.said))
    assert found.startswith(f"process {owner.pid} (some-server ")


def test_a_free_port_has_no_owner() -> None:
    assert port_owner(free_port()) == ""


def test_a_port_whose_server_just_ended_is_free() -> None:
    """A connection in TIME_WAIT does not take the port: Ray can start again at once."""
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port), 5):
            server.accept()[0].close()
    assert port_owner(port) == ""


def test_ports_are_given_to_the_processes_that_listen(fakes: Fakes) -> None:
    first = fakes.run("python", "AF_INET", "127.0.0.1", source=LISTEN).pid
    port = int(fakes.said)
    fakes.run("python", "AF_INET", "127.0.0.1", source=LISTEN)
    second_port = int(fakes.said)
    assert listening_ports({first}) == {port: first}
    assert second_port not in listening_ports({first})
    assert listening_ports(set()) == {}


def test_a_connection_is_no_listening_port() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        with socket.create_connection(server.getsockname(), 5) as client:
            found = listening_ports({os.getpid()})
            assert server.getsockname()[1] in found
            assert client.getsockname()[1] not in found


def test_a_process_that_is_gone_listens_on_nothing(fakes: Fakes) -> None:
    process = fakes.run("python")
    process.kill()
    process.wait()
    assert listening_ports({process.pid}) == {}


def test_connecting() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        assert can_connect("127.0.0.1", server.getsockname()[1], 5.0) == ""
    assert can_connect("127.0.0.1", free_port(), 5.0) == "Connection refused"


def test_a_port_that_does_not_answer_ends_at_the_deadline() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        # The queue of a server that accepts nothing takes one; the next hangs.
        with socket.create_connection(server.getsockname(), 5):
            assert can_connect("127.0.0.1", server.getsockname()[1], 0.2) == "timed out"


def test_resolving() -> None:
    assert resolve("127.0.0.1") == "127.0.0.1"
    assert resolve("localhost") == "127.0.0.1"
    with pytest.raises(OSError, match=r"(?i)name|service"):
        resolve("name with spaces")


def test_the_own_address_towards_a_peer() -> None:
    assert own_address("127.0.0.9", 6379) == "127.0.0.1"
