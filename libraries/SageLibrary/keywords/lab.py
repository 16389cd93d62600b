"""Words for the machines: bring them up, cut their cables and their power, take them down."""

from __future__ import annotations

import os
from datetime import timedelta

from robot.api import logger
from robot.api.deco import keyword

from sage_cluster import SageError
from sage_lab import Ability, Lab, Topology
from SageLibrary.keywords.component import Component
from SageLibrary.stage import Stage
from SageLibrary.waiting import stretched

SPARES = "new-worker"
BUSY = timedelta(minutes=1)
"""How long another operation may go on before the lab goes."""


class LabKeywords(Component):
    """The lab."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self._users = 0

    @keyword
    def bring_the_lab_up(self, workers: int = 2) -> None:
        """Bring up a head, so many workers and the spare ``new-worker``, unless they are up already.

        The environment variable SAGE_LAB_PROVIDER names another kind of machine than containers, and
        SAGE_LAB_INVENTORY, for ``static``, the file of machines that exist. SAGE_LAB_SPARES, if set, names other
        spares, with commas between; nothing in it means none.

        Suites may nest: the lab goes when the outermost one calls `Leave The Lab`.
        """
        self._users += 1
        self.stage.timeline.clear()
        if not self.stage.has_lab:
            spares = [name for name in os.environ.get("SAGE_LAB_SPARES", SPARES).split(",") if name]
            lab = Lab.up(
                Topology.of(workers=workers, spares=spares),
                report=logger.info,
                provider=os.environ.get("SAGE_LAB_PROVIDER", "container"),
                inventory=os.environ.get("SAGE_LAB_INVENTORY"),
            )
            self.stage.use(lab)
        self.stage.reset_configuration()
        lab = self.stage.lab
        logger.info(f"lab {lab.name}: {', '.join(node.name for node in lab.nodes)}; files in {lab.directory}")

    @keyword
    def leave_the_lab(self) -> None:
        """Stop the cluster and, when no outer suite uses it and KEEP_LAB is not set, take the lab down."""
        self._users -= 1
        try:
            self._stop_cluster()
        finally:
            if self._users <= 0 and self.stage.has_lab:
                lab = self.stage.lab
                self.stage.leave()
                if os.environ.get("KEEP_LAB"):
                    logger.warn(f"KEEP_LAB is set: lab {lab.name} stays up; take it down with 'sage-lab down'")
                else:
                    lab.down()

    @keyword
    def show_the_timeline(self) -> None:
        """Draw the states of all nodes since the suite began into the log."""
        picture = self.stage.timeline.svg()
        logger.info(picture or "no node was seen in any state", html=bool(picture))

    @keyword
    def unplug(self, node: str) -> None:
        """Pull a node's cluster cable. The lab's own control link stays."""
        self.need(Ability.UNPLUG)
        self.stage.lab.unplug(node)

    @keyword
    def plug_in(self, node: str) -> None:
        """Plug a node's cluster cable in again."""
        self.need(Ability.UNPLUG)
        self.stage.lab.plug(node)

    @keyword
    def cut_the_power(self, node: str) -> None:
        """Cut a node's power: everything on it ends at once, its disk stays."""
        self.need(Ability.POWER)
        self.stage.lab.power_off(node)

    @keyword
    def restore_the_power(self, node: str) -> None:
        """Switch a node on again."""
        self.need(Ability.POWER)
        self.stage.lab.power_on(node)

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
