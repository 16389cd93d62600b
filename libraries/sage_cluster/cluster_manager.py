"""The cluster as a whole: the head and all workers, in the right order, as one operation."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sage_cluster.config.schema import parse_workers
from sage_cluster.config_manager import ConfigManager
from sage_cluster.context import ClusterContext
from sage_cluster.deployment_manager import DeploymentManager
from sage_cluster.errors import SageError
from sage_cluster.head_manager import HeadManager
from sage_cluster.model import ClusterStatus, NodeResult, OperationResult
from sage_cluster.nodes.agent import RayNodes
from sage_cluster.nodes.status import ask_all, strangers
from sage_cluster.operations.progress import Report, log_progress
from sage_cluster.options import check_options
from sage_cluster.state.holder import in_words, is_here
from sage_cluster.supervision.incidents import JOURNAL_EVENTS, last_incidents
from sage_cluster.supervision.process import SupervisorProcess
from sage_cluster.worker_manager import WorkerManager


class ClusterManager:
    """Manages the cluster of one configuration file. Managers that share a ``context`` are parts of one.

    Results are values: nothing that happens on a node raises, it is in that node's result. What concerns the whole
    raises: ConfigError, ClusterBusyError. Numbers named ``wait`` are seconds to wait for another operation to end.
    """

    def __init__(
        self,
        config_manager: ConfigManager | None = None,
        *,
        report: Report = log_progress,
        context: ClusterContext | None = None,
    ) -> None:
        self._context = context or ClusterContext.of(config_manager, report)
        self.config = self._context.config
        self.operations = self._context.operations
        self.supervision = SupervisorProcess(self.config.path)
        self.head = HeadManager(context=self._context)
        self.workers = WorkerManager(context=self._context)
        self.deployment = DeploymentManager(context=self._context)

    def start_cluster(self, *, wait: float = 0.0) -> OperationResult:
        """Start what does not run yet: the head, then all workers at once, and the supervisor (see ``recovery``).

        Returns when Ray calls every node ALIVE; a worker that fails holds up no other and is named in the result.
        """
        check_options(wait=wait)
        return self._operate("start cluster", wait, self._start)

    def stop_cluster(self, *, force: bool = False, wait: float = 0.0) -> OperationResult:
        """Stop all workers at once, then the head, and prove that no process of theirs is left.

        A node that is not reached is a failure that names it. By ``force`` without asking first.
        The supervisor ends first, even in the middle of a repair: a person's word counts more.
        """
        check_options(force=force, wait=wait)
        holder = self.operations.current()
        if holder is not None and holder["operation"].startswith("repair "):
            self._end_supervisor()
        return self._operate("stop cluster", wait, lambda: self._stop(force))

    def restart_cluster(self, *, wait: float = 0.0, rolling: bool = False) -> OperationResult:
        """Stop everything, then start everything: a new Ray session with the same members.

        If the head cannot be stopped, nothing is started. ``rolling``: the head and its session stay, the workers
        are drained and restarted one after another, at most one being away at a time, so that jobs go on.
        """
        check_options(rolling=rolling, wait=wait)
        if rolling:
            return self.supervised(self.workers.restart_workers(wait=wait, rolling=True))

        def restart() -> list[OperationResult]:
            stopped = self._stop(force=False)
            head = stopped[-1]
            return self._start() if head.success else stopped

        return self._operate("restart cluster", wait, restart)

    def status_cluster(self) -> ClusterStatus:
        """Ask every node at once, and Ray on the head; needs no lock and changes nothing."""
        began = time.monotonic()
        head, workers, rows = ask_all(RayNodes(self._context.pool), self.config.load())
        return ClusterStatus(
            head=head,
            workers=workers,
            strangers=strangers(rows, [head, *workers]),
            problem=head.problem,
            supervisor=self.supervision.states(),
            troubles=last_incidents(self._context.journal.last(JOURNAL_EVENTS)),
            warnings=self._warnings(),
            elapsed=time.monotonic() - began,
        )

    def deploy_cluster(self, *, wait: float = 0.0) -> OperationResult:
        """Deploy the configured project (``deploy.project``) to the head and all workers at once."""
        return self.deployment.deploy(wait=wait)

    def scale_cluster(self, action: str, address: str, *, wait: float = 0.0) -> OperationResult:
        """Add or remove the worker "host:port" while the cluster runs. ``action``: "add" or "remove".

        Several are given as "host:port,host:port": they come or go at once, and each has its own result.
        An added worker gets the configured project first; a removed one is drained first. The configuration changes
        only when the node joined or left.
        Raises ValueError for another action.
        """
        actions = {"add": self._add_worker, "remove": self.workers.remove_worker}
        if action not in actions:
            raise ValueError(f"scale_cluster: action was {action!r}, should be 'add' or 'remove'")
        check_options(wait=wait)
        result = actions[action](address, wait=wait)
        return self.supervised(result) if self.supervision.died() else result

    def supervised(self, result: OperationResult) -> OperationResult:
        """Begin the supervisor if it is missing and wanted (see ``recovery``), unless all nodes of the result failed.

        For the parts, which begin none: ``cluster.supervised(cluster.head.start())``. Returns the result given, with
        the supervisor's error where it did not begin.
        """
        if not any(node.success for node in result.nodes) or not self.config.load().recovery.enabled:
            return result
        error = self._await_supervisor(self.supervision.begin()).error
        return replace(result, error="\n".join(filter(None, (result.error, error))))

    def cluster_info(self) -> dict[str, Any]:
        """Where things are: configuration file, head, GCS and dashboard addresses, session, versions, workers."""
        config = self.config.load()
        status = self.status_cluster()
        info: dict[str, Any] = {
            "config": str(self.config.path),
            "journal": str(self._context.journal.path),
            "head": status.head.name,
            "head_running": status.head_running,
            "session": status.head.session,
            "gcs_address": f"{status.head.address or config.head.host}:{config.head.head_port}",
            "workers": [worker.name for worker in status.workers],
            "active_workers": status.active_workers,
        }
        if status.head_running and config.head.dashboard:
            dashboard = self.head.dashboard()
            info |= {"dashboard": dashboard["url"], "ray_version": dashboard["ray_version"]}
        return info

    def close(self) -> None:
        """Close the connections to the nodes. The cluster runs on."""
        self._context.close()

    def _operate(self, operation: str, wait: float, work: Callable[[], list[OperationResult]]) -> OperationResult:
        self.config.load()  # a configuration that is wrong is told at once, not after the wait
        return self.operations.run(operation, work, wait=wait)

    def _warnings(self) -> tuple[str, ...]:
        """What is wrong with the managing itself. While an operation runs, that is its own affair."""
        holder = self.operations.current()
        if holder and is_here(holder):
            return ()
        warnings = []
        if holder:
            warnings.append(f"{in_words(holder)} counts as running, as far as can be seen from here")
        torn = self.operations.interrupted()
        if torn:
            by = f"'{torn['operation']}' of process {torn['pid']}, begun {torn['since']}"
            warnings.append(f"{by}, did not end: start or stop again")
        wanted = self._context.membership.wanted() and self.config.load().recovery.enabled
        if wanted and not self.supervision.is_running():
            died = self.supervision.died()
            killed = f" (process {died} was killed)" if died else ""
            warnings.append(f"no supervisor, though recovery is on{killed}: sage-cluster start begins one")
        return tuple(warnings)

    def _add_worker(self, address: str, *, wait: float = 0.0) -> OperationResult:
        if not self.config.load().deploy.project:
            return self.workers.add_worker(address, wait=wait)
        workers = parse_workers(address)

        def work() -> list[NodeResult | OperationResult]:
            deployed = self.deployment.deploy_to(workers)
            ready = [str(w) for w, node in zip(workers, deployed.nodes, strict=False) if node.success]
            if deployed.error or not ready:
                return [deployed]
            return [*deployed.failed, self.workers.add_worker(",".join(ready))]

        return self.operations.run(f"add worker {address}", work, wait=wait)

    def _start(self) -> list[OperationResult]:
        head = self.head.start()
        if not head.success:
            error = "the workers were not started, because the head did not start"
            return [head, OperationResult("start workers", error=error)]
        supervised = self.config.load().recovery.enabled
        supervisor = self.supervision.begin() if supervised else None
        parts = [head, self.workers.start_workers()]
        if supervised:
            parts.append(self._await_supervisor(supervisor))
        return parts

    def _await_supervisor(self, process: subprocess.Popen[bytes] | None) -> OperationResult:
        try:
            self.supervision.await_running(process)
        except SageError as error:
            return OperationResult("supervise", error=str(error))
        return OperationResult("supervise")

    def _end_supervisor(self) -> OperationResult:
        try:
            self.supervision.end()
        except SageError as error:
            return OperationResult("end the supervisor", error=str(error))
        return OperationResult("end the supervisor")

    def _stop(self, force: bool) -> list[OperationResult]:
        """Stop everything; a supervisor that cannot be ended is told, and has nobody left to start again."""
        supervisor = self._end_supervisor()
        self._context.membership.unwant_all()
        return [supervisor, self.workers.stop_workers(force), self.head.stop(force=force)]
