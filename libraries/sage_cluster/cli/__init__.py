"""The command `sage-cluster`: exit status 0 when all went well, 1 when something failed, 2 for wrong usage."""

from sage_cluster.cli.main import main

__all__ = ["main"]
