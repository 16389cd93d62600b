"""The head: its Ray (GCS, raylet, dashboard), started, stopped, watched and read."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from sage_cluster.config_manager import ConfigManager
from sage_cluster.errors import NodeError, RayStartError
from sage_cluster.model import NodeStatus, OperationResult
from sage_cluster.nodes.parallel import on_all, start_with_retry
from sage_cluster.nodes.ray_node import RayNode, RayNodes, head_node
from sage_cluster.nodes.status import head_status, probe_or_error
from sage_cluster.operations.membership import Membership
from sage_cluster.operations.operations import Operations
from sage_cluster.operations.progress import Report, log_progress
from sage_cluster.options import check_options
from sage_cluster.ssh.pool import SshPool

FOLLOW_SECONDS = 24 * 3600.0


class HeadManager:
    """Manages the head that the configuration names. Collaborators are made from it when not given."""

    def __init__(
        self,
        config_manager: ConfigManager | None = None,
        *,
        pool: SshPool | None = None,
        operations: Operations | None = None,
        report: Report = log_progress,
    ) -> None:
        self._config = config_manager or ConfigManager()
        self._pool = pool or SshPool(lambda: self._config.load().ssh)
        self._operations = operations or Operations(self._config.path)
        self._nodes = RayNodes(self._pool)
        self._report = report
        self._membership = Membership(self._config.path)

    def start(self, *, wait: float = 0.0, fence: bool = False, recover: bool = False) -> OperationResult:
        """Start the head unless it runs, with its dashboard, and return when Ray calls it ALIVE.

        With ``fence`` what runs there is ended first. A new head knows no worker; one that is to ``recover`` goes on
        with the workers of the head that died, where ``recovery.keep_workers`` kept what is needed for it.
        ``wait``: seconds to wait for another operation to end.
        Raises ClusterBusyError, ConfigError.
        """
        check_options(wait=wait, fence=fence, recover=recover)
        return self._operate("start head", wait, lambda: self._start(fence, recover), "starting", "running")

    def stop(self, *, force: bool = False, wait: float = 0.0) -> OperationResult:
        """Stop the head and prove that none of its processes is left; by ``force`` without asking first."""
        check_options(wait=wait, force=force)
        return self._operate("stop head", wait, lambda: self._stop(force), "stopping", "stopped")

    def restart(self, *, wait: float = 0.0) -> OperationResult:
        """Stop the head, then start it: a new session, which the workers have to join anew."""
        check_options(wait=wait)

        def restart() -> dict[str, Any]:
            self._stop(force=False)
            return self._start()

        return self._operate("restart head", wait, restart, "restarting", "running")

    def status(self) -> NodeStatus:
        """What the head is now, from its own view and from Ray's. Raises ConfigError."""
        head = head_node(self._config.load())
        return head_status(head, probe_or_error(self._nodes, head))

    def dashboard(self) -> dict[str, Any]:
        """Ask the dashboard over HTTP: its ``url``, ``ray_version`` and ``session``. Raises NodeError, SshError."""
        head = head_node(self._config.load())
        if not head.spec["dashboard"]:
            raise NodeError(
                "the dashboard is turned off", where=head.name, fix="set head.dashboard to true, then restart"
            )
        status = self.status()
        if not status.address:
            raise NodeError(
                f"the head is {status.state}, so there is no dashboard", where=head.name, fix="start the head"
            )
        return self._ask_dashboard(status.address)

    def log(self, name: str = "gcs_server.out", lines: int = 100) -> str:
        """The last lines of a log of the head's newest session. Raises NodeError, naming the logs there are."""
        return str(self._nodes.read_log(head_node(self._config.load()), name, lines)["text"])

    def follow_log(self, name: str, on_output: Callable[[str], None], seconds: float = FOLLOW_SECONDS) -> None:
        """Pass on a log of the head as it grows, for at most ``seconds``."""
        self._nodes.follow_log(head_node(self._config.load()), name, on_output, seconds)

    def _operate(
        self, operation: str, wait: float, work: Callable[[], dict[str, Any]], doing: str, done: str
    ) -> OperationResult:
        began = time.monotonic()
        head = head_node(self._config.load())
        with self._operations.exclusive(operation, wait):
            nodes = on_all([head], lambda _: work(), doing=doing, done=done, limit=1, report=self._report)
        return OperationResult(operation, nodes, time.monotonic() - began)

    def _start(self, fence: bool = False, recover: bool = False) -> dict[str, Any]:
        config = self._config.load()
        head = head_node(config)
        deadline = time.monotonic() + config.cluster.start_timeout
        answer = self._start_ray(head, fence, recover and config.recovery.keep_workers, deadline)
        if answer["node_id"] not in {row["node_id"] for row in answer.pop("nodes") if row["state"] == "ALIVE"}:
            raise NodeError("the head started, but Ray does not call it ALIVE", where=head.name)
        dashboard = answer.pop("dashboard")
        if dashboard:
            answer["dashboard"] = _checked(head, dashboard)["url"]
        self._membership.want([head.name])
        return answer

    def _start_ray(self, head: RayNode, fence: bool, recover: bool, deadline: float) -> dict[str, Any]:
        try:
            return start_with_retry(
                self._nodes,
                head,
                session="",
                fence=fence,
                recover=recover,
                deadline=deadline,
                report=self._report,
                record=self._operations.record,
            )
        except RayStartError as error:
            if not recover:
                raise
            # What the dead GCS left may be what this one cannot bear: better a head without its workers than none.
            self._operations.record("storage given up", node=head.name, error=str(error))
            return self._start_ray(head, fence, False, time.monotonic() + self._config.load().cluster.start_timeout)

    def _ask_dashboard(self, address: str) -> dict[str, Any]:
        head = head_node(self._config.load())
        return _checked(head, self._nodes.dashboard(head, address=address))

    def _stop(self, force: bool) -> dict[str, Any]:
        config = self._config.load()
        head = head_node(config)
        self._membership.unwant([head.name])
        return self._nodes.stop(head, grace=0.0 if force else config.cluster.stop_timeout)


def _checked(head: RayNode, dashboard: dict[str, Any]) -> dict[str, Any]:
    """The dashboard's answer. Raises NodeError when it is a problem."""
    if "problem" in dashboard:
        raise NodeError(
            f"the dashboard at {dashboard['url']} does not answer: {dashboard['problem']}",
            where=head.name,
            fix="look into dashboard.log: sage-cluster head logs --log dashboard.log",
        )
    return dashboard
