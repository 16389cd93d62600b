"""The three SSH clients of the fan-out, each used as its own documentation shows."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import asyncssh
from pssh.clients import ParallelSSHClient  # type: ignore[import-untyped]

from sage_cluster import SageError
from sage_cluster.config.schema import SshConfig
from sage_cluster.ssh.connection import Target
from sage_cluster.ssh.pool import SshPool, fan_out

CONCURRENCY = 50
COMMAND = "true"


@dataclass
class Timing:
    """What the timed part took: wall and this process's CPU time, in seconds."""

    wall: float = 0.0
    cpu: float = 0.0


@contextmanager
def timed() -> Iterator[Timing]:
    """Time the body."""
    timing = Timing()
    wall, cpu = time.monotonic(), time.process_time()
    yield timing
    timing.wall, timing.cpu = time.monotonic() - wall, time.process_time() - cpu


Client = Callable[[SshConfig, list[str], bool], tuple[Timing, list[int | None]]]
"""Runs COMMAND on one connection for each host, ``warm``: opened before the clock starts. Answers the exit statuses."""


def ours(settings: SshConfig, hosts: list[str], warm: bool) -> tuple[Timing, list[int | None]]:
    """The managers' SSH. A pool keeps one connection a node, so each connection has a pool of its own here."""
    work = [(SshPool(lambda: settings), Target(host)) for host in hosts]

    def run(one: tuple[SshPool, Target]) -> int:
        pool, target = one
        try:
            return pool.run(target, [COMMAND]).returncode
        finally:
            if not warm:
                pool.close()

    if warm:
        fan_out(work, run, CONCURRENCY)
    with timed() as timing:
        answers = fan_out(work, run, CONCURRENCY)
    for pool, _ in work:
        pool.close()
    for _, answer in answers:
        if isinstance(answer, SageError):
            raise answer
    return timing, [answer for _, answer in answers if not isinstance(answer, SageError)]


def by_asyncssh(settings: SshConfig, hosts: list[str], warm: bool) -> tuple[Timing, list[int | None]]:
    """asyncssh with a semaphore, checking host keys as the managers do."""
    return asyncio.run(_asyncssh(settings, hosts, warm))


async def _asyncssh(settings: SshConfig, hosts: list[str], warm: bool) -> tuple[Timing, list[int | None]]:
    bound = asyncio.Semaphore(CONCURRENCY)

    async def connect(host: str) -> asyncssh.SSHClientConnection:
        return await asyncssh.connect(
            host,
            username=settings.user,
            client_keys=[settings.key_path],
            known_hosts=settings.known_hosts,
            agent_path=None,
            config=None,
        )

    async def run_fresh(host: str) -> int | None:
        async with bound:
            connection = await connect(host)
            async with connection:
                done = await connection.run(COMMAND)
            return done.exit_status

    async def run_warm(connection: asyncssh.SSHClientConnection) -> int | None:
        async with bound:
            return (await connection.run(COMMAND)).exit_status

    if not warm:
        with timed() as timing:
            codes = await asyncio.gather(*(run_fresh(host) for host in hosts))
        return timing, list(codes)
    connections = await asyncio.gather(*(connect(host) for host in hosts))
    await asyncio.gather(*(run_warm(connection) for connection in connections))
    with timed() as timing:
        codes = await asyncio.gather(*(run_warm(connection) for connection in connections))
    for connection in connections:
        connection.close()
    return timing, list(codes)


def by_parallel_ssh(settings: SshConfig, hosts: list[str], warm: bool) -> tuple[Timing, list[int | None]]:
    """parallel-ssh (libssh2). It does not check host keys, and closes its connections after the clock has stopped."""
    client = ParallelSSHClient(
        hosts,
        user=settings.user,
        pkey=settings.key_path,
        pool_size=CONCURRENCY,
        allow_agent=False,
        identity_auth=False,
    )
    if warm:
        client.join(client.run_command(COMMAND))
    with timed() as timing:
        output = client.run_command(COMMAND)
        client.join(output)
    return timing, [host.exit_code for host in output]


CLIENTS: dict[str, Client] = {"ours": ours, "asyncssh": by_asyncssh, "parallel-ssh": by_parallel_ssh}
