"""The error of a package that cannot be made or a deployment that cannot be done; a node's own are NodeErrors."""

from __future__ import annotations

from sage_cluster.errors import SageError


class DeploymentError(SageError):
    """There is nothing that could be sent: no project, a damaged wheel, a dependency that cannot be had."""
