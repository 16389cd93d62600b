"""The container engine of this machine, by the ``docker`` command and its plug-in ``docker compose``."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from sage_lab.errors import (
    CommandTimeoutError,
    HostCommandError,
    LabError,
    LabNameError,
    MissingProgramError,
    SweepError,
)
from sage_lab.ledger import undoes
from sage_lab.machine import cgroups, commands
from sage_lab.model import Completed, State
from sage_lab.providers.namespaced import STATES, User

_PROJECT = "com.docker.compose.project"
_SERVICE = "com.docker.compose.service"
_LOCAL = "unix://"
_ASK = 20.0
_GRACE = 10.0
_KILLED = 137
_INSTALL = "install Docker Engine and its Compose plug-in"


class Engine:
    """One engine, by its address, and in it the containers, networks and images of one Compose project."""

    def __init__(self, address: str, project: str) -> None:
        self.address = address
        self.project = project
        self.image = f"sage-lab/{project}"

    @classmethod
    def of_environment(cls, project: str) -> Engine:
        """The engine that ``docker`` would ask now ($DOCKER_HOST, its context); raises LabError unless it is fit."""
        said = _docker(["context", "inspect", "--format", "{{.Endpoints.docker.Host}}"])
        engine = cls(said.stdout.strip(), project)
        engine.check()
        return engine

    def check(self) -> None:
        """Whether it answers, is on this machine and has Compose; raises LabError."""
        asked = _try_docker(["--host", self.address, "info", "--format", "{{json .}}"], timeout=_ASK)
        info = json.loads(asked.stdout) if asked.returncode == 0 else {}
        if problem := " ".join(info.get("ServerErrors") or [asked.stderr.strip() if asked.returncode else ""]):
            raise LabError(
                f"no container engine answers: {problem}", where=self.address, fix="start it, then try again"
            )
        kernel = info.get("KernelVersion", "")
        if not self.address.startswith(_LOCAL) or kernel != os.uname().release:
            raise LabError(
                f"the container engine runs on another machine, or in one (its kernel is {kernel})",
                where=self.address,
                fix="use an engine that runs directly on this machine: the nodes share its programs",
            )
        if _try_docker(["compose", "version"]).returncode != 0:
            raise MissingProgramError("docker has no plug-in compose", where="this machine", fix=_INSTALL)

    def run(self, *argv: str, timeout: float = 60.0) -> str:
        """What ``docker ARGV`` says; raises HostCommandError."""
        return _docker(["--host", self.address, *argv], timeout=timeout).stdout

    def execute(self, node: str, user: User, argv: Sequence[str], *, timeout: float, stdin: str | None) -> Completed:
        """Run a command in a service's container; raises CommandTimeoutError after the command was killed."""
        interactive = ["--interactive"] if stdin is not None else []
        command = ["exec", *interactive, "--workdir", user.home, *user.options, self.container(node)]
        # The container itself ends the command: the engine would let it go on when its client is gone.
        command += ["timeout", "--signal=KILL", f"{max(0.1, timeout):.3f}", *argv]
        started = time.monotonic()
        ended = self._try_run(*command, timeout=timeout + _GRACE, stdin=stdin)
        if ended.returncode == _KILLED and time.monotonic() - started >= timeout:
            raise CommandTimeoutError.on(node, argv, timeout)
        return ended

    def look(self, node: str) -> tuple[State, int]:
        """The state of a service's container, and its first process as this machine numbers it; 0 when it is off."""
        shown = ["--format", "{{.State.Status}} {{.State.Pid}}", self.container(node)]
        try:
            state, process = self.run("container", "inspect", *shown).split()
        except HostCommandError as error:
            if "no such container" in error.what.lower():
                return "stopped", 0
            raise
        return STATES.get(state, "stopped"), int(process)

    def pause(self, node: str) -> None:
        """Stop every process of a service's container."""
        self.run("pause", self.container(node))

    def resume(self, node: str) -> None:
        """Let a paused container go on."""
        self.run("unpause", self.container(node))

    def limit_processes(self, node: str, most: int) -> None:
        """Let a service's container have at most so many processes."""
        self.run("update", "--pids-limit", str(most), self.container(node))

    def memory(self, node: str, process: int) -> tuple[int, int]:  # noqa: ARG002 - the process tells the group
        """The bytes of memory that a service's container uses, and its limit."""
        return cgroups.usage(cgroups.group_of(process))

    def start_project(self, files: Sequence[Path], settings: Path, *, timeout: float) -> None:
        """Make and start all that these Compose files name, with the variables of ``settings``."""
        options = [word for file in files for word in ("--file", str(file))]
        named = ["--project-name", self.project, "--env-file", str(settings), *options]
        self.run("compose", *named, "up", "--detach", timeout=timeout)

    def need_free_name(self) -> None:
        """Raise LabNameError when anything of somebody's project of this name is there: a sweep would remove it."""
        if found := [kind for kind, names in self._things().items() if names]:
            raise LabNameError(
                f"the engine has things ({', '.join(found)}) of a Compose project {self.project!r}",
                where=self.address,
                fix="choose another --name, or use the SAGE_LAB_HOME of that lab",
            )

    def container(self, service: str) -> str:
        """The name of a service's container."""
        return f"{self.project}.{service}"

    def remove(self) -> bool:
        """Remove all of the project: containers, networks, volumes, image. Returns whether anything was there."""
        found = {kind: names for kind, names in self._things().items() if names}
        for kind, names in found.items():
            self.run(kind, "rm", *(["--force"] if kind in {"container", "image"} else []), *names)
        return bool(found)

    def _things(self) -> dict[str, list[str]]:
        """What the project has in the engine, by its kind, in the order in which it can be removed."""
        mine = f"label={_PROJECT}={self.project}"
        asked = {
            "container": ["--all", "--filter", mine],
            "network": ["--filter", mine],
            "volume": ["--filter", mine],
            "image": ["--filter", f"reference={self.image}"],
        }
        listed = {kind: self.run(kind, "ls", "--quiet", *which).split() for kind, which in asked.items()}
        return {kind: list(dict.fromkeys(names)) for kind, names in listed.items()}

    def build_image(self, root: Path, steps: Sequence[str], mounts: Mapping[Path, Path]) -> Completed:
        """Make the image of the tree below ``root``, changed by a command that runs on it without a network."""
        archive = root.with_suffix(".tar")
        commands.run(["tar", "--create", "--numeric-owner", "--file", str(archive), "--directory", str(root), "."])
        self.run("import", "--change", "ENV PATH=" + commands.PATH, str(archive), self.image)
        archive.unlink()
        scratch = self.container("provision")
        bound = [word for here, there in mounts.items() for word in ("--volume", f"{here}:{there}:ro")]
        labels = ["--label", f"{_PROJECT}={self.project}", "--label", f"{_SERVICE}=provision"]
        ended = self._try_run(
            "run", "--name", scratch, *labels, "--network", "none", *bound, self.image, *steps, timeout=120
        )
        if ended.returncode == 0:
            self.run("commit", "--change", "CMD []", scratch, self.image)
        self.run("container", "rm", "--force", scratch)
        return ended

    def _try_run(self, *argv: str, timeout: float, stdin: str | None = None) -> Completed:
        return _try_docker(["--host", self.address, *argv], timeout=timeout, stdin=stdin, keeps_lock=False)


@undoes("compose", owns=lambda lab, target: target.split()[1:] == [lab.name])
def sweep(target: str) -> bool:
    """Remove what a lab made: ``<address of the engine> <project>``."""
    address, project = target.split()
    try:
        return Engine(address, project).remove()
    except LabError as error:
        raise SweepError(f"{error}", where=target, fix="start that engine, then run 'sage-lab sweep' again") from error


def _environment() -> dict[str, str]:
    kept = ("HOME", "DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG")
    return {name: os.environ[name] for name in kept if name in os.environ}


def _try_docker(
    argv: Sequence[str], *, timeout: float = 60.0, stdin: str | None = None, keeps_lock: bool = True
) -> Completed:
    return commands.try_run(
        ["docker", *argv], timeout=timeout, stdin=stdin, keeps_lock=keeps_lock, environment=_environment()
    )


def _docker(argv: Sequence[str], *, timeout: float = 60.0) -> Completed:
    ended = _try_docker(argv, timeout=timeout)
    if ended.returncode != 0:
        raise HostCommandError(
            f"docker {' '.join(argv)} ended with {ended.returncode}: {ended.stderr.strip()[-2000:]}",
            where="this machine",
            fix="see whether the engine is well: docker info",
        )
    return ended
