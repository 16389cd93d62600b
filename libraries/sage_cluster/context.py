"""What the managers of one cluster share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

from sage_cluster.config_manager import ConfigManager
from sage_cluster.operations.journal import Journal
from sage_cluster.operations.membership import Membership
from sage_cluster.operations.operations import Operations
from sage_cluster.operations.progress import Report, log_progress
from sage_cluster.ssh.pool import SshPool


@dataclass(frozen=True)
class ClusterContext:
    """A cluster's configuration, its connections, its lock and journal, who is wanted, and who is told of progress."""

    config: ConfigManager
    pool: SshPool
    operations: Operations
    membership: Membership
    report: Report

    @classmethod
    def of(cls, config_manager: ConfigManager | None = None, report: Report = log_progress) -> Self:
        """The context of a configuration, without one of the default configuration file."""
        config = config_manager or ConfigManager()
        return cls(config, _pool(config), Operations(config.path), Membership(config.path), report)

    @property
    def journal(self) -> Journal:
        """The journal of what is done on the cluster."""
        return self.operations.journal

    def with_own_connections(self) -> Self:
        """The same cluster by connections that nobody shares."""
        return replace(self, pool=_pool(self.config))

    def close(self) -> None:
        """Close the connections to the nodes. The cluster runs on."""
        self.pool.close()


def _pool(config: ConfigManager) -> SshPool:
    return SshPool(lambda: config.load().ssh)
