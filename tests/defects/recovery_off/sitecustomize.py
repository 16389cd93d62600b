"""A manager with a defect: the supervisor says that it repaired a node, and did nothing."""

from sage_cluster.supervision import repair

repair.Repairer.repair = lambda _, due: repair.Outcome(dict.fromkeys(due, "started"))  # type: ignore[method-assign]
