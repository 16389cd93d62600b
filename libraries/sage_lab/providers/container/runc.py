# ruff: noqa: SIM905 - lists of words read best as text
"""Containers by runc: what a node's container is, and the commands that work on it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sage_lab.errors import CommandTimeoutError, LabError
from sage_lab.machine import cgroups, commands
from sage_lab.model import Completed
from sage_lab.topology import Topology

USERS = {"root": (0, "/root"), "sage": (2000, "/home/sage")}
"""The users of a node, with their number and home directory."""

INIT = "install -d -m 755 /run/sshd && install -d -m 1777 /run/lock && /usr/sbin/sshd && exec sleep infinity"

CAPABILITIES = """
    AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID IPC_LOCK KILL LEASE NET_ADMIN NET_BIND_SERVICE NET_RAW
    SETFCAP SETGID SETPCAP SETUID SYS_CHROOT SYS_NICE SYS_PTRACE SYS_RESOURCE
""".split()
"""What root may do on a node: what a real machine's root needs, without mounts, modules and devices."""

# Their places in the kernel's capability masks (linux/capability.h).
_BITS = {
    "CHOWN": 0, "DAC_OVERRIDE": 1, "FOWNER": 3, "FSETID": 4, "KILL": 5, "SETGID": 6, "SETUID": 7,
    "SETPCAP": 8, "NET_BIND_SERVICE": 10, "NET_ADMIN": 12, "NET_RAW": 13, "IPC_LOCK": 14, "SYS_CHROOT": 18,
    "SYS_PTRACE": 19, "SYS_NICE": 23, "SYS_RESOURCE": 24, "LEASE": 28, "AUDIT_WRITE": 29, "SETFCAP": 31,
}  # fmt: skip


def spec(
    template: dict[str, Any],
    *,
    name: str,
    group: str,
    network: Path | None,
    topology: Topology,
    shared: Sequence[Path],
    argv: Sequence[str] = ("/usr/bin/env", "--default-signal", "--", "/usr/bin/tini", "--", "/bin/sh", "-c", INIT),
    environment: Sequence[str] = (),
    mounts: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    """A node's container, from what ``runc spec`` proposes; without a network it gets an empty one.

    The memory limit also has to hold what lies on the node's disk, because that is a tmpfs.
    """
    capabilities = available_capabilities()
    own = [{"type": kind} for kind in ("pid", "mount", "uts", "ipc")]
    if Path("/proc/self/ns/cgroup").exists():
        own.append({"type": "cgroup"})
    own.append({"type": "network", **({"path": str(network)} if network else {})})
    memory = topology.memory + topology.disk
    process = {key: value for key, value in template["process"].items() if key != "rlimits"}
    return {
        **template,
        "process": {
            **process,
            "terminal": False,
            "args": list(argv),
            "env": [f"PATH={commands.PATH}", "LANG=C.UTF-8", "HOME=/root", *environment],
            "capabilities": dict.fromkeys(("bounding", "effective", "permitted"), capabilities),
            "noNewPrivileges": False,
        },
        "root": {"path": "rootfs", "readonly": False},
        "hostname": name,
        "mounts": [
            *(_sized(mount, topology) for mount in template["mounts"]),
            _tmpfs("/run", "mode=755", f"size={topology.shared_memory}"),
            *(read_only_mount(path, path) for path in shared),
            *mounts,
        ],
        "linux": {
            **template["linux"],
            "namespaces": own,
            "cgroupsPath": f"/{group}",
            "resources": {
                "devices": template["linux"]["resources"]["devices"],
                "memory": {"limit": memory},
                "pids": {"limit": topology.processes},
            },
        },
    }


def available_capabilities() -> list[str]:
    """Those of CAPABILITIES that this process may hand on."""
    status = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    bounding = int(next(line.split()[1] for line in status if line.startswith("CapBnd:")), 16)
    return [f"CAP_{name}" for name in CAPABILITIES if bounding >> _BITS[name] & 1]


class Runtime:
    """The containers of one lab."""

    def __init__(self, lab: str, directory: Path) -> None:
        self._lab = lab
        self._state = directory / "runc"

    def group(self, node: str) -> str:
        """The control group of a node's container."""
        return f"{cgroups.ROOT}/{self._lab}/{node}"

    def template(self, directory: Path) -> dict[str, Any]:
        """What ``runc spec`` proposes on this machine; ``directory`` is where it may write."""
        directory.mkdir(parents=True, exist_ok=True)
        file = directory / "config.json"
        file.unlink(missing_ok=True)
        commands.run(["runc", "spec", "--bundle", str(directory)])
        content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        file.unlink()
        return content

    def start(self, node: str, bundle: Path) -> None:
        """Start the container of a bundle; raises HostCommandError with what runc said."""
        commands.run(
            [*self._runc, "run", "--detach", "--bundle", str(bundle), self._id(node)],
            console=bundle / "console.log",
        )

    def run_to_end(self, node: str, bundle: Path, *, timeout: float) -> Completed:
        """Run the container of a bundle until its process ends, at most ``timeout`` seconds."""
        return commands.try_run([*self._runc, "run", "--bundle", str(bundle), self._id(node)], timeout=timeout)

    def execute(self, node: str, argv: Sequence[str], *, user: str, timeout: float, stdin: str | None) -> Completed:
        """Run a command in the container; raises CommandTimeoutError after the command was killed."""
        if user not in USERS:
            raise LabError(f"no user {user!r} on the nodes", where=node, fix=f"use {' or '.join(USERS)}")
        number, home = USERS[user]
        with tempfile.TemporaryDirectory(prefix="sage-lab-") as directory:
            pid_file = Path(directory) / "pid"
            command = [*self._runc, "exec", "--pid-file", str(pid_file), "--cwd", home]
            command += ["--env", f"HOME={home}", "--env", f"USER={user}", "--env", f"LOGNAME={user}"]
            command += ["--user", f"{number}:{number}", self._id(node), *argv]

            def kill() -> None:
                if pid_file.exists() and (process := pid_file.read_text(encoding="utf-8")):
                    cgroups.kill_process_group(int(process), self.group(node))

            try:
                ended = commands.try_run(command, stdin=stdin, timeout=timeout, on_timeout=kill, keeps_lock=False)
            except CommandTimeoutError as error:
                raise CommandTimeoutError(
                    f"did not end within {timeout:g} s and was killed: {' '.join(argv)}",
                    where=node,
                    fix="give it more time, or see what it waits for",
                ) from error
        return Completed(tuple(argv), ended.returncode, ended.stdout, ended.stderr)

    def states(self) -> dict[str, tuple[str, int]]:
        """The state as runc calls it and the first process (this machine's number) of each container."""
        if not self._state.is_dir():
            return {}
        said = commands.run([*self._runc, "list", "--format", "json"]).stdout
        listed = json.loads(said) or []
        return {entry["id"].removeprefix(f"{self._lab}."): (entry["status"], entry["pid"]) for entry in listed}

    def delete(self, node: str) -> None:
        """Kill every process of the container and forget it; its bundle stays."""
        commands.run([*self._runc, "delete", "--force", self._id(node)])

    def pause(self, node: str) -> None:
        """Stop every process of the container."""
        commands.run([*self._runc, "pause", self._id(node)])

    def resume(self, node: str) -> None:
        """Let a paused container go on."""
        commands.run([*self._runc, "resume", self._id(node)])

    def write_protect(self, node: str, directory: str, *, protect: bool) -> None:
        """Mount a directory of the container on itself, read-only, or undo that; done already is no error.

        Done from outside: on its own, a container may mount nothing.
        """
        write_protect(self.states()[node][1], directory, protect=protect)

    def _id(self, node: str) -> str:
        return f"{self._lab}.{node}"

    @property
    def _runc(self) -> list[str]:
        return ["runc", "--root", str(self._state)]


def write_protect(process: int, directory: str, *, protect: bool) -> None:
    """The same for the container of a process, as this machine numbers it."""
    table = [line.split() for line in Path(f"/proc/{process}/mountinfo").read_text(encoding="utf-8").splitlines()]
    if protect == any(line[4] == directory and "ro" in line[5].split(",") for line in table):
        return
    inside = ["nsenter", "--target", str(process), "--mount", "--pid", "--"]
    if protect:
        commands.run([*inside, "mount", "--bind", directory, directory])
        commands.run([*inside, "mount", "-o", "remount,bind,ro", directory])
    else:
        commands.run([*inside, "umount", "--lazy", directory])


def _sized(mount: dict[str, Any], topology: Topology) -> dict[str, Any]:
    if mount["destination"] != "/dev/shm":  # noqa: S108 - a mount of the node's own
        return mount
    options = [option for option in mount["options"] if not option.startswith("size=")]
    return {**mount, "options": [*options, f"size={topology.shared_memory}"]}


def _tmpfs(target: str, *options: str) -> dict[str, Any]:
    return {
        "destination": target,
        "type": "tmpfs",
        "source": "tmpfs",
        "options": ["nosuid", "nodev", *options],
    }


def read_only_mount(source: Path, target: Path) -> dict[str, Any]:
    """One of this machine's directories in a container, not to be changed there."""
    return {
        "destination": str(target),
        "type": "bind",
        "source": str(source),
        "options": ["bind", "ro", "nosuid", "nodev"],
    }
