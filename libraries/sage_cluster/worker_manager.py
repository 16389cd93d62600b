"""The workers: many nodes at once over SSH; one bad node never blocks or hides another."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sage_cluster.config.schema import parse_workers
from sage_cluster.config_manager import ConfigManager
from sage_cluster.context import ClusterContext
from sage_cluster.errors import NodeError, SshError
from sage_cluster.model import NodeResult, NodeStatus, OperationResult
from sage_cluster.nodes.agent import RayNodes
from sage_cluster.nodes.parallel import on_all
from sage_cluster.nodes.rolling_restart import WAITING, RollingRestart
from sage_cluster.nodes.spec import RayNode, worker_node, worker_nodes
from sage_cluster.nodes.status import ask_all
from sage_cluster.nodes.worker_steps import WorkerSteps
from sage_cluster.operations.progress import Report, log_progress
from sage_cluster.options import check_options
from sage_cluster.ssh.connection import CommandResult, Target


class WorkerManager:
    """Manages the workers of the configuration. Managers that share a ``context`` are parts of one."""

    def __init__(
        self,
        config_manager: ConfigManager | None = None,
        *,
        report: Report = log_progress,
        context: ClusterContext | None = None,
    ) -> None:
        self._context = context or ClusterContext.of(config_manager, report)
        self._config = self._context.config
        self._membership = self._context.membership
        self._nodes = RayNodes(self._context.pool)
        self._steps = WorkerSteps(self._context)

    def list_workers(self) -> list[str]:
        """The names of the configured workers, in the order of the file. Raises ConfigError."""
        return [node.name for node in worker_nodes(self._config.load())]

    def start_workers(
        self, *, names: Sequence[str] | None = None, wait: float = 0.0, fence: bool = False
    ) -> OperationResult:
        """Start all workers, or the named ones, at once; those that run stay as they are.

        Returns when Ray calls every started worker ALIVE, or a worker's deadline has passed. At most
        ``cluster.start_concurrency`` start at a time. With ``fence`` what runs there is ended first.
        ``wait``: seconds to wait for another operation to end.
        Raises ClusterBusyError, ConfigError, NodeError for an unknown name.
        """
        check_options(names=names, wait=wait, fence=fence)
        return self._operate("start workers", self._chosen(names), wait, lambda nodes: self._start(nodes, fence))

    def stop_workers(
        self, force: bool = False, *, names: Sequence[str] | None = None, wait: float = 0.0
    ) -> OperationResult:
        """Stop all workers, or the named ones, at once; a node that is not reached is a failure, not a success.

        By ``force`` without asking first. A node is stopped when no process of its session is left.
        """
        check_options(names=names, wait=wait, force=force)
        return self._operate("stop workers", self._chosen(names), wait, lambda nodes: self._stop(nodes, force))

    def restart_workers(
        self, *, names: Sequence[str] | None = None, wait: float = 0.0, rolling: bool = False
    ) -> OperationResult:
        """Stop, then start all workers, or the named ones; a worker that could not be stopped is not started.

        ``rolling``: one after another, each drained first, at most one being away at a time (see `RollingRestart`).
        """

        def roll(nodes: Sequence[RayNode]) -> tuple[NodeResult, ...]:
            wanted = self._membership.wanted() | {node.name for node in nodes}
            results = RollingRestart(self._context).run(nodes, wanted & set(self.list_workers()))
            self._membership.want(result.name for result in results if result.phase != WAITING)
            return results

        def restart(nodes: Sequence[RayNode]) -> tuple[NodeResult, ...]:
            stopped = {result.name: result for result in self._stop(nodes, False)}
            started = self._start([node for node in nodes if stopped[node.name].success], False)
            by_name = {**stopped, **{result.name: result for result in started}}
            return tuple(by_name[node.name] for node in nodes)

        check_options(names=names, wait=wait, rolling=rolling)
        return self._operate("restart workers", self._chosen(names), wait, roll if rolling else restart)

    def status_workers(self) -> list[NodeStatus]:
        """Every worker's status, from its own view and Ray's; all nodes are asked at once."""
        return list(ask_all(self._nodes, self._config.load())[1])

    def add_worker(self, address: str, *, wait: float = 0.0) -> OperationResult:
        """Start a worker given as "host:port" and put it into the configuration once it has joined.

        Several, "host:port,host:port", are started at once, and each is put there that joined.
        Being configured already is no error, nor is running already.
        """
        check_options(wait=wait)
        config = self._config.load()
        added = parse_workers(address)
        nodes = [worker_node(config, worker, beside=added) for worker in added]

        def add(nodes: Sequence[RayNode]) -> tuple[NodeResult, ...]:
            results = self._steps.start(nodes)
            for node, result in zip(nodes, results, strict=True):
                if result.success:
                    self._membership.want([node.name])
                    self._config.add_worker_ssh_host(node.target.host, node.target.port, name=node.name)
            return results

        return self._operate(_doing("add", nodes), nodes, wait, add)

    def remove_worker(self, address: str, *, wait: float = 0.0) -> OperationResult:
        """Drain a worker given as "host:port", stop it, and take it out of the configuration once it has left.

        Several, "host:port,host:port", leave at once, each for itself. Running work has ``cluster.drain_timeout``
        seconds to end. A node that does not answer is removed only when Ray does not count on it either.
        Raises ClusterBusyError, ConfigError.
        """
        check_options(wait=wait)
        config = self._config.load()
        nodes = [worker_node(config, worker) for worker in parse_workers(address)]
        configured = {node.target for node in worker_nodes(config)}

        def remove(nodes: Sequence[RayNode]) -> tuple[NodeResult, ...]:
            wanted = self._membership.wanted()
            self._membership.unwant(node.name for node in nodes)
            results = on_all(
                self._context,
                nodes,
                lambda node: self._steps.remove(node, node.target in configured),
                doing="draining",
                done="removed",
            )
            for node, result in zip(nodes, results, strict=True):
                if result.success:
                    self._config.remove_worker_ssh_host(node.target.host, node.target.port)
                elif node.name in wanted:
                    self._membership.want([node.name])
            return results

        return self._operate(_doing("remove", nodes), nodes, wait, remove)

    def execute_remote_command(self, host: str, port: int, command: str, timeout: float = 60.0) -> bool:
        """Run a shell command on a node; True when it ended with status 0 within ``timeout`` seconds.

        Why it was False stands in the journal; `run_command` gives the output and raises what went wrong.
        """
        try:
            done = self.run_command(host, port, command, timeout)
        except SshError as error:
            self._context.journal.record("remote command", node=host, command=command, error=str(error))
            return False
        if done.returncode:
            said = {"status": done.returncode, "stderr": done.stderr[-2000:]}
            self._context.journal.record("remote command", node=host, command=command, **said)
        return done.returncode == 0

    def run_command(self, host: str, port: int, command: str, timeout: float = 60.0) -> CommandResult:
        """Run a shell command on a node and return its output and status. Raises the SshError that fits."""
        return self._context.pool.run(Target(host, port), ["sh", "-c", command], timeout=timeout)

    def simulate_failure(self, worker: str) -> int:
        """Kill a worker's raylet as a crash would (SIGKILL). Returns its pid; NodeError when none runs."""
        node = self._chosen([worker])[0]
        pid = self._nodes.kill_raylet(node)
        if pid is None:
            raise NodeError("no raylet runs here, so none can fail", where=node.name, fix="start the worker")
        self._context.journal.record("simulated failure", node=node.name, raylet=pid)
        return pid

    def log(self, worker: str, name: str = "raylet.out", lines: int = 100) -> str:
        """The last lines of a log of a worker's newest session. Raises NodeError, naming the logs there are."""
        return self._nodes.read_log(self._chosen([worker])[0], name, lines)["text"]

    def follow_log(
        self, worker: str, name: str, on_output: Callable[[str], None], seconds: float = 24 * 3600.0
    ) -> None:
        """Pass on a log of a worker as it grows, for at most ``seconds``."""
        self._nodes.follow_log(self._chosen([worker])[0], name, on_output, seconds)

    def _start(self, nodes: Sequence[RayNode], fence: bool) -> tuple[NodeResult, ...]:
        """A worker that does not start now is wanted all the same: it may only be cut off for a while."""
        results = self._steps.start(nodes, fence=fence)
        self._membership.want(node.name for node in nodes)
        return results

    def _stop(self, nodes: Sequence[RayNode], force: bool) -> tuple[NodeResult, ...]:
        self._membership.unwant(node.name for node in nodes)
        return self._steps.stop(nodes, force)

    def _operate(
        self,
        operation: str,
        nodes: Sequence[RayNode],
        wait: float,
        work: Callable[[Sequence[RayNode]], tuple[NodeResult, ...]],
    ) -> OperationResult:
        return self._context.operations.run(operation, lambda: work(nodes), wait=wait)

    def _chosen(self, names: Sequence[str] | None) -> list[RayNode]:
        nodes = worker_nodes(self._config.load())
        if names is None:
            return nodes
        known = {node.name: node for node in nodes}
        unknown = [name for name in names if name not in known]
        if unknown:
            raise NodeError(
                f"no worker {', '.join(unknown)} in the configuration",
                where=str(self._config.path),
                fix=f"the workers are: {', '.join(known) or 'none'}",
            )
        return [known[name] for name in names]


def _doing(action: str, nodes: Sequence[RayNode]) -> str:
    return f"{action} worker{'s' if len(nodes) > 1 else ''} {', '.join(node.name for node in nodes)}"
