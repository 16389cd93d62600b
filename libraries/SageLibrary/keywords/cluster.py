"""Keywords for what a person does to a cluster. Each keeps its result for the expectations that follow."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from robot.api.deco import keyword

from sage_cluster import OperationResult
from SageLibrary.arguments.node_name import Host, NodeName
from SageLibrary.keywords.component import Component
from SageLibrary.waiting import stretched

MINUTE = timedelta(minutes=1)


class ClusterKeywords(Component):
    """Operations."""

    @keyword
    def start_the_cluster(self) -> OperationResult:
        """Start what does not run. The result is judged by `The Operation Should Succeed` and its neighbours."""
        return self.keep(self.stage.cluster.start_cluster())

    @keyword
    def stop_the_cluster(self, force: bool = False) -> OperationResult:
        """Stop all workers, then the head; with ``force`` without asking first."""
        return self.keep(self.stage.cluster.stop_cluster(force=force))

    @keyword
    def restart_the_cluster(self, rolling: bool = False) -> OperationResult:
        """Stop everything, then start everything; ``rolling``: the workers one after another, while jobs go on."""
        how = {"rolling": True} if rolling else {}
        return self.keep(self.stage.cluster.restart_cluster(**how))

    @keyword
    def scale_the_cluster(self, action: Literal["add", "remove"], *workers: Host) -> OperationResult:
        """Add or remove workers given as ``host`` or ``host:port``: several at once.

        | Scale The Cluster | add | new-worker |
        | Scale The Cluster | remove | worker-1 | worker-2 |
        """
        return self.keep(self.stage.cluster.scale_cluster(action, ",".join(map(str, workers))))

    @keyword
    def start_the_head(self) -> OperationResult:
        """Start the head only."""
        return self.keep(self.stage.cluster.head.start())

    @keyword
    def stop_the_head(self) -> OperationResult:
        """Stop the head only."""
        return self.keep(self.stage.cluster.head.stop())

    @keyword
    def start_workers(self, *names: NodeName) -> OperationResult:
        """Start the named workers, or all."""
        return self.keep(self.stage.cluster.workers.start_workers(names=names or None))

    @keyword
    def stop_workers(self, *names: NodeName) -> OperationResult:
        """Stop the named workers, or all."""
        return self.keep(self.stage.cluster.workers.stop_workers(names=names or None))

    @keyword
    def restart_workers(self, *names: NodeName) -> OperationResult:
        """Restart the named workers, or all."""
        return self.keep(self.stage.cluster.workers.restart_workers(names=names or None))

    @keyword
    def start_the_cluster_when_it_is_free(self, within: timedelta = MINUTE) -> OperationResult:
        """Start what does not run, after the operation or repair that is under way."""
        return self.keep(self.stage.cluster.start_cluster(wait=stretched(within).total_seconds()))
