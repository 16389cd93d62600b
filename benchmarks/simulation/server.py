"""The SSH servers of the simulated nodes, all in one process: `python -m benchmarks.simulation.server`."""

from __future__ import annotations

import asyncio
import json
import shlex
import socket
import sys
from pathlib import Path

import asyncssh

from benchmarks.simulation.answers import SimulatedCluster
from sage_cluster.nodes.program import ANSWER

USER = "sage"
LOGINS_AT_ONCE = 100


def addresses(count: int) -> list[str]:
    """Loopback addresses, one for each node: 127.77.0.1, 127.77.0.2, ..."""
    return [f"127.77.{number // 250}.{number % 250 + 1}" for number in range(count)]


async def serve(directory: Path, count: int) -> None:
    """Play ``count`` nodes until standard input closes.

    Writes ``key`` (to log in with) and ``known_hosts`` into the directory, then prints the port.
    """
    key, host_key = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    key.write_private_key(str(directory / "key"))
    (directory / "key").chmod(0o600)
    authorized = asyncssh.import_authorized_keys(key.export_public_key().decode())
    cluster = SimulatedCluster()

    async def handle(process: asyncssh.SSHServerProcess[bytes]) -> None:
        try:
            await _command(cluster, process)
        except (asyncssh.Error, BrokenPipeError):
            process.close()  # its client has gone

    port = _free_port()
    listener = await asyncssh.listen(
        addresses(count),  # asyncio takes many hosts for one server, and so does this
        port,
        server_host_keys=[host_key],
        authorized_client_keys=authorized,
        process_factory=handle,
        encoding=None,
        compression_algs=None,
        line_editor=False,
        backlog=LOGINS_AT_ONCE,
    )
    public = host_key.export_public_key().decode().strip()
    lines = [f"[{address}]:{port} {public}\n" for address in addresses(count)]
    (directory / "known_hosts").write_text("".join(lines), encoding="utf-8")
    print(port, flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    listener.close()


def _free_port() -> int:
    """One port for all: asked for port 0, each address would get another."""
    with socket.create_server((addresses(1)[0], 0)) as probe:
        return int(probe.getsockname()[1])


async def _command(cluster: SimulatedCluster, process: asyncssh.SSHServerProcess[bytes]) -> None:
    """Do one command as a node does: the program in the command line is not run."""
    command, told, nonce = shlex.split(process.command or "")[-3:]
    address, spec = str(process.get_extra_info("sockname")[0]), json.loads(told)

    if command == "watch":
        await _watch(cluster, process, address, spec)
    else:
        await process.stdin.read()
        answer = f"{ANSWER}{nonce}{json.dumps(cluster.answer(address, command, spec))}\n"
        process.stdout.write(answer.encode())
        process.exit(0)


async def _watch(
    cluster: SimulatedCluster, process: asyncssh.SSHServerProcess[bytes], address: str, spec: dict[str, object]
) -> None:
    def say(message: dict[str, object]) -> None:
        process.stdout.write(f"{spec['message_frame']}{json.dumps(message)}\n".encode())

    forget = cluster.watch(address, lambda: say({"ended": "raylet", "pid": 1}))
    try:
        say({"heartbeat": cluster.heartbeat(address, spec)})
        while await process.stdin.readline():
            say({"heartbeat": cluster.heartbeat(address, spec)})
    finally:
        forget()
    process.exit(0)


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2])))
