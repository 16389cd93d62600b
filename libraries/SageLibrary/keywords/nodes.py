"""Words for what a machine itself says, asked over the lab's own path, independent of the managers."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Literal

from robot.api import logger
from robot.api.deco import keyword

from sage_cluster.nodes.spec import worker_nodes
from sage_cluster.on_node.environment import RayEnvironment
from sage_cluster.on_node.sessions import COOKIE
from sage_cluster.on_node.start import ray_start_command
from sage_lab import Completed
from sage_lab.faults import cluster_processes
from SageLibrary.arguments.node_name import NodeName
from SageLibrary.keywords.component import Component
from SageLibrary.waiting import wait_until

JOBS = Path("resources/jobs")
SHORT = 2000
JOB_SECONDS = 90.0
JOB_TIME = timedelta(seconds=JOB_SECONDS)
SHORT_WHILE = timedelta(seconds=30)
START_SECONDS = 60.0
END = timedelta(seconds=5)
PLAIN_START = "plain ray start"
RAY_PROGRAMS = ("raylet", "gcs_server")
KILL_ALL = """
spared=" $$ "
up=$$
while up=$(ps -o ppid= -p "$up" | tr -d " ") && [ "${up:-0}" -gt 1 ]; do spared="$spared$up "; done
for signal in STOP KILL; do
    for process in $(ps -u "$(id -u)" -o pid=); do
        case "$spared" in *" $process "*) ;; *) kill -s "$signal" "$process" 2>/dev/null ;; esac
    done
done
"""
"""Kills every process of its user but the shell that runs it and those that this shell came from: it may be an SSH
session. All are stopped first, so that none starts another one meanwhile; one that ended by itself is no failure."""


class NodeKeywords(Component):
    """Observations on the nodes."""

    @keyword
    def run_on_node(self, node: NodeName, command: str, user: str = "root", timeout: timedelta = SHORT_WHILE) -> str:
        """Run a shell command on a node, and return what it wrote; it fails when the command does.

        ``user``: root or sage, who runs the cluster. Long output goes to a file that the log links.
        """
        done = self._run(node, ["sh", "-c", command], user, timeout.total_seconds())
        if done.returncode:
            raise AssertionError(
                f"'{command}' on {node} ended with status {done.returncode}, should be 0: {done.stderr.strip()}"
            )
        return done.stdout

    @keyword
    def everything_on_node_is_killed(self, *nodes: NodeName) -> None:
        """Kill -9 every process of the cluster's user on these nodes: an unclean death that leaves its files."""
        for node in nodes:
            self._run(node, ["sh", "-c", KILL_ALL], "sage", 10.0)
        for node in nodes:  # one that was killed takes a moment to end
            self._no_ray_process_should_be_left(node)

    @keyword
    def node_should_have_stale_session_files(self, node: NodeName) -> None:
        """A Ray session without any process lies on the node's disk, sockets included."""
        self.run_on_node(node, "test -n \"$(find /tmp/ray -path '*session_*/sockets/*' | head -n 1)\"")
        left = self._ray_processes(node)
        if left:
            raise AssertionError(f"Ray's processes on {node} were {left}, should be none")

    @keyword
    def node_should_run_ray_processes(self, node: NodeName, *programs: Literal["raylet", "gcs_server"]) -> None:
        """The node's process table has exactly these Ray servers: ``raylet``, ``gcs_server``."""
        seen = sorted(name for _, name in self._ray_processes(node) if name in RAY_PROGRAMS)
        if seen != sorted(programs):
            raise AssertionError(f"Ray's servers on {node} were {seen}, should be {sorted(programs)}")

    @keyword
    def node_should_be_clean(self, *nodes: NodeName) -> None:
        """No process, session directory or listening port of the cluster's user is left on these nodes.

        Other programs of a machine, such as its SSH server or a container engine's resolver, listen as other users.
        """
        for node in nodes:
            self._no_ray_process_should_be_left(node)  # one that was killed takes a moment to end
            owner = f"uid:{self.run_on_node(node, 'id -u sage').strip()}"
            leftovers = {
                "session directories": self.run_on_node(
                    node, "find /tmp/ray -maxdepth 1 -name 'session_*' 2>/dev/null || true"
                ).split(),
                "listening ports": [
                    line.split()[3]
                    for line in self.run_on_node(node, "ss -Hltne").splitlines()
                    if owner in line.split()
                ],
            }
            for kind, left in leftovers.items():
                if left:
                    raise AssertionError(f"the {kind} left on {node} were {left}, should be none")

    @keyword
    def ray_itself_should_know_nodes(self, *nodes: NodeName) -> None:
        """Ray, asked by a driver of its own on the head, calls exactly these nodes alive, at their addresses."""
        answer = json.loads(self.run_job("nodes_alive.py").splitlines()[-1])
        addresses = sorted(self.stage.lab.node(node).cluster_address for node in nodes)
        if sorted(answer) != addresses:
            raise AssertionError(f"the nodes Ray knows were {sorted(answer)}, should be {addresses}")

    @keyword
    def a_task_should_run_on_nodes(self, *nodes: NodeName) -> None:
        """A Ray job with one task bound to each node gets every node's own host name back."""
        hosts = json.loads(self.run_job("task_on_every_node.py").splitlines()[-1])
        if sorted(hosts) != sorted(nodes):
            raise AssertionError(f"the tasks ran on {sorted(hosts)}, should be {sorted(nodes)}")

    @keyword
    def run_job(self, script: str) -> str:
        """Run a Ray driver from ``resources/jobs`` on the head as the cluster's user; returns what it printed."""
        source = (self._resources() / script).read_text(encoding="utf-8")
        python = self.stage.cluster.config.get("head.python_path")
        head = self.stage.lab.node("head")
        address = f"{head.cluster_address}:{self.stage.cluster.config.get('head.head_port')}"
        done = self.stage.lab.run("head", [python, "-", address], user="sage", timeout=JOB_SECONDS, stdin=source)
        self._log(done, "head")
        if done.returncode:
            raise AssertionError(f"{script} ended with status {done.returncode}: {done.stderr[-2000:]}")
        return done.stdout

    @keyword
    def job_begins(self, script: str, *arguments: str) -> None:
        """Begin a Ray driver from ``resources/jobs`` on the head, and return when it says that its work runs."""
        begin = (
            'rm -f /tmp/job.*; setsid "$0" -c "$@" </dev/null >/tmp/job.out 2>&1 & '
            "until grep -q running /tmp/job.out 2>/dev/null; do sleep 0.1; done"
        )
        head = self.stage.lab.node("head").cluster_address
        address = f"{head}:{self.stage.cluster.config.get('head.head_port')}"
        source = (self._resources() / script).read_text(encoding="utf-8")
        python = str(self.stage.cluster.config.get("head.python_path"))
        done = self._run("head", ["sh", "-c", begin, python, source, address, *arguments], "sage", 60.0)
        if done.returncode:
            raise AssertionError(f"{script} did not begin: status {done.returncode}: {done.stderr}")

    @keyword
    def job_should_answer(self, answer: str, timeout: timedelta = JOB_TIME) -> None:
        """The driver that `Job Begins` began ends within ``timeout``, and its last line is this."""
        seconds = timeout.total_seconds()
        wait = "until tail -n 1 /tmp/job.out | grep -q '^answer '; do sleep 0.2; done; tail -n 1 /tmp/job.out"
        done = self._run("head", ["timeout", f"{seconds:g}", "sh", "-c", wait], "sage", seconds + 5)
        if done.stdout.strip() != f"answer {answer}":
            said = self._run("head", ["tail", "-n", "30", "/tmp/job.out"]).stdout
            raise AssertionError(
                f"the job answered '{done.stdout.strip()}', should be 'answer {answer}'; it said:\n{said}"
            )

    @keyword
    def ray_is_started_by_hand(self, worker: NodeName) -> float:
        """Run on a stopped worker the plain `ray start` that the managers would run, without them.

        Returns how many seconds it took; the page of the run keeps it, beside the times of repairs.
        """
        config = self.stage.cluster.config.load()
        spec = next(node.spec for node in worker_nodes(config) if node.name == worker)
        plain = RayEnvironment(spec["ray_command"], spec["python"], (), {})
        command = ray_start_command(spec, plain, self.stage.lab.node(worker).cluster_address)
        began = time.monotonic()
        done = self._run(worker, ["env", f"{COOKIE}={spec['temp_dir']}", *command], "sage", START_SECONDS)
        seconds = time.monotonic() - began
        if done.returncode:
            raise AssertionError(f"'ray start' on {worker} ended with status {done.returncode}, should be 0")
        self.stage.timeline.measure(PLAIN_START, round(seconds, 3))
        return seconds

    @keyword
    def port_is_taken_by_another_program(self, node: NodeName, port: int) -> int:
        """Let a program that is not Ray listen on a port of a node. Returns its pid, for `Free The Port`."""
        program = (
            "import socket, os; s = socket.socket(); s.setsockopt(1, 2, 1); "
            f"s.bind(('0.0.0.0', {port})); s.listen(); os.fork() and os._exit(0); os.setsid(); "
            "os.write(1, str(os.getpid()).encode()); os.dup2(os.open('/dev/null', 1), 1); "
            "os.dup2(1, 2); import signal; signal.pause()"
        )
        done = self._run(node, ["python3", "-c", program], "sage", 10.0)
        return int(done.stdout)

    @keyword
    def free_the_port(self, node: NodeName, pid: int) -> None:
        """End the program that `Port Is Taken By Another Program` started."""
        self.run_on_node(node, f"kill {pid}")

    @keyword
    def raylet_should_have_in_its_environment(self, node: NodeName, name: str, value: str) -> None:
        """The raylet's own environment on the node has this variable with this value."""
        pids = [pid for pid, program in self._ray_processes(node) if program == "raylet"]
        if len(pids) != 1:
            raise AssertionError(f"the raylets on {node} were {pids}, should be one")
        environment = self.run_on_node(node, f"tr '\\0' '\\n' < /proc/{pids[0]}/environ")
        found = dict(line.split("=", 1) for line in environment.splitlines() if "=" in line)
        if found.get(name) != value:
            raise AssertionError(f"{name} of the raylet on {node} was '{found.get(name)}', should be '{value}'")

    def _no_ray_process_should_be_left(self, node: str) -> None:
        wait_until(f"Ray's processes on {node}", lambda: self._ray_processes(node), lambda p: not p, END, "none")

    def _ray_processes(self, node: str) -> list[tuple[int, str]]:
        """Every process of the cluster's user but its SSH sessions and who asks: pid and program."""
        return cluster_processes(self.stage.lab, node)

    def _run(self, node: str, argv: Sequence[str], user: str = "root", timeout: float = 30.0) -> Completed:
        done = self.stage.lab.run(node, argv, user=user, timeout=timeout)
        self._log(done, node)
        return done

    def _log(self, done: Completed, node: str) -> None:
        text = done.stdout + done.stderr
        if len(text) <= SHORT:
            logger.info(f"{node}: status {done.returncode}\n{text}")
            return
        directory = self.stage.results() / "commands"
        directory.mkdir(parents=True, exist_ok=True)
        file = directory / f"{len(list(directory.iterdir())) + 1:04d}-{node}.txt"
        file.write_text(text)
        logger.info(f'{node}: status {done.returncode}, <a href="commands/{file.name}">{file.name}</a>', html=True)

    @staticmethod
    def _resources() -> Path:
        return Path(__file__).parents[3] / JOBS
