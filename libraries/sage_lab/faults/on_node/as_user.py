"""What the cluster's user may still do, tried in a process of its own."""

from __future__ import annotations

import errno
import os
import pwd
from collections.abc import Callable
from pathlib import Path

from sage_lab.faults.on_node.processes import USER

_OTHERWISE = 255


def as_user(work: Callable[[], object]) -> int:
    """Let a child that became the cluster's user do it; returns 0, or the number of the OSError that it met."""
    child = os.fork()
    if child == 0:
        code = _OTHERWISE
        try:
            user = pwd.getpwnam(USER)
            os.setgroups([])
            os.setresgid(user.pw_gid, user.pw_gid, user.pw_gid)
            os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)
            work()
            code = 0
        except OSError as error:
            code = error.errno or _OTHERWISE
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def give_to_user(path: Path) -> None:
    """Make the cluster's user the owner of a file, a directory or a link itself."""
    user = pwd.getpwnam(USER)
    os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)


def said(code: int) -> str:
    """What ``as_user`` returned, in words."""
    return "went well" if code == 0 else f"failed with {errno.errorcode.get(code, code)}"
