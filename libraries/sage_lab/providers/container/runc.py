# ruff: noqa: SIM905 - lists of words read best as text
"""Containers by runc: what a node's container is, and the commands that work on it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sage_lab.machine import cgroups, commands
from sage_lab.model import Completed, State
from sage_lab.providers.namespaced import STATES, User
from sage_lab.topology import Topology

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

    def execute(self, node: str, user: User, argv: Sequence[str], *, timeout: float, stdin: str | None) -> Completed:
        """Run a command in the container; raises CommandTimeoutError after the command was killed."""
        with tempfile.TemporaryDirectory(prefix="sage-lab-") as directory:
            pid_file = Path(directory) / "pid"
            command = [*self._runc, "exec", "--pid-file", str(pid_file), "--cwd", user.home, *user.options]

            def kill() -> None:
                if pid_file.exists() and (process := pid_file.read_text(encoding="utf-8")):
                    cgroups.kill_process_group(int(process), self.group(node))

            return commands.try_run(
                [*command, self._id(node), *argv], stdin=stdin, timeout=timeout, on_timeout=kill, keeps_lock=False
            )

    def look(self, node: str) -> tuple[State, int]:
        """The state of a container, and its first process as this machine numbers it; 0 when it is stopped."""
        if not self._state.is_dir():
            return "stopped", 0
        listed = json.loads(commands.run([*self._runc, "list", "--format", "json"]).stdout) or []
        found = {entry["id"]: (STATES.get(entry["status"], "stopped"), entry["pid"]) for entry in listed}
        return found.get(self._id(node), ("stopped", 0))

    def delete(self, node: str) -> None:
        """Kill every process of the container and forget it; its bundle stays."""
        commands.run([*self._runc, "delete", "--force", self._id(node)])

    def pause(self, node: str) -> None:
        """Stop every process of the container."""
        commands.run([*self._runc, "pause", self._id(node)])

    def resume(self, node: str) -> None:
        """Let a paused container go on."""
        commands.run([*self._runc, "resume", self._id(node)])

    def memory(self, node: str, process: int) -> tuple[int, int]:  # noqa: ARG002 - the group goes by the name
        """The bytes of memory that the container uses, and its limit."""
        return cgroups.usage(self.group(node))

    def limit_processes(self, node: str, most: int) -> None:
        """Let the container have at most so many processes."""
        cgroups.limit_processes(self.group(node), most)

    def _id(self, node: str) -> str:
        return f"{self._lab}.{node}"

    @property
    def _runc(self) -> list[str]:
        return ["runc", "--root", str(self._state)]


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
