"""Keywords for Ray's jobs: drivers from ``resources/jobs`` on the head, and what they answer."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

from robot.api.deco import keyword

from SageLibrary.arguments.node_name import NodeName
from SageLibrary.keywords.component import Component

JOBS = Path(__file__).parents[3] / "resources/jobs"
JOB_SECONDS = 90.0
BEGIN_SECONDS = 60.0
JOB_TIME = timedelta(seconds=JOB_SECONDS)


class JobKeywords(Component):
    """Jobs."""

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
        source = (JOBS / script).read_text(encoding="utf-8")
        done = self.run_on("head", [self._python(), "-", self._address()], "sage", JOB_SECONDS, source)
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
        source = (JOBS / script).read_text(encoding="utf-8")
        words = [self._python(), source, self._address(), *arguments]
        done = self.run_on("head", ["sh", "-c", begin, *words], "sage", BEGIN_SECONDS)
        if done.returncode:
            raise AssertionError(f"{script} did not begin: status {done.returncode}: {done.stderr}")

    @keyword
    def job_should_answer(self, answer: str, timeout: timedelta = JOB_TIME) -> None:
        """The driver that `Job Begins` began ends within ``timeout``, and its last line is this."""
        seconds = timeout.total_seconds()
        wait = "until tail -n 1 /tmp/job.out | grep -q '^answer '; do sleep 0.2; done; tail -n 1 /tmp/job.out"
        done = self.run_on("head", ["timeout", f"{seconds:g}", "sh", "-c", wait], "sage", seconds + 5)
        if done.stdout.strip() != f"answer {answer}":
            said = self.run_on("head", ["tail", "-n", "30", "/tmp/job.out"]).stdout
            raise AssertionError(
                f"the job answered '{done.stdout.strip()}', should be 'answer {answer}'; it said:\n{said}"
            )

    @keyword
    def job_should_answer_on_nodes(self, answers: str, answer: str, *nodes: NodeName) -> None:
        """A job's last line, a JSON object by host name, has this ``answer`` for exactly these nodes."""
        found = json.loads(answers.splitlines()[-1])
        wanted = {node: json.loads(answer) for node in nodes}
        if found != wanted:
            raise AssertionError(f"the job's answers were {found}, should be {wanted}")

    def _python(self) -> str:
        return str(self.stage.cluster.config.get("head.python_path"))

    def _address(self) -> str:
        """Where the head's GCS listens."""
        head = self.stage.lab.node("head").cluster_address
        return f"{head}:{self.stage.cluster.config.get('head.head_port')}"
