"""Every command that the lab runs on this machine goes through here.

A command dies with the process that started it and holds that process's lab lock as long as it lives: whoever
gets the lock of a dead builder knows that none of its commands is still at work.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from sage_lab.errors import CommandTimeoutError, HostCommandError, MissingProgramError
from sage_lab.machine import lock
from sage_lab.model import Completed

PACKAGES = {
    "runc": "runc",
    "tini": "tini",
    "sshd": "openssh-server",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "ip": "iproute2",
    "nft": "nftables",
    "setpriv": "util-linux",
}
"""The programs that the container lab needs, and the Debian packages that bring them."""

MORE_PACKAGES = {"virsh": "libvirt-clients", "ssh-keyscan": "openssh-client", "docker": "docker.io"}
"""The programs that other labs need."""

NO_PROCESS = {errno.ESRCH, errno.ENOENT, errno.EINVAL}
"""What pidfd_open says of a number that is nobody's, or that of a thread: ENOENT, before Linux 6.9 EINVAL."""

UMASK = 0o022
"""Of all that the lab makes, whatever the operator's is: on the nodes others have to read it."""

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def find(program: str) -> str:
    """The path of a program; raises MissingProgramError with the command that installs it."""
    path = shutil.which(program, path=PATH)
    if path is None:
        package = {**PACKAGES, **MORE_PACKAGES}.get(program, program)
        raise MissingProgramError(f"{program} is not installed", where="this machine", fix=f"apt-get install {package}")
    return path


@contextlib.contextmanager
def usual_umask() -> Iterator[None]:
    """Let this process, all of its threads, make files with UMASK meanwhile."""
    before = os.umask(UMASK)
    try:
        yield
    finally:
        os.umask(before)


def heeding_signals(argv: Sequence[str]) -> list[str]:
    """The command with the usual answer to Ctrl-C, whatever this process has for it.

    A process that a script or cron started in the background ignores SIGINT and SIGQUIT, and so would all that it
    starts, as signal(7) has it.
    """
    return [find("env"), "--default-signal=INT,QUIT", "--", *argv]


def dying_with_this_process(argv: Sequence[str]) -> list[str]:
    """The command as one that is killed when the thread that starts it ends, however it ends."""
    return heeding_signals([find("setpriv"), "--pdeathsig", "KILL", *argv])


def try_run(
    argv: Sequence[str],
    *,
    stdin: str | None = None,
    timeout: float = 60.0,
    console: Path | None = None,
    on_timeout: Callable[[], None] | None = None,
    keeps_lock: bool = True,
    environment: Mapping[str, str] | None = None,
) -> Completed:
    """Run a command to its end and return what it said, whatever its exit status.

    Its output goes through files, so that what it leaves running in the background is not waited for; with
    ``console`` both outputs go to that file and stay there. ``timeout`` is in seconds; raises
    CommandTimeoutError, after the command was killed and ``on_timeout`` called. A command on a node does not
    keep the lock that another thread may hold for its work on the lab itself. Of the environment the command
    gets a fixed search path and language, and what ``environment`` adds.
    """
    program = dying_with_this_process([find(argv[0]), *argv[1:]])
    with contextlib.ExitStack() as files:
        source = files.enter_context(tempfile.TemporaryFile())
        source.write((stdin or "").encode())
        source.seek(0)
        if console is None:
            out, err = (files.enter_context(tempfile.TemporaryFile()) for _ in range(2))
        else:
            out = err = files.enter_context(console.open("w+b"))
        process = subprocess.Popen(
            program,
            stdin=source,
            stdout=out,
            stderr=err,
            env={"PATH": PATH, "LC_ALL": "C.UTF-8", **(environment or {})},
            pass_fds=lock.held_descriptors() if keeps_lock else (),
            umask=UMASK,
        )
        try:
            returncode = process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise CommandTimeoutError(
                f"did not end within {timeout:g} s and was killed: {' '.join(argv)}",
                where="this machine",
                fix="see whether the machine is overloaded, then try again",
            ) from None
        finally:
            if process.returncode is None:
                process.kill()
                process.wait()
                if on_timeout is not None:
                    on_timeout()
        said = [_text(out)] if console else [_text(out), _text(err)]
    return Completed(tuple(argv), returncode, said[0], said[-1])


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


def run(
    argv: Sequence[str],
    *,
    stdin: str | None = None,
    timeout: float = 60.0,
    console: Path | None = None,
) -> Completed:
    """Like ``try_run``, but a non-zero exit status raises HostCommandError with the command's output."""
    ended = try_run(argv, stdin=stdin, timeout=timeout, console=console)
    if ended.returncode != 0:
        said = (ended.stderr.strip() or ended.stdout.strip() or "it said nothing")[-2000:]
        raise HostCommandError(
            f"{' '.join(argv)} ended with {ended.returncode}: {said}",
            where="this machine",
            fix="'sage-lab doctor' tells what this machine lacks",
        )
    return ended


def open_process(process: int) -> int | None:
    """A descriptor of this very process, see pidfd_open(2), to signal it by; None when there is none of that number."""
    try:
        return os.pidfd_open(process)
    except OSError as error:
        if error.errno not in NO_PROCESS:
            raise
        return None


def start_time(process: int) -> int:
    """When a process of this machine started, in the kernel's ticks; 0 when there is none of that number."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(stat.rpartition(")")[2].split()[19])
