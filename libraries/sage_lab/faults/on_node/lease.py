"""The lease of a fault on this node: a timer process that heals it, and ends what holds it, if nobody else does.

``/run/sage-lab-faults/<id>.json`` names the timer and the holder by pid and start time while the fault is armed.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from sage_lab.faults.on_node import processes
from sage_lab.faults.on_node.effect import CannotError, Effect

DIRECTORY = Path("/run/sage-lab-faults")
_WAIT_FOR_END = 5.0
_POLL = 0.01
_READY = "ready"
_SCORE = Path("/proc/self/oom_score_adj")


def arm(effect: Effect, seconds: float) -> None:
    """Start the timer, and the holder if the effect needs one; both live on when the caller has ended.

    Returns when they are written down. The seconds run on the monotonic clock.
    """
    until = time.monotonic() + seconds
    ready, told = os.pipe()
    if os.fork() == 0:
        _detached(lambda: _watch(effect, until, told))
    os.close(told)
    with os.fdopen(ready, "r", encoding="utf-8") as pipe:
        said = pipe.read()
    os.wait()
    if said != _READY:
        raise CannotError(f"the lease did not start: {said or 'it ended'}")


def disarm(fault: str) -> None:
    """End the timer and the holder; ended already, by a reboot too, is no error."""
    path = DIRECTORY / f"{fault}.json"
    if not path.exists():
        return
    content = json.loads(path.read_text(encoding="utf-8"))
    pid, start = content["timer"]
    if pid != os.getpid():
        processes.send(pid, start, signal.SIGKILL)
    if content["holder"]:
        _end_holder(*content["holder"])
    path.unlink()


def holder(fault: str) -> tuple[int, int] | None:
    """The process that holds the fault, by pid and start time, while it lives."""
    path = DIRECTORY / f"{fault}.json"
    if not path.exists():
        return None
    found = json.loads(path.read_text(encoding="utf-8"))["holder"]
    return (found[0], found[1]) if found and processes.state(*found) else None


def _watch(effect: Effect, until: float, told: int) -> None:
    try:
        _spare_from_oom()
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # a holder that ends is not kept as a zombie
        held = _start_holder(effect, told) if effect.holds else None
        _write_down(effect.fault, held)
        os.write(told, _READY.encode())
    except OSError as error:
        os.write(told, str(error).encode())
        raise
    finally:
        os.close(told)
    while (left := until - time.monotonic()) > 0:
        time.sleep(left)  # a timer; what it waits for is the time itself
    if (DIRECTORY / f"{effect.fault}.json").exists():
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        if held:
            _end_holder(*held)
        effect.heal()
        disarm(effect.fault)


def _start_holder(effect: Effect, told: int) -> list[int]:
    pid = os.fork()
    if pid == 0:
        os.close(told)
        os.setpgid(0, 0)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _SCORE.write_text("0", encoding="utf-8")
        _exit_after(effect.hold)
    with contextlib.suppress(PermissionError, ProcessLookupError):  # it was faster, or has ended
        os.setpgid(pid, pid)
    return [pid, processes.start_time(pid)]


def _end_holder(leader: int, start: int) -> None:
    """Kill the holder's process group and wait until nothing of it is left."""
    until = time.monotonic() + _WAIT_FOR_END
    while processes.end_group(leader, start):
        if time.monotonic() >= until:
            raise CannotError(f"process group {leader} does not end")
        time.sleep(_POLL)


def _write_down(fault: str, held: list[int] | None) -> None:
    DIRECTORY.mkdir(mode=0o700, exist_ok=True)
    path = DIRECTORY / f"{fault}.json"
    scratch = path.with_suffix(".new")
    timer = [os.getpid(), processes.start_time(os.getpid())]
    scratch.write_text(json.dumps({"timer": timer, "holder": held}), encoding="utf-8")
    scratch.replace(path)


def _spare_from_oom() -> None:
    """Memory may run out; whoever heals that has to live. Where root may not ask for it, it is the smallest anyway."""
    with contextlib.suppress(PermissionError):
        _SCORE.write_text("-1000", encoding="utf-8")


def _detached(work: Callable[[], None]) -> None:
    """In a process of its own session, without a parent who waits for it and without open outputs."""
    os.setsid()
    if os.fork() != 0:
        os._exit(0)
    os.chdir("/")
    empty = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(empty, descriptor)
    _exit_after(work)


def _exit_after(work: Callable[[], None]) -> None:
    try:
        work()
    finally:
        os._exit(0)
