"""The head: its Ray (GCS, raylet, dashboard), started, stopped, watched and read."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sage_cluster.config_manager import ConfigManager
from sage_cluster.context import ClusterContext
from sage_cluster.errors import NodeError, RayStartError
from sage_cluster.model import NodeStatus, OperationResult
from sage_cluster.nodes.agent import RayNodes
from sage_cluster.nodes.parallel import on_all, start_with_retry
from sage_cluster.nodes.spec import RayNode, head_node
from sage_cluster.nodes.status import head_status, probe_or_error
from sage_cluster.on_node.protocol import Dashboard, HeadStarted, Stopped
from sage_cluster.operations.progress import Report, log_progress
from sage_cluster.options import check_options

FOLLOW_SECONDS = 24 * 3600.0


class HeadManager:
    """Manages the head that the configuration names. Managers that share a ``context`` are parts of one."""

    def __init__(
        self,
        config_manager: ConfigManager | None = None,
        *,
        report: Report = log_progress,
        context: ClusterContext | None = None,
    ) -> None:
        self._context = context or ClusterContext.of(config_manager, report)
        self._config = self._context.config
        self._nodes = RayNodes(self._context.pool)

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

        def restart() -> Mapping[str, object]:
            self._stop(force=False)
            return self._start()

        return self._operate("restart head", wait, restart, "restarting", "running")

    def status(self) -> NodeStatus:
        """What the head is now, from its own view and from Ray's. Raises ConfigError."""
        head = head_node(self._config.load())
        return head_status(head, probe_or_error(self._nodes, head))

    def dashboard(self) -> Dashboard:
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
        return self._nodes.read_log(head_node(self._config.load()), name, lines)["text"]

    def follow_log(self, name: str, on_output: Callable[[str], None], seconds: float = FOLLOW_SECONDS) -> None:
        """Pass on a log of the head as it grows, for at most ``seconds``."""
        self._nodes.follow_log(head_node(self._config.load()), name, on_output, seconds)

    def _operate(
        self, operation: str, wait: float, work: Callable[[], Mapping[str, object]], doing: str, done: str
    ) -> OperationResult:
        head = head_node(self._config.load())
        return self._context.operations.run(
            operation, lambda: on_all(self._context, [head], lambda _: work(), doing=doing, done=done), wait=wait
        )

    def _start(self, fence: bool = False, recover: bool = False) -> dict[str, object]:
        config = self._config.load()
        head = head_node(config)
        answer = self._start_ray(head, fence, recover and config.recovery.keep_workers)
        if answer["node_id"] not in {row["node_id"] for row in answer["nodes"] if row["state"] == "ALIVE"}:
            raise NodeError("the head started, but Ray does not call it ALIVE", where=head.name)
        details = {key: value for key, value in answer.items() if key not in {"nodes", "dashboard"}}
        if answer["dashboard"]:
            details["dashboard"] = _checked(head, answer["dashboard"])["url"]
        self._context.membership.want([head.name])
        return details

    def _start_ray(self, head: RayNode, fence: bool, recover: bool) -> HeadStarted:
        try:
            return start_with_retry(
                self._context,
                head,
                lambda seconds: self._nodes.start_head(head, fence=fence, timeout=seconds, recover=recover),
            )
        except RayStartError as error:
            if not recover:
                raise
            # What the dead GCS left may be what this one cannot bear: better a head without its workers than none.
            self._context.journal.record("storage given up", node=head.name, error=str(error))
            return self._start_ray(head, fence, recover=False)

    def _ask_dashboard(self, address: str) -> Dashboard:
        head = head_node(self._config.load())
        return _checked(head, self._nodes.dashboard(head, address=address))

    def _stop(self, force: bool) -> Stopped:
        config = self._config.load()
        head = head_node(config)
        self._context.membership.unwant([head.name])
        return self._nodes.stop(head, grace=0.0 if force else config.cluster.stop_timeout)


def _checked(head: RayNode, dashboard: Dashboard) -> Dashboard:
    """The dashboard's answer. Raises NodeError when it is a problem."""
    if "problem" in dashboard:
        raise NodeError(
            f"the dashboard at {dashboard['url']} does not answer: {dashboard['problem']}",
            where=head.name,
            fix="look into dashboard.log: sage-cluster head logs --log dashboard.log",
        )
    return dashboard
