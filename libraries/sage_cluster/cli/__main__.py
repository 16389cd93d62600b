"""`python -m sage_cluster.cli`: the command without its script."""

from sage_cluster.cli.main import main

main()
