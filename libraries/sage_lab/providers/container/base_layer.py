# ruff: noqa: SIM905 - lists of words read best as text
"""The layer that every node's disk starts from: this machine's programs without its private things.

It is the upper half of an overlay on ``/``. Only what is named here shows through: programs and libraries,
and from /etc the public settings. Every other directory is made empty by the overlay's *opaque* mark, every
other entry is covered by a *whiteout*, so a thing that nobody thought of is hidden too.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Sequence
from pathlib import Path

from sage_lab import files
from sage_lab.errors import ProvisionError
from sage_lab.machine import commands
from sage_lab.model import Completed
from sage_lab.providers.namespaced import USERS

PROVISION = Path(__file__).resolve().parents[4] / "provision" / "node"
STEPS = Path("/run/provision")
"""Where a node that is being provisioned sees PROVISION."""
EMPTY = {
    "root": 0o700,
    "tmp": 0o1777,
    **dict.fromkeys(("home", "opt", "srv", "mnt", "media", "run", "boot", "dev", "proc", "sys", "etc", "var"), 0o755),
}
"""The directories of a node's root that start empty, and their modes."""

ETC_PUBLIC = """
    adduser.conf alternatives bash.bashrc bash_completion.d ca-certificates ca-certificates.conf debconf.conf
    debian_version deluser.conf dpkg ethertypes fonts gai.conf group host.conf inputrc iproute2 issue
    issue.net java-17-openjdk ld.so.cache ld.so.conf ld.so.conf.d libaudit.conf locale.alias locale.conf locale.gen
    localtime login.defs lsb-release magic magic.mime mime.types mke2fs.conf mtab netconfig networks
    nsswitch.conf os-release pam.conf pam.d passwd perl profile protocols rmt rpc security services shells
    skel ssl sysctl.conf sysctl.d terminfo timezone ucf.conf vim xattr.conf
""".split()
"""What a node takes over from /etc, as far as everybody may read it."""

ETC_EMPTY = ("environment", "fstab", "resolv.conf", "motd")
VAR = {
    **dict.fromkeys(("cache", "lib", "local", "log", "mail", "opt", "spool"), 0o755),
    "tmp": 0o1777,
}
_FIRST_ORDINARY_USER = 1000
_NOBODY = 65534
_ACCOUNT_FIELDS = 4


def shows_through(name: str) -> bool:
    """Whether a node sees this entry of ``/`` as it is here: programs and libraries only."""
    return name in {"usr", "bin", "sbin"} or name.startswith("lib")


def is_system_account(uid: int) -> bool:
    """Whether a node takes over the account (or group): people's are left out."""
    return uid < _FIRST_ORDINARY_USER or uid == _NOBODY


def prepare(upper: Path, shared: Sequence[Path]) -> None:
    """Fill an empty directory on a tmpfs so that an overlay of it on ``/`` hides what is private.

    ``shared`` directories get an empty directory to be mounted on, reachable for every user.
    """
    upper.chmod(0o755)
    for name in (entry.name for entry in os.scandir("/")):
        if not shows_through(name) and name not in EMPTY:
            os.mknod(upper / name, stat.S_IFCHR, os.makedev(0, 0))
    for name, mode in EMPTY.items():
        _opaque(upper / name, mode)
    _fill_var(upper / "var")
    _fill_etc(upper / "etc")
    for directory in shared:
        _make_reachable(upper, directory)


def prepare_image(root: Path, shared: Sequence[Path]) -> None:
    """Fill an empty directory with a root of its own that hides the same: ``programs`` are to be mounted into it."""
    root.chmod(0o755)
    for entry in os.scandir("/"):
        if shows_through(entry.name) and entry.is_symlink():
            (root / entry.name).symlink_to(Path(entry.path).readlink())
        elif shows_through(entry.name):
            (root / entry.name).mkdir()
    for name, mode in EMPTY.items():
        (root / name).mkdir()
        (root / name).chmod(mode)
    _fill_var(root / "var")
    _fill_etc(root / "etc")
    for directory in shared:
        for path in reversed((root / directory.relative_to("/")).parents):
            if path.is_relative_to(root) and path != root / "tmp":
                path.mkdir(mode=0o755, exist_ok=True)
                path.chmod(0o755)


def programs() -> list[Path]:
    """The directories of this machine with programs and libraries, which every node sees."""
    return sorted(
        Path(entry.path)
        for entry in os.scandir("/")
        if shows_through(entry.name) and entry.is_dir(follow_symlinks=False)
    )


def provisioning() -> tuple[str, ...]:
    """The command that runs all provisioning steps, which lie at STEPS, and names the one that fails."""
    each = '/bin/sh "$step" || { echo "${step##*/} failed" >&2; exit 1; }'
    return ("/bin/sh", "-c", f"for step in {STEPS}/*.sh; do {each}; done")


def settings(authorized_key: str) -> list[str]:
    """The variables that the steps read; the key lets the cluster's user in."""
    return [
        f"SAGE_USER={files.USER}",
        f"SAGE_UID={USERS[files.USER].number}",
        f"SAGE_AUTHORIZED_KEY={authorized_key}",
        f"SAGE_ENVIRONMENT={sys.prefix}",
    ]


def check(ended: Completed) -> None:
    """Raise ProvisionError with the words of the step that failed, if one did."""
    if ended.returncode != 0:
        raise ProvisionError(
            f"a provisioning step failed: {(ended.stderr + ended.stdout).strip()[-2000:]}",
            where=str(PROVISION),
            fix="correct the step named above; each may be run again",
        )


def write_network_files(etc: Path, hosts: str) -> None:
    """Let a node know its neighbours by the hosts file alone, without asking any name server."""
    (etc / "hosts").write_text(hosts, encoding="utf-8")
    switch = etc / "nsswitch.conf"
    lines = switch.read_text(encoding="utf-8").splitlines() if switch.exists() else []
    kept = [line for line in lines if not line.startswith("hosts:")]
    switch.write_text("\n".join([*kept, "hosts: files", ""]), encoding="utf-8")


def _opaque(directory: Path, mode: int) -> None:
    directory.mkdir()
    directory.chmod(mode)
    os.setxattr(directory, "trusted.overlay.opaque", b"y")


def _make_reachable(upper: Path, directory: Path) -> None:
    path = upper
    for part in directory.parts[1:]:
        path /= part
        if path.exists() and stat.S_ISCHR(path.lstat().st_mode):
            path.unlink()
        if not path.exists():
            if path.parent == upper and shows_through(part):
                path.mkdir(mode=0o755)
            elif path.parent == upper:
                _opaque(path, 0o755)
            else:
                path.mkdir()
        if path.parent != upper or part not in {"tmp"}:
            path.chmod(0o755)


def _fill_var(var: Path) -> None:
    for name, mode in VAR.items():
        (var / name).mkdir()
        (var / name).chmod(mode)
    (var / "run").symlink_to("/run")
    (var / "lock").symlink_to("/run/lock")


def _fill_etc(etc: Path) -> None:
    public = sorted(entry.path for entry in os.scandir("/etc") if entry.name in ETC_PUBLIC)
    commands.run(["cp", "--archive", "--", *public, str(etc)])
    _drop_unreadable(etc)
    for name in ETC_EMPTY:
        (etc / name).touch()
    (etc / "profile.d").mkdir()
    _write_accounts(etc)


def _drop_unreadable(directory: Path) -> None:
    """Remove what not everybody may read: on this machine it is meant for somebody."""
    for entry in list(os.scandir(directory)):
        path = Path(entry.path)
        if entry.is_symlink():
            continue
        if entry.is_dir():
            _drop_unreadable(path)
            if not path.stat().st_mode & stat.S_IXOTH:
                commands.run(["rm", "--recursive", "--one-file-system", "--", str(path)])
        elif not path.stat().st_mode & stat.S_IROTH:
            path.unlink()


def _write_accounts(etc: Path) -> None:
    """System accounts and groups only, and no password that could be used or guessed."""
    users = _system_lines(etc / "passwd")
    groups = [[*line[:3], ""] for line in _system_lines(etc / "group")]
    _write(etc / "passwd", [":".join([user[0], "x", *user[2:]]) for user in users], 0o644)
    _write(etc / "group", [":".join([group[0], "x", group[2], ""]) for group in groups], 0o644)
    _write(etc / "shadow", [f"{user[0]}:*:19000:0:99999:7:::" for user in users], 0o600)
    _write(etc / "gshadow", [f"{group[0]}:*::" for group in groups], 0o600)


def _system_lines(path: Path) -> list[list[str]]:
    lines = [line.split(":") for line in path.read_text(encoding="utf-8").splitlines()]
    return [
        line for line in lines if len(line) >= _ACCOUNT_FIELDS and line[2].isdigit() and is_system_account(int(line[2]))
    ]


def _write(path: Path, lines: list[str], mode: int) -> None:
    path.unlink(missing_ok=True)
    path.touch(mode=mode)
    path.chmod(mode)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
