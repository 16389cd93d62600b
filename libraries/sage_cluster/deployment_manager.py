"""Ships a project and what it needs to the nodes: releases that are whole, tried, switched at once, and kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from sage_cluster.config.schema import Config, Worker
from sage_cluster.config.workers import make_worker
from sage_cluster.config_manager import ConfigManager
from sage_cluster.context import ClusterContext
from sage_cluster.deployment.node_config import node_configuration
from sage_cluster.deployment.package import Package, make_package
from sage_cluster.deployment.platform import NodePlatform, check_versions
from sage_cluster.deployment.session import DeploymentNodes
from sage_cluster.deployment.source_tree import EXCLUDED, IGNORED, LeftOut, read_source_tree
from sage_cluster.deployment.wheel import Wheel, read_wheel
from sage_cluster.deployment.wheel_cache import WheelCache
from sage_cluster.errors import DeploymentError, NodeError, SageError
from sage_cluster.model import NodeResult, OperationResult
from sage_cluster.nodes.parallel import on_all
from sage_cluster.nodes.spec import RayNode, head_node, worker_node, worker_nodes
from sage_cluster.operations.progress import Report, log_progress
from sage_cluster.options import check_options
from sage_cluster.ssh.pool import fan_out

CONFIG = "config.yaml"
CONTROLLER = "controller"
EXPECTED = (IGNORED, EXCLUDED)
"""Why something is left out that the project or the configuration itself names."""
SHOWN = 20


class DeploymentManager:
    """Deploys to the nodes of one configuration file. Managers that share a ``context`` are parts of one.

    Results are values, as with the other managers. ``project``, where it is a parameter, is the directory of a
    project or a wheel, else ``deploy.project`` counts. Numbers named ``wait`` are seconds to wait for another
    operation. A Ray that runs sees a new release after its next restart; nothing is restarted here.
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
        self._nodes = DeploymentNodes(self._context.pool)

    def create_deployment_package(self, project: Path | None = None, platform: NodePlatform | None = None) -> Package:
        """Build the project, get what it needs on a platform (the head's, which is asked), and check every file.

        Raises DeploymentError; SshError or NodeError when the head has to be asked and does not answer.
        """
        wheel, left_out = self._project_wheel(project)
        return self._package(wheel, left_out, platform or self._platform(head_node(self.config.load())))

    def deploy(
        self,
        *,
        names: Sequence[str] | None = None,
        project: Path | None = None,
        dry_run: bool = False,
        wait: float = 0.0,
    ) -> OperationResult:
        """Deploy to the head and all workers at once, or to the named nodes. A node that fails keeps its old release.

        Each node's ``details``: ``release``, ``previous``, ``unchanged``, ``files_sent``, ``files_skipped``,
        ``bytes_sent``, ``restart_needed``, ``left_out`` (what of the project is not in the package though git does not
        ignore it, and why, the first SHOWN) and more; with ``dry_run`` what would be sent, and nothing is changed.
        Raises ClusterBusyError, ConfigError, NodeError for an unknown name.
        """
        check_options(names=names, wait=wait, dry_run=dry_run)
        return self._deploy(self._chosen(names), project, dry_run, wait)

    def deploy_to_worker(self, host: str, port: int = 22, *, wait: float = 0.0) -> bool:
        """Deploy to one worker, configured or not. Why it was False stands in the journal."""
        return self.deploy_to([make_worker(host, port)], wait=wait).success

    def deploy_to(self, workers: Sequence[Worker], *, wait: float = 0.0) -> OperationResult:
        """Deploy to these workers at once, configured or not."""
        check_options(wait=wait)
        config = self.config.load()
        return self._deploy([worker_node(config, worker) for worker in workers], None, False, wait)

    def deploy_to_all_workers(self, *, wait: float = 0.0) -> tuple[int, int]:
        """Deploy to all workers at once: on how many it succeeded, and how many there are."""
        check_options(wait=wait)
        workers = worker_nodes(self.config.load())
        result = self._deploy(workers, None, False, wait)
        return sum(node.success for node in result.nodes), len(workers)

    def rollback(self, *, names: Sequence[str] | None = None, wait: float = 0.0) -> OperationResult:
        """Let all nodes, or the named ones, go back to the release before, if it still works there."""
        check_options(names=names, wait=wait)
        timeout = self.config.load().deploy.timeout

        nodes = self._chosen(names)

        def work() -> tuple[NodeResult, ...]:
            return on_all(
                self._context,
                nodes,
                lambda node: self._nodes.rollback(node, timeout),
                doing="rolling back",
                done="rolled back",
            )

        return self._context.operations.run("roll back", work, wait=wait)

    def close(self) -> None:
        """Close the connections to the nodes."""
        self._context.close()

    def _deploy(self, nodes: Sequence[RayNode], project: Path | None, dry_run: bool, wait: float) -> OperationResult:
        operation = "plan deployment" if dry_run else "deploy"
        return self._context.operations.run(operation, lambda: self._deploy_all(nodes, project, dry_run), wait=wait)

    def _deploy_all(self, nodes: Sequence[RayNode], project: Path | None, dry_run: bool) -> tuple[NodeResult, ...]:
        config = self.config.load()
        self._context.report(CONTROLLER, "packaging")
        wheel, left_out = self._project_wheel(project)
        self._context.journal.record("package", wheel=wheel.path.name, left_out=[one.path for one in left_out])
        unexpected = [f"{one.path} ({one.reason})" for one in left_out if one.reason not in EXPECTED][:SHOWN]
        head = head_node(config)
        asked = {node.name: node for node in (head, *nodes)}
        answers = fan_out(asked.values(), self._platform, config.ssh.max_connections)
        platforms = {node.name: answer for node, answer in answers}
        packages = self._packages(wheel, left_out, platforms)
        content = self.config.load_config()

        def work(node: RayNode) -> Mapping[str, object]:
            here, there = platforms[node.name], platforms[head.name]
            if isinstance(here, SageError):
                raise here
            if isinstance(there, NodePlatform):
                check_versions(node.name, here, head.name, there)
            package = packages[here]
            if isinstance(package, SageError):
                raise NodeError(package.what, where=f"{node.name}: {package.where}", fix=package.fix)
            deployed = self._nodes.deploy(
                node,
                package.with_text(CONFIG, node_configuration(content, node)),
                keep=config.deploy.keep,
                timeout=config.deploy.timeout,
                report=self._context.report,
                dry_run=dry_run,
            )
            return {**deployed, "left_out": unexpected}

        return on_all(self._context, nodes, work, doing="deploying", done="planned" if dry_run else "deployed")

    def _packages(
        self, wheel: Wheel, left_out: tuple[LeftOut, ...], platforms: Mapping[str, NodePlatform | SageError]
    ) -> dict[NodePlatform, Package | SageError]:
        """One package for each platform that there is, or why there is none."""
        packages: dict[NodePlatform, Package | SageError] = {}
        for platform in {one for one in platforms.values() if isinstance(one, NodePlatform)}:
            try:
                packages[platform] = self._package(wheel, left_out, platform)
            except DeploymentError as error:
                packages[platform] = error
        return packages

    def _project_wheel(self, project: Path | None) -> tuple[Wheel, tuple[LeftOut, ...]]:
        settings = self.config.load().deploy
        path = project or (Path(settings.project) if settings.project else None)
        if path is None:
            raise DeploymentError(
                "no project is named", where=str(self.config.path), fix="set deploy.project, or say --project PATH"
            )
        if path.suffix == ".whl":
            return read_wheel(path.absolute()), ()
        tree = read_source_tree(path.absolute(), settings.exclude)
        return read_wheel(self._wheels().build(tree)), tree.left_out

    def _package(self, wheel: Wheel, left_out: tuple[LeftOut, ...], platform: NodePlatform) -> Package:
        needed = [read_wheel(path) for path in self._wheels().needed_by(wheel, platform)]
        return make_package(wheel, needed, left_out)

    def _wheels(self) -> WheelCache:
        settings = self.config.load().deploy
        return WheelCache(Path(settings.cache), Path(settings.wheels).absolute() if settings.wheels else None)

    def _platform(self, node: RayNode) -> NodePlatform:
        return NodePlatform.of(self._nodes.facts(node))

    def _chosen(self, names: Sequence[str] | None) -> list[RayNode]:
        config: Config = self.config.load()
        known = {node.name: node for node in (head_node(config), *worker_nodes(config))}
        unknown = [name for name in names or () if name not in known]
        if unknown:
            raise NodeError(
                f"no node {', '.join(unknown)} in the configuration",
                where=str(self.config.path),
                fix=f"the nodes are: {', '.join(known)}",
            )
        return [known[name] for name in names] if names else list(known.values())
