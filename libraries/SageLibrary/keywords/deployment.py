"""Keywords for deployments: a project of one's own or SAGE itself, sent to the nodes, and what they then have."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from robot.api import logger
from robot.api.deco import keyword

from sage_cluster import OperationResult
from sage_lab.machine.namespaces import on_host
from SageLibrary.arguments.node_name import NodeName
from SageLibrary.context import Stage
from SageLibrary.keywords.component import Component
from SageLibrary.recording.verdict import InfraError

PROJECTS = Path(__file__).parents[3] / "resources/projects"
DEPLOY = "/home/sage/.sage/deploy"
CURRENT = f"{DEPLOY}/current"
RELEASES = f"{DEPLOY}/releases"
CONFIGURATION = "/home/sage/.sage/config.yaml"  # a link into the release
FETCH_SECONDS = 300
MEGABYTE = 1_000_000


class DeploymentKeywords(Component):
    """Deployments."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self._project = Path()

    @keyword
    def fetch_wheels(self, *requirements: str) -> None:
        """Fetch these and what they need from pip's package index, once for a results directory.

        This machine does it; the nodes have no internet. Deployments then take wheels from there and nowhere else.
        """
        directory = self.stage.results().absolute() / "wheels"
        note = directory / "fetched.txt"
        if not note.is_file() or note.read_text(encoding="utf-8").split() != list(requirements):
            argv = [sys.executable, "-m", "pip", "download", "--only-binary=:all:", "--dest", str(directory)]
            try:
                done = on_host(
                    lambda: subprocess.run(
                        [*argv, *requirements], capture_output=True, text=True, timeout=FETCH_SECONDS, check=False
                    )
                )
            except subprocess.TimeoutExpired as error:
                raise InfraError(f"{requirements} were not fetched in {FETCH_SECONDS} s") from error
            if done.returncode:
                raise InfraError(f"{requirements} could not be fetched: {done.stderr[-2000:]}")
            note.write_text("\n".join(requirements), encoding="utf-8")
        logger.info(f"wheels: {', '.join(sorted(one.name for one in directory.glob('*.whl')))}")
        self.stage.cluster.config.set("deploy.wheels", str(directory))
        self.stage.cluster.config.set("deploy.cache", str(directory.parent / "deploy-cache"))

    @keyword
    def the_project_is_the_wheel_of(self, name: str) -> None:
        """What is deployed from now on: the fetched wheel of this name."""
        self._use(self._wheel(name))

    @keyword
    def the_project_is_a_damaged_wheel_of(self, name: str) -> None:
        """What is deployed from now on: the wheel of this name, one byte in its midst being wrong."""
        wheel = self._wheel(name)
        damaged = self._new_directory() / wheel.name
        data = bytearray(wheel.read_bytes())
        data[len(data) // 2] ^= 0xFF
        damaged.write_bytes(data)
        self._use(damaged)

    @keyword
    def the_project_is_a_copy_of(self, name: str) -> None:
        """What is deployed from now on: a fresh copy of a project in ``resources/projects``."""
        copy = self._new_directory() / name
        shutil.copytree(PROJECTS / name, copy, ignore=shutil.ignore_patterns("__pycache__"))
        self._use(copy)

    @keyword
    def write_into_the_project(self, path: str, text: str) -> None:
        """Change or add a file of the project; ``\\n`` in the text ends a line."""
        file = self._project / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n", encoding="utf-8")

    @keyword
    def put_random_files_into_the_project(self, count: int) -> None:
        """Make the project large: so many files of a megabyte that cannot be compressed."""
        directory = self._project / "src" / self._project.name / "random"
        directory.mkdir()
        for number in range(count):
            (directory / f"{number:03}.bin").write_bytes(os.urandom(MEGABYTE))

    @keyword
    def deploy_the_project(self, *nodes: NodeName) -> OperationResult:
        """Deploy to all nodes, or to these. `The Operation Should Succeed` and its neighbours judge it."""
        return self.keep(self.stage.deployment.deploy(names=nodes or None))

    @keyword
    def plan_the_deployment(self) -> OperationResult:
        """Ask what a deployment would send, and change nothing."""
        return self.keep(self.stage.deployment.deploy(dry_run=True))

    @keyword
    def roll_the_deployment_back(self, *nodes: NodeName) -> OperationResult:
        """Let all nodes, or these, go back to the release before."""
        return self.keep(self.stage.deployment.rollback(names=nodes or None))

    @keyword
    def deployment_should_have_sent(self, *paths: str) -> None:
        """The last deployment sent exactly these files to every node that succeeded; without any: nothing at all."""
        for node in self.last_result().nodes:
            if node.success and sorted(node.details["sent"]) != sorted(paths):
                raise AssertionError(
                    f"the files sent to {node.name} were {node.details['sent']}, should be {list(paths)}"
                )
            if node.success and not paths and node.details["bytes_sent"]:
                raise AssertionError(f"the bytes sent to {node.name} were {node.details['bytes_sent']}, should be 0")

    @keyword
    def deployment_should_have_sent_fewer_files(self, node: NodeName, than: int) -> None:
        """The last deployment sent fewer files to this node than so many, and some."""
        sent = next(one.details["files_sent"] for one in self.last_result().nodes if one.name == node)
        if not 0 < sent < than:
            raise AssertionError(f"the files sent to {node} were {sent}, should be fewer than {than} and some")

    @keyword
    def remove_every_release(self) -> None:
        """Take away what deployments left on all nodes that are up, the spare included: for teardowns."""
        for node in self.stage.lab.nodes:
            self._on(node.name, f"rm -rf {DEPLOY}; test -e {CONFIGURATION} || rm -f {CONFIGURATION}")

    @keyword
    def the_release_of(self, node: NodeName) -> str:
        """The current release of a node; empty without one."""
        return Path(self._on(node, f"readlink {CURRENT} || true").strip()).name

    @keyword
    def release_of_node_should_be(self, node: NodeName, release: str) -> None:
        """The current release of a node is this one, and nothing half-made lies beside it."""
        found = self.the_release_of(node)
        if found != release:
            raise AssertionError(f"the release of {node} was '{found}', should be '{release}'")
        partial = self._on(node, f"for d in {RELEASES}/*/; do test -e $d/manifest.json || echo $d; done").split()
        if partial:
            raise AssertionError(f"the partial releases on {node} were {partial}, should be none")

    @keyword
    def command_should_say(self, command: str, text: str, *nodes: NodeName) -> None:
        """A command of the deployed project writes this on these nodes, run as the cluster's user."""
        for node in nodes:
            said = self._on(node, f"{CURRENT}/bin/{shlex.quote(command)}").strip()
            if said != text:
                raise AssertionError(f"'{command}' on {node} said '{said}', should say '{text}'")

    @keyword
    def module_should_be_importable(self, module: str, *nodes: NodeName) -> None:
        """Ray's Python on these nodes imports the module from the current release."""
        python = shlex.quote(str(self.stage.cluster.config.get("remote.python_path")))
        for node in nodes:
            self._on(node, f"PYTHONPATH={CURRENT}/site {python} -c 'import {module}'")

    def _use(self, project: Path) -> None:
        self._project = project
        self.stage.cluster.config.set("deploy.project", str(project))

    def _wheel(self, name: str) -> Path:
        found = sorted((self.stage.results().absolute() / "wheels").glob(f"{name}-*.whl"))
        if len(found) != 1:
            raise AssertionError(f"the fetched wheels of {name} were {found}, should be one; say 'Fetch Wheels' first")
        return found[0]

    def _new_directory(self) -> Path:
        projects = self.stage.results().absolute() / "projects"
        projects.mkdir(parents=True, exist_ok=True)
        directory = projects / f"{len(list(projects.iterdir())) + 1:03}"
        directory.mkdir()
        return directory

    def _on(self, node: str, command: str) -> str:
        return self.shell_on(node, command, "sage")
