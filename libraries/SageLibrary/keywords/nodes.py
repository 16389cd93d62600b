"""Keywords for what a machine itself says, asked over the lab's own path, independent of the managers."""

from __future__ import annotations

import shlex
import time
from datetime import timedelta
from typing import Literal

from robot.api.deco import keyword

from sage_cluster import ConfigManager
from sage_lab import Lab
from sage_lab.faults import cluster_processes
from SageLibrary.arguments.node_name import NodeName
from SageLibrary.keywords.component import Component
from SageLibrary.waiting import stays, wait_until

SHORT_WHILE = timedelta(seconds=30)
START_SECONDS = 60.0
END = timedelta(seconds=5)
PLAIN_START = "plain ray start"
RAY_PROGRAMS = ("raylet", "gcs_server")


class NodeKeywords(Component):
    """Observations on the nodes."""

    @keyword
    def run_on_node(self, node: NodeName, command: str, user: str = "root", timeout: timedelta = SHORT_WHILE) -> str:
        """Run a shell command on a node, and return what it wrote; it fails when the command does.

        ``user``: root or sage, who runs the cluster. Long output goes to a file that the log links.
        """
        return self.shell_on(node, command, user, timeout.total_seconds())

    @keyword
    def node_should_have_stale_session_files(self, node: NodeName) -> None:
        """A Ray session without any process lies on the node's disk, sockets included."""
        directory = shlex.quote(self._temp_dir(node))
        self.shell_on(node, f"test -n \"$(find {directory} -path '*session_*/sockets/*' | head -n 1)\"")
        left = cluster_processes(self.stage.lab, node)
        if left:
            raise AssertionError(f"Ray's processes on {node} were {left}, should be none")

    @keyword
    def node_should_run_ray_processes(self, node: NodeName, *programs: Literal["raylet", "gcs_server"]) -> None:
        """The node's process table has exactly these Ray servers: ``raylet``, ``gcs_server``."""
        seen = sorted(name for _, name in cluster_processes(self.stage.lab, node) if name in RAY_PROGRAMS)
        if seen != sorted(programs):
            raise AssertionError(f"Ray's servers on {node} were {seen}, should be {sorted(programs)}")

    @keyword
    def node_should_be_clean(self, *nodes: NodeName) -> None:
        """No process, session directory or listening port of the cluster's user is left on these nodes.

        Other programs of a machine, such as its SSH server or a container engine's resolver, listen as other users.
        """
        for node in nodes:
            no_process_should_be_left(self.stage.lab, node)
            directory = shlex.quote(self._temp_dir(node))
            owner = f"uid:{self.shell_on(node, 'id -u sage').strip()}"
            leftovers = {
                "session directories": self.shell_on(
                    node, f"find {directory} -maxdepth 1 -name 'session_*' 2>/dev/null || true"
                ).split(),
                "listening ports": [
                    line.split()[3] for line in self.shell_on(node, "ss -Hltne").splitlines() if owner in line.split()
                ],
            }
            for kind, left in leftovers.items():
                if left:
                    raise AssertionError(f"the {kind} left on {node} were {left}, should be none")

    @keyword
    def ray_is_started_by_hand(self, worker: NodeName) -> float:
        """Run on a stopped worker the plain `ray start` that an operator would type, without the managers.

        Returns how many seconds it took; the page of the run keeps it, beside the times of repairs.
        """
        addresses = (self.stage.lab.node(node).cluster_address for node in ("head", worker))
        command = plain_start(self.stage.cluster.config, worker, *addresses)
        began = time.monotonic()
        done = self.run_on(worker, command, "sage", START_SECONDS)
        seconds = time.monotonic() - began
        if done.returncode:
            raise AssertionError(f"'ray start' on {worker} ended with status {done.returncode}, should be 0")
        self.stage.timeline.measure(PLAIN_START, round(seconds, 3))
        return seconds

    @keyword
    def raylet_should_have_in_its_environment(self, node: NodeName, name: str, value: str) -> None:
        """The raylet's own environment on the node has this variable with this value."""
        pids = [pid for pid, program in cluster_processes(self.stage.lab, node) if program == "raylet"]
        if len(pids) != 1:
            raise AssertionError(f"the raylets on {node} were {pids}, should be one")
        environment = self.shell_on(node, f"tr '\\0' '\\n' < /proc/{pids[0]}/environ")
        found = dict(line.split("=", 1) for line in environment.splitlines() if "=" in line)
        if found.get(name) != value:
            raise AssertionError(f"{name} of the raylet on {node} was '{found.get(name)}', should be '{value}'")

    @keyword
    def node_should_stay_without_ray(self, node: NodeName, lasting: timedelta) -> None:
        """No raylet runs on a node, and none begins for as long as this, by its process table."""
        raylets = ["ps", "-C", "raylet", "-o", "pid="]
        stays(
            f"the raylets on {node}",
            lambda: " ".join(self.stage.lab.run(node, raylets).stdout.split()) or "none",
            lambda seen: seen == "none",
            lasting,
            "none",
        )

    def _temp_dir(self, node: str) -> str:
        section = "head" if self.stage.lab.node(node).role == "head" else "worker"
        return str(self.stage.cluster.config.get(f"{section}.temp_dir"))


def plain_start(config: ConfigManager, worker: str, head_address: str, own_address: str) -> list[str]:
    """The `ray start` of a worker with the configured settings, as words."""
    words = [f"{config.get('remote.ray_command')}", "start", f"--address={head_address}:{config.get('head.head_port')}"]
    words += [f"--node-ip-address={own_address}", f"--node-name={worker}", "--disable-usage-stats"]
    words += [f"--temp-dir={config.get('worker.temp_dir')}"]
    for option, key in (("num-cpus", "num_cpus"), ("object-store-memory", "object_store_memory")):
        if (value := config.get(f"worker.{key}")) is not None:
            words.append(f"--{option}={value}")
    return [*words, *config.get("worker.ray_args")]


def no_process_should_be_left(lab: Lab, node: str) -> None:
    """No process of the cluster's user is left on a node; one that was killed takes a moment to end."""
    wait_until(f"Ray's processes on {node}", lambda: cluster_processes(lab, node), lambda found: not found, END, "none")
