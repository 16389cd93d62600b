"""One program at a time changes this node's Ray: a newer one ends an older one, whose controller must have died.

The cluster's lock lets only one controller work at a time. But when that one is killed or cut off, what it began here
goes on: it may start Ray after the next controller stopped it, or clear away what the next one started. A program that
begins late, when its controller is gone already, or when a newer one works here, does nothing.
"""

from __future__ import annotations

import os
import select
import signal
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from sage_cluster.on_node.errors import CannotError
from sage_cluster.on_node.processes import POLL_SECONDS, ProcessStat, all_processes, owner, read_process, send

if TYPE_CHECKING:
    from sage_cluster.on_node.protocol import NodeSpec

WAIT_SECONDS = 5.0
STDOUT = 1
COMMAND = Path("/proc/self/comm")
Spec = TypeVar("Spec", bound="NodeSpec")
Answer = TypeVar("Answer")


class NodeBusyError(CannotError):
    """Another program works on this node, a newer one or one that could not be ended, or this one came too late."""


def alone(command: Callable[[Spec], Answer]) -> Callable[[Spec], Answer]:
    """Let a command be the one program that changes the Ray of its ``temp_dir``. It raises NodeBusyError too."""

    @wraps(command)
    def locked(spec: Spec) -> Answer:
        with node_lock(spec["temp_dir"]):
            return command(spec)

    return locked


@contextmanager
def node_lock(temp_dir: str) -> Iterator[None]:
    """Be the one program that changes the Ray of this directory. Raises NodeBusyError.

    A program says what it works on by the name that the kernel keeps of it (proc_pid_comm(5)): that leaves no file and
    falls with the process. Only programs of this user count: nobody else can be in the way, or lead it to others.
    """
    if _controller_is_gone():
        raise NodeBusyError("the controller that asked for this is gone; nothing was done")
    before, mark = COMMAND.read_text(errors="replace").strip(), _mark(temp_dir)
    COMMAND.write_text(mark)
    try:
        _end_older(mark, temp_dir)
        yield
    finally:
        COMMAND.write_text(before)


def _end_older(mark: str, temp_dir: str) -> None:
    """Each program gives its mark before it looks for others, so of two at least one sees the other."""
    deadline = time.monotonic() + WAIT_SECONDS
    while others := _others(mark):
        newest = max(others, key=_age)
        if _age(newest) > _age(read_process(os.getpid())) or time.monotonic() >= deadline:
            raise NodeBusyError(
                f"process {newest.pid} works on {temp_dir}, for another controller; end it, or let it end"
            )
        for other in others:
            send(other, signal.SIGKILL)
        time.sleep(POLL_SECONDS)


def _others(mark: str) -> list[ProcessStat]:
    """This user's other programs of that mark, without what they are just about to run, which has it for a moment."""
    marked = {p.pid: p for p in all_processes() if p.command == mark and p.pid != os.getpid()}
    return [p for p in marked.values() if p.parent not in marked and owner(p.pid) == os.geteuid()]


def _age(process: ProcessStat | None) -> tuple[int, int]:
    return (process.start, process.pid) if process else (0, 0)


def _controller_is_gone() -> bool:
    """Whether sshd has closed the other end of this program's output, as it does when the connection ends."""
    output = select.poll()
    output.register(STDOUT, 0)
    return any(event & (select.POLLHUP | select.POLLERR) for _, event in output.poll(0))


def _mark(temp_dir: str) -> str:
    # A node in a container is seen from its host, whose programs must not end those of the node.
    node = Path("/proc/self/ns/pid").readlink()
    return f"sage-{zlib.crc32(f'{node} {Path(temp_dir)}'.encode()):08x}"
