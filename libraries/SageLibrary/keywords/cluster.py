"""Words for what a person does to a cluster. Each keeps its result for the expectations that follow."""

from __future__ import annotations

import json
from typing import Literal

import yaml
from robot.api import logger
from robot.api.deco import keyword

from sage_cluster import OperationResult
from SageLibrary.arguments.node_name import Host, NodeName
from SageLibrary.keywords.component import Component


class ClusterKeywords(Component):
    """Operations."""

    @keyword
    def start_the_cluster(self) -> OperationResult:
        """Start what does not run. The result is judged by `The Operation Should Succeed` and its neighbours."""
        return self._keep(self.stage.cluster.start_cluster())

    @keyword
    def stop_the_cluster(self, force: bool = False) -> OperationResult:
        """Stop all workers, then the head; with ``force`` without asking first."""
        return self._keep(self.stage.cluster.stop_cluster(force=force))

    @keyword
    def restart_the_cluster(self, rolling: bool = False) -> OperationResult:
        """Stop everything, then start everything; ``rolling``: the workers one after another, while jobs go on."""
        how = {"rolling": True} if rolling else {}
        return self._keep(self.stage.cluster.restart_cluster(**how))

    @keyword
    def scale_the_cluster(self, action: Literal["add", "remove"], *workers: Host) -> OperationResult:
        """Add or remove workers given as ``host`` or ``host:port``: several at once.

        | Scale The Cluster | add | new-worker |
        | Scale The Cluster | remove | worker-1 | worker-2 |
        """
        return self._keep(self.stage.cluster.scale_cluster(action, ",".join(map(str, workers))))

    @keyword
    def start_the_head(self) -> OperationResult:
        """Start the head only."""
        return self._keep(self.stage.cluster.head.start())

    @keyword
    def stop_the_head(self) -> OperationResult:
        """Stop the head only."""
        return self._keep(self.stage.cluster.head.stop())

    @keyword
    def start_workers(self, *names: NodeName) -> OperationResult:
        """Start the named workers, or all."""
        return self._keep(self.stage.cluster.workers.start_workers(names=names or None))

    @keyword
    def stop_workers(self, *names: NodeName) -> OperationResult:
        """Stop the named workers, or all."""
        return self._keep(self.stage.cluster.workers.stop_workers(names=names or None))

    @keyword
    def configure(self, key: str, value: str) -> None:
        """Change one value of the lab's configuration file by its dotted key; the value is read as YAML.

        | Configure | head.dashboard | false |
        | Configure | remote.conda_env | sage |
        """
        self.stage.cluster.config.set(key, yaml.safe_load(value))

    @keyword
    def keep_the_configuration(self) -> None:
        """From now on `Restore The Configuration` goes back to the configuration as it is now."""
        self.stage.keep_configuration()

    @keyword
    def restore_the_configuration(self) -> None:
        """Give the lab's configuration file the content that was kept, or that it had when the lab came up."""
        self.stage.restore_configuration()

    @keyword
    def restart_workers(self, *names: NodeName) -> OperationResult:
        """Restart the named workers, or all."""
        return self._keep(self.stage.cluster.workers.restart_workers(names=names or None))

    def _keep(self, result: OperationResult) -> OperationResult:
        self.stage.last_result = result
        logger.info(json.dumps(result.to_dict(), indent=2, default=str))
        return result
