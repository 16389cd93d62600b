"""Keywords for the machines: bring them up, cut their cables and their power, take them down."""

from __future__ import annotations

import os
from datetime import timedelta

from robot.api import logger
from robot.api.deco import keyword
from robot.libraries.BuiltIn import BuiltIn

from sage_cluster import SageError
from sage_lab import Capability, Lab, Topology
from SageLibrary import keep_lab
from SageLibrary.arguments.node_name import NodeName
from SageLibrary.arguments.spare import SPARE
from SageLibrary.context import Stage
from SageLibrary.keywords.breaking import breaks
from SageLibrary.keywords.component import Component
from SageLibrary.waiting import stretched

WORKERS = 2
BUSY = timedelta(minutes=1)
"""How long another operation may go on before the lab goes."""


class LabKeywords(Component):
    """The lab."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self._users = 0

    @keyword
    def bring_the_lab_up(self, workers: int | None = None) -> None:
        """Bring up a head, so many workers and the spare ``new-worker``, unless they are up already.

        Without a number there are as many workers as the variable ``${WORKER COUNT}`` says: two, or what
        ``robot --variable WORKER_COUNT:3`` says.
        The environment variable SAGE_LAB_TOPOLOGY names a file that says how many nodes there are instead;
        SAGE_LAB_PROVIDER names another kind of machine than containers, and SAGE_LAB_INVENTORY, for ``static``, the
        file of machines that exist; where there is no spare among them, tests that need it are skipped.

        Suites may nest: the lab goes when the outermost one calls `Leave The Lab`.
        """
        keep_lab.check()
        self._users += 1
        self.stage.timeline.clear()
        if not self.stage.has_lab:
            file = os.environ.get("SAGE_LAB_TOPOLOGY")
            provider = os.environ.get("SAGE_LAB_PROVIDER", "container")
            spares = () if provider == "static" else (SPARE,)
            lab = Lab.up(
                Topology.load(file) if file else Topology.of(workers=workers or _worker_count(), spares=spares),
                report=logger.info,
                provider=provider,
                inventory=os.environ.get("SAGE_LAB_INVENTORY"),
            )
            self.stage.use(lab)
        self.stage.reset_configuration()
        lab = self.stage.lab
        logger.info(f"lab {lab.name}: {', '.join(node.name for node in lab.nodes)}; files in {lab.directory}")

    @keyword
    def leave_the_lab(self) -> None:
        """Stop the cluster and, when no outer suite uses it, take the lab down.

        With KEEP_LAB=1 in the environment the lab stays. With KEEP_LAB=on-fail it stays when a test failed, and its
        cluster runs on as the last test left it, without a supervisor; commands to look into it are shown.
        """
        self._users -= 1
        if self._users <= 0 and self.stage.has_lab and self.stage.failures and keep_lab.on_fail():
            self._leave_as_it_is()
            return
        try:
            self._stop_cluster()
        finally:
            if self._users <= 0 and self.stage.has_lab:
                lab = self.stage.lab
                self.stage.leave()
                if keep_lab.always():
                    logger.warn(f"KEEP_LAB is set: lab {lab.name} stays up; take it down with 'sage-lab down'")
                else:
                    lab.down()

    @keyword
    def show_the_timeline(self) -> None:
        """Draw the states of all nodes since the suite began into the log."""
        picture = self.stage.timeline.svg()
        logger.info(picture or "no node was seen in any state", html=bool(picture))

    @keyword(tags=breaks("unplugged", left_broken=True))
    def unplug(self, node: NodeName) -> None:
        """Pull a node's cluster cable. The lab's own control link stays."""
        self.need(Capability.UNPLUG)
        self.stage.lab.node(node).unplug()

    @keyword
    def plug_in(self, node: NodeName) -> None:
        """Plug a node's cluster cable in again."""
        self.need(Capability.UNPLUG)
        self.stage.lab.node(node).plug()

    @keyword(tags=breaks("power cut", left_broken=True))
    def cut_the_power(self, node: NodeName) -> None:
        """Cut a node's power: everything on it ends at once, its disk stays."""
        self.need(Capability.POWER)
        self.stage.lab.node(node).power_off()

    @keyword
    def restore_the_power(self, node: NodeName) -> None:
        """Switch a node on again."""
        self.need(Capability.POWER)
        self.stage.lab.node(node).power_on()

    def _leave_as_it_is(self) -> None:
        lab = self.stage.lab
        states = self.stage.timeline.states()
        nodes = keep_lab.worth_a_look(self.stage.failures, [node.name for node in lab.nodes], states)
        try:
            self.stage.end_supervision()
        finally:
            self.stage.leave()
            logger.warn(
                f"a test failed, so lab {lab.name} stays up. Look into it, then take it down:\n"
                f"{keep_lab.how_to_look(lab.name, nodes)}"
            )

    def _stop_cluster(self) -> None:
        if not self.stage.has_lab:
            return
        try:
            result = self.stage.cluster.stop_cluster(wait=stretched(BUSY).total_seconds())
        except SageError as error:
            logger.warn(f"the cluster could not be stopped: {error}")
            return
        if not result.success:
            logger.warn(f"the cluster could not be stopped everywhere:\n{result.message}")


def _worker_count() -> int:
    return int(BuiltIn().get_variable_value("${WORKER COUNT}", WORKERS))
