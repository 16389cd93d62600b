"""Start Ray on this node: check what would make it fail, clear what an unclean death left, run `ray start`."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from sage_cluster.on_node.deploy.environ import deployed_environ
from sage_cluster.on_node.environment import RayEnvironment, find_environment
from sage_cluster.on_node.errors import CannotError
from sage_cluster.on_node.gcs_storage import remove_storage, storage_environ
from sage_cluster.on_node.node_lock import alone
from sage_cluster.on_node.ports import can_connect, own_address, port_owner, resolve
from sage_cluster.on_node.processes import is_alive
from sage_cluster.on_node.sessions import (
    COOKIE,
    Process,
    find_processes,
    is_own,
    refuse_foreign,
    remove_sessions,
    session_processes,
    user_name,
)
from sage_cluster.on_node.stop import force_stop
from sage_cluster.on_node.versions import check_versions

if TYPE_CHECKING:
    from sage_cluster.on_node.protocol import NodeSpec, RayletIdentity, Started, StartSpec

CONNECT_SECONDS = 3.0
FREE_BYTES = 100_000_000
LOG_LINES = 15
LOOK_SECONDS = 0.5
GONE_SECONDS = 1.0
OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
NOT_YET = 1 / 24
"""Of the time for a start: the raylet's log is there before it is, on a busy or slow machine for many seconds."""
SERVERS = {"raylet": "raylet.out", "gcs": "gcs_server.out"}
"""The servers that `ray start` waits for, by their role, and the log that is there as soon as one is begun."""
ROLE_NAMES = {"raylet": "raylet", "gcs": "GCS"}


class StartError(CannotError):
    """Ray could not be started here; the message says why."""


class RayStartFailedError(StartError):
    """`ray start` itself failed; what it left was cleared."""


@alone
def start(spec: StartSpec) -> Started:
    """As `start_ray`."""
    return start_ray(spec)


def start_ray(spec: StartSpec) -> Started:
    """Start the head or a worker as ``spec`` says, unless it runs already.

    A head with ``gcs_storage`` keeps the GCS's tables on disk; it begins with empty ones, or to ``recover`` with those
    that its predecessor left. Answers ``already_running``, ``cleared`` (what an earlier, unclean end had left),
    ``node_id``, ``session``, ``address``, ``raylet_pid`` and the ``command`` that was run.
    Raises StartError, EnvironmentNotFoundError, ForeignRayError, StorageNotSupportedError, VersionMismatchError: then
    nothing was done.
    """
    temp_dir = spec["temp_dir"]
    is_head = spec["role"] == "head"
    running, foreign = find_processes(temp_dir)
    refuse_foreign(foreign, temp_dir)
    environment = find_environment(spec["ray_command"], spec["python_path"], spec["conda_env"])
    _refuse_namesake(spec, running)
    raylet = _healthy_raylet(spec, running)
    if raylet:
        return {"already_running": True, "cleared": [], "command": [], "raylet_pid": raylet.pid, **_identity(raylet)}
    _check_place(environment)
    check_versions(spec, environment)
    keep = storage_environ(temp_dir, environment) if is_head and spec["gcs_storage"] else {}
    _make_directory(temp_dir)
    cleared = [f"{p.role} {p.pid}" for p in running]
    if running:
        force_stop(temp_dir)
    cleared += remove_sessions(temp_dir, spec["log_dir"], int(spec["keep_logs"]))
    if is_head and not spec["recover"]:
        remove_storage(temp_dir)
    _check_directory(temp_dir)
    address = _head_address(spec) if is_head else _worker_address(spec)
    if is_head:
        _check_ports(spec)
    command = ray_start_command(spec, environment, address)
    _run(command, environment, spec, keep)
    _close_directory(temp_dir)
    for process in session_processes(temp_dir):
        if process.role == "raylet":
            return {
                "already_running": False,
                "cleared": cleared,
                "command": command,
                "raylet_pid": process.pid,
                **_identity(process),
            }
    tails = _log_tails(temp_dir)
    force_stop(temp_dir)
    raise RayStartFailedError(f"'ray start' ended well, but no raylet runs in {temp_dir}{tails}")


def ray_start_command(spec: NodeSpec, environment: RayEnvironment, address: str) -> list[str]:
    """The argument list of `ray start` for this node."""
    command = [environment.ray, "start", f"--node-ip-address={address}", f"--temp-dir={spec['temp_dir']}"]
    command += [f"--node-name={spec['name']}", "--disable-usage-stats"]
    if spec["role"] == "head":
        command += ["--head", f"--port={spec['head_port']}"]
        if spec["dashboard"]:
            command += [
                "--include-dashboard=true",
                f"--dashboard-host={spec['dashboard_host']}",
                f"--dashboard-port={spec['dashboard_port']}",
            ]
        else:
            command.append("--include-dashboard=false")
    else:
        command.append(f"--address={resolve(spec['head_host'])}:{spec['head_port']}")
    if spec["num_cpus"] is not None:
        command.append(f"--num-cpus={spec['num_cpus']}")
    if spec["object_store_memory"] is not None:
        command.append(f"--object-store-memory={spec['object_store_memory']}")
    return [*command, *spec["ray_args"]]


def _check_place(environment: RayEnvironment) -> None:
    """Ray's raylet starts its agents by a shell, in whose lines a path with a space falls apart (Ray 2.60)."""
    place = os.path.realpath(environment.ray)
    if any(letter.isspace() for letter in place):
        raise StartError(f"Ray cannot start its own processes from '{place}', since the path has a space; move it")


def _healthy_raylet(spec: StartSpec, running: list[Process]) -> Process | None:
    roles = {p.role for p in running if p.state != "T"}
    if spec["fence"] or "raylet" not in roles or (spec["role"] == "head" and "gcs" not in roles):
        return None
    raylet = next(p for p in running if p.role == "raylet")
    return raylet if not spec["session"] or raylet.session == spec["session"] else None


def _refuse_namesake(spec: StartSpec, running: list[Process]) -> None:
    """Two nodes that lead to one machine would take each other's Ray for their own, and end it."""
    names = {word.removeprefix("--node-name=") for p in running for word in p.words if word.startswith("--node-name=")}
    if names and spec["name"] not in names:
        raise StartError(
            f"the Ray of another node, '{names.pop()}', runs on this machine in temp_dir {spec['temp_dir']}; "
            "give each node a machine or a temp_dir of its own, or stop that one first if it was renamed"
        )


def _identity(raylet: Process) -> RayletIdentity:
    return {
        "node_id": raylet.node_id,
        "session": raylet.session,
        "address": raylet.address,
        "gcs_address": raylet.gcs_address,
    }


def _make_directory(temp_dir: str) -> None:
    """Make Ray's directory, or see that the one that is there is this user's or the system's, and nobody else's."""
    try:
        Path(temp_dir).mkdir(parents=True, exist_ok=True)
        link, directory = Path(temp_dir).lstat(), Path(temp_dir).stat()
        foreign = next((found.st_uid for found in (link, directory) if found.st_uid not in (0, os.geteuid())), None)
        if foreign is None:
            _close_directory(temp_dir)
    except OSError as error:
        raise StartError(f"temp_dir {temp_dir} cannot be written: {error.strerror}") from error
    if foreign is not None:
        raise StartError(
            f"temp_dir {temp_dir} belongs to user {user_name(foreign)}; give this cluster a temp_dir of its own"
        )
    if directory.st_uid != os.geteuid() and directory.st_mode & OTHERS_WRITE and not directory.st_mode & stat.S_ISVTX:
        raise StartError(
            f"other users may write to temp_dir {temp_dir}, root's (mode {stat.S_IMODE(directory.st_mode):o}); "
            "give this cluster a temp_dir of its own"
        )


def _close_directory(temp_dir: str) -> None:
    """Ray lets every user write into its directory, who could then put another session into the place of this one."""
    mode = Path(temp_dir).stat().st_mode & 0o7777
    if mode & OTHERS_WRITE and is_own(Path(temp_dir).resolve()):
        Path(temp_dir).chmod(mode & ~OTHERS_WRITE)


def _check_directory(temp_dir: str) -> None:
    try:
        with tempfile.TemporaryFile(dir=temp_dir):
            pass
    except OSError as error:
        raise StartError(f"temp_dir {temp_dir} cannot be written: {error.strerror}") from error
    space = os.statvfs(temp_dir)
    free = space.f_bavail * space.f_frsize
    if free < FREE_BYTES:
        raise StartError(
            f"the disk of temp_dir {temp_dir} is full: {free} bytes free, Ray needs {FREE_BYTES}; make room"
        )


def _head_address(spec: StartSpec) -> str:
    try:
        address = resolve(spec["head_host"])
    except OSError:
        address = ""
    return spec["ssh_address"] if not address or address.startswith("127.") else address


def _worker_address(spec: NodeSpec) -> str:
    head, port = spec["head_host"], int(spec["head_port"])
    try:
        address = resolve(head)
    except OSError as error:
        raise StartError(f"the head's name '{head}' does not resolve on this node: {error}") from error
    problem = can_connect(address, port, CONNECT_SECONDS)
    if problem:
        raise StartError(f"the head's GCS at {head}:{port} does not answer from this node: {problem}")
    bind_host = spec["bind_host"]
    return own_address(address, port) if bind_host in ("", "localhost") else resolve(bind_host)


def _check_ports(spec: NodeSpec) -> None:
    wanted = {"head_port": spec["head_port"]}
    if spec["dashboard"]:
        wanted["dashboard_port"] = spec["dashboard_port"]
    for key, port in wanted.items():
        owner = port_owner(int(port))
        if owner:
            raise StartError(f"port {port} (head.{key}) is taken by {owner}; stop it or configure another head.{key}")


def _run(command: list[str], environment: RayEnvironment, spec: StartSpec, keep: dict[str, str]) -> None:
    words = [*environment.activate, *command]
    environ = {**os.environ, **environment.environ, **keep}
    environ |= {COOKIE: spec["temp_dir"], "RAY_USAGE_STATS_ENABLED": "0"}
    environ |= deployed_environ(spec["sage_home"], environ)
    with tempfile.TemporaryFile() as output:
        try:
            process = subprocess.Popen(
                words,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise StartError(f"cannot run {words[0]}: {error.strerror}") from error
        problem = _await_end(process, spec["temp_dir"], float(spec["timeout"]))
        if not problem:
            return
        output.seek(0)
        said = output.read().decode(errors="replace").strip()
    tails = _log_tails(spec["temp_dir"])
    force_stop(spec["temp_dir"])
    raise RayStartFailedError(f"'ray start' {problem}\n{_last_lines(said)}{tails}")


def _await_end(process: subprocess.Popen[bytes], temp_dir: str, timeout: float) -> str:
    """Wait until `ray start` ends, and say what went wrong; nothing when it ended well.

    It waits 30 s for a raylet that has died, longer for a GCS, so it is ended here once one was missing for some time.
    """
    began = time.monotonic()
    seen: dict[str, Process] = {}
    missing_since: dict[str, float] = {}
    while True:
        try:
            status = process.wait(LOOK_SECONDS)
        except subprocess.TimeoutExpired:
            now = time.monotonic()
            begun = {role for role, log in SERVERS.items() if any(Path(temp_dir).glob(f"session_*/logs/{log}"))}
            alive = {role for role, server in seen.items() if is_alive(server)}
            if begun - alive:
                seen |= {found.role: found for found in session_processes(temp_dir) if found.role in SERVERS}
                alive = {role for role, server in seen.items() if is_alive(server)}
            missing_since = {role: missing_since.get(role, now) for role in begun - alive}
            for role, since in missing_since.items():
                if now - since >= (GONE_SECONDS if role in seen else timeout * NOT_YET):
                    return _given_up(process, now - began, f": the {ROLE_NAMES[role]} had ended")
            if now - began >= timeout:
                return _given_up(process, now - began)
        else:
            return f"ended with status {status}" if status else ""


def _given_up(process: subprocess.Popen[bytes], seconds: float, why: str = "") -> str:
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return f"gave up after {seconds:.0f} s{why}"


def _log_tails(temp_dir: str) -> str:
    tails = ""
    for name in ("raylet.out", "gcs_server.out", "dashboard_agent.log"):
        for log in sorted(Path(temp_dir).glob(f"session_*/logs/{name}"))[-1:]:
            tails += f"\n--- {log}\n{_last_lines(log.read_text(errors='replace'))}"
    return tails


def _last_lines(text: str) -> str:
    return "\n".join(text.splitlines()[-LOG_LINES:])
