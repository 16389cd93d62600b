"""What the keywords of a run share: the lab, the managers of its cluster, the timeline and the last result."""

from __future__ import annotations

import os
from pathlib import Path

from robot.api import SkipExecution
from robot.libraries.BuiltIn import BuiltIn, RobotNotRunningError

from sage_cluster import ClusterManager, DeploymentManager, OperationResult
from sage_cluster.operations.operations import Operations
from sage_cluster.supervision.process import SupervisorProcess
from sage_lab import Lab
from SageLibrary.managers import chosen, cluster_manager
from SageLibrary.observers.host_stall import Pulse
from SageLibrary.observers.ray_watch import RayWatch
from SageLibrary.observers.timeline import Timeline
from SageLibrary.waiting import keep_pace


class Stage:
    """Made empty; `use` fills it when the lab is up."""

    def __init__(self) -> None:
        self.timeline = Timeline()
        self.last_result: OperationResult | None = None
        self.failures: list[str] = []
        """The messages of the tests that failed in this run."""
        self._lab: Lab | None = None
        self._cluster: ClusterManager | None = None
        self._pulse: Pulse | None = None
        self._ray_watch: RayWatch | None = None
        self._configuration = b""
        self._original = b""

    @property
    def lab(self) -> Lab:
        """The lab in use. AssertionError when no suite has brought one up."""
        if self._lab is None:
            raise AssertionError("there is no lab yet; the suite needs 'Suite Setup    Bring The Lab Up'")
        return self._lab

    @property
    def has_lab(self) -> bool:
        """Whether a lab is in use."""
        return self._lab is not None

    @property
    def cluster(self) -> ClusterManager:
        """The managers of the lab's cluster."""
        if self._cluster is None:
            raise AssertionError("there is no cluster yet; the suite needs 'Suite Setup    Bring The Lab Up'")
        return self._cluster

    @property
    def deployment(self) -> DeploymentManager:
        """What deploys. The test is skipped when the managers have none."""
        self._demand("deployment")
        return self.cluster.deployment

    @property
    def operations(self) -> Operations:
        """The journal. The test is skipped when the managers have none."""
        self._demand("operations")
        return self.cluster.operations

    @property
    def supervision(self) -> SupervisorProcess:
        """The supervisor. The test is skipped when the managers have none."""
        self._demand("supervision")
        return self.cluster.supervision

    def use(self, lab: Lab) -> None:
        """Work with this lab from now on, from inside its network."""
        lab.enter()
        self._lab = lab
        keep_pace(lab.pace)
        self._original = self._configuration = lab.config_path.read_bytes()
        self._cluster = cluster_manager(lab.config_path, self.timeline.record)
        port = int(self._cluster.config.get("head.dashboard_port"))
        names = {node.cluster_address: node.name for node in lab.nodes}
        if self._cluster.config.get("head.dashboard") is not False:
            self._ray_watch = RayWatch(lab.node("head").control_address, port, names, self.timeline.record_ray)
            self._ray_watch.start()
        self._pulse = Pulse()
        self._pulse.start()

    @property
    def pulse(self) -> Pulse:
        """Tells whether this machine stood still. AssertionError when no lab is in use."""
        if self._pulse is None:
            raise AssertionError("there is no lab yet, so nothing is watched")
        return self._pulse

    def keep_configuration(self) -> None:
        """Let `restore_configuration` go back to the configuration as it is now."""
        self._configuration = self.lab.config_path.read_bytes()

    def restore_configuration(self) -> None:
        """Give the configuration file the content that was kept last."""
        self.lab.config_path.write_bytes(self._configuration)

    def reset_configuration(self) -> None:
        """Give the configuration file the content that it had when the lab was taken into use, and keep that."""
        self._configuration = self._original
        self.restore_configuration()

    def end_supervision(self) -> None:
        """End the supervisor, where there is one: from now on nobody repairs anything."""
        if hasattr(self.cluster, "supervision"):
            self.supervision.end()

    def leave(self) -> None:
        """Let go of the lab: its configuration is as it was found, connections are closed."""
        if self._lab:
            self.reset_configuration()
        if self._cluster:
            self._cluster.close()
        for watch in (self._ray_watch, self._pulse):
            if watch:
                watch.stop()
        self._lab = self._cluster = self._ray_watch = self._pulse = None
        keep_pace(1.0)

    def _demand(self, part: str) -> None:
        if not hasattr(self.cluster, part):
            raise SkipExecution(f"the managers {chosen()} have no '{part}'")

    @staticmethod
    def results() -> Path:
        """Where this run writes its files."""
        try:
            return Path(BuiltIn().get_variable_value("${OUTPUT DIR}"))
        except RobotNotRunningError:
            return Path(os.environ.get("SAGE_RESULTS", "results"))
