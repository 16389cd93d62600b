"""Plain words for the lab and the managers: what suites say, translated into calls; no logic of its own."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from robotlibcore import DynamicCore

from sage_cluster import NodeState
from sage_cluster.supervision.health import Health
from sage_lab.faults import FaultKind
from SageLibrary.arguments.node_name import Host, NodeName
from SageLibrary.arguments.spare import need_spare
from SageLibrary.arguments.target import Target
from SageLibrary.arguments.times import read_time
from SageLibrary.arguments.vocabulary import reader_of
from SageLibrary.context import Stage
from SageLibrary.keywords.background import BackgroundKeywords
from SageLibrary.keywords.cluster import ClusterKeywords
from SageLibrary.keywords.configuration import ConfigurationKeywords
from SageLibrary.keywords.connection import ConnectionKeywords, SshProblem
from SageLibrary.keywords.deployment import DeploymentKeywords
from SageLibrary.keywords.expectations import ExpectationKeywords
from SageLibrary.keywords.faults import FaultKeywords
from SageLibrary.keywords.jobs import JobKeywords
from SageLibrary.keywords.lab import LabKeywords
from SageLibrary.keywords.nodes import NodeKeywords
from SageLibrary.keywords.scaling import ScalingKeywords
from SageLibrary.keywords.soak import SoakKeywords
from SageLibrary.keywords.ssh_login import SshLoginKeywords
from SageLibrary.keywords.stress import StressKeywords
from SageLibrary.keywords.supervisor import SupervisorKeywords
from SageLibrary.listeners.dry_run_places import PlacesListener
from SageLibrary.listeners.evidence import EvidenceListener
from SageLibrary.listeners.paramiko_unchanged import ParamikoListener
from SageLibrary.live.listener import LiveListener
from SageLibrary.recording.verdict import judged
from SageLibrary.warnings_log import warnings_go_to_the_log


class SageLibrary(DynamicCore):  # type: ignore[misc]  # it has no type hints
    """Manages a Ray cluster on the nodes of a lab, and judges what it sees there.

    The keywords fall into groups: the lab (machines), operations on the cluster, its configuration, expectations (what
    should be true now or within a time), nodes (what a machine itself says), jobs, faults, the supervisor, operations
    in the background, connections, deployments, scaling and stress.

    Importing the library touches no machine. The first `Bring The Lab Up` does.
    """

    ROBOT_LIBRARY_SCOPE = "GLOBAL"
    ROBOT_LIBRARY_DOC_FORMAT = "ROBOT"
    ROBOT_LIBRARY_CONVERTERS = {  # noqa: RUF012 - Robot reads it as it is
        NodeName: NodeName.parse,
        Host: Host.parse,
        Target: Target.parse,
        timedelta: read_time,
        FaultKind: reader_of(FaultKind, "fault"),
        NodeState: reader_of(NodeState, "state of a node"),
        Health: reader_of(Health, "state of a supervised node"),
        SshProblem: reader_of(SshProblem, "problem of SSH"),
    }

    def __init__(self) -> None:
        warnings_go_to_the_log()
        self.stage = stage = Stage()
        self.ROBOT_LIBRARY_LISTENER = [
            EvidenceListener(stage),
            LiveListener(stage),
            PlacesListener(),
            ParamikoListener(),
        ]
        super().__init__(
            [
                LabKeywords(stage),
                ClusterKeywords(stage),
                ConfigurationKeywords(stage),
                ExpectationKeywords(stage),
                NodeKeywords(stage),
                JobKeywords(stage),
                FaultKeywords(stage),
                SupervisorKeywords(stage),
                BackgroundKeywords(stage),
                ConnectionKeywords(stage),
                SshLoginKeywords(stage),
                DeploymentKeywords(stage),
                ScalingKeywords(stage),
                StressKeywords(stage),
                SoakKeywords(stage),
            ]
        )

    def run_keyword(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any] | None = None) -> Any:  # noqa: ANN401
        """Do what a word says, unless the lab has no such node to spare: then the test is skipped.

        Raises what the word raises, but InfraError or InconclusiveError for what is not the cluster's failure.
        """
        began = time.monotonic()
        try:
            if self.stage.has_lab:
                need_spare(self.stage.lab, [*args, *(kwargs or {}).values()])
            return super().run_keyword(name, args, kwargs)
        except Exception as error:
            self.stage.timeline.row_failed(began)
            verdict = judged(error)
            if verdict is error:
                raise
            raise verdict from error
