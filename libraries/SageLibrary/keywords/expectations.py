"""Keywords for what should be true: of the last operation, and of the cluster now or within a time."""

from __future__ import annotations

import json
from datetime import timedelta

from robot.api import SkipExecution, logger
from robot.api.deco import keyword

from sage_cluster import ClusterStatus, NodeState
from SageLibrary.arguments.node_name import NodeName
from SageLibrary.keywords.component import Component
from SageLibrary.waiting import stays, stretched, wait_until

NOW = timedelta(seconds=0)


class ExpectationKeywords(Component):
    """Expectations. Status is always asked anew."""

    @keyword
    def the_operation_should_succeed(self, within: timedelta | None = None) -> None:
        """The last operation succeeded on every node, and took no longer than ``within``."""
        result = self.last_result()
        if not result.success:
            raise AssertionError(f"'{result.operation}' failed:\n{result.message}")
        if within is not None and result.elapsed > (most := stretched(within).total_seconds()):
            raise AssertionError(f"'{result.operation}' took {result.elapsed:.1f} s, should be {most:g} s or less")

    @keyword
    def the_operation_should_fail(self, *parts: str) -> None:
        """The last operation failed, and its message contains each of the ``parts``."""
        result = self.last_result()
        if result.success:
            raise AssertionError(f"'{result.operation}' succeeded, should have failed")
        missing = [part for part in parts if part not in result.message]
        if missing:
            raise AssertionError(f"the failure said '{result.message}', should contain {missing}")

    @keyword
    def the_operation_should_fail_only_on(self, node: NodeName) -> None:
        """The last operation failed on this node, names it, and succeeded on all others."""
        failed = [result.name for result in self.last_result().failed]
        if failed != [node]:
            raise AssertionError(f"the nodes that failed were {failed}, should be {[node]}")

    @keyword
    def nothing_should_have_been_started(self) -> None:
        """The last operation succeeded because everything ran already."""
        started = [n.name for n in self.last_result().nodes if not n.details.get("already_running")]
        if started:
            raise AssertionError(f"the nodes that were started were {started}, should be none")

    @keyword
    def node_should_be(self, node: NodeName, state: NodeState, within: timedelta = NOW) -> None:
        """A node is in this state now, or becomes so in time.

        ``state``: running, stopped, unreachable, cut off, unregistered, hung or incomplete.

        | Node Should Be | worker-1 | running | within=1 minute |
        """
        wait_until(
            f"the state of {node}",
            lambda: self._state_of(node),
            lambda seen: seen == state.value,
            within,
            state.value,
        )

    @keyword
    def node_should_stay(self, node: NodeName, state: NodeState, lasting: timedelta) -> None:
        """A node is in this state now and for as long as this."""
        stays(
            f"the state of {node}", lambda: self._state_of(node), lambda seen: seen == state.value, lasting, state.value
        )

    @keyword
    def every_node_should_be(self, state: NodeState, within: timedelta = NOW) -> None:
        """The head and every configured worker are in this state now, or become so in time."""

        def states() -> dict[str, str]:
            return {node.name: node.state.value for node in self._status().nodes}

        wait_until(
            "the state of every node",
            states,
            lambda seen: set(seen.values()) == {state.value},
            within,
            state.value,
        )

    @keyword
    def the_active_workers_should_be(self, *names: NodeName) -> None:
        """The workers that run are these, in the order of the configuration."""
        active = self._status().active_workers
        if active != list(names):
            raise AssertionError(f"the active workers were {active}, should be {list(names)}")

    @keyword
    def the_session(self) -> str:
        """The name of the head's Ray session; empty when it does not run."""
        return self._status().head.session

    @keyword
    def the_dashboard_should_answer(self) -> str:
        """The dashboard answers over HTTP with the head's own session. Returns its address.

        The test is skipped when the lab's configuration turns the dashboard off, as under software emulation.
        """
        if self.stage.cluster.config.get("head.dashboard") is False:
            raise SkipExecution("head.dashboard is false: under software emulation Ray's dashboard does not come up")
        answer = self.stage.cluster.head.dashboard()
        session = self.the_session()
        if answer["session"] != session:
            raise AssertionError(f"the dashboard's session was '{answer['session']}', should be '{session}'")
        logger.info(f"dashboard at {answer['url']}, Ray {answer['ray_version']}")
        return str(answer["url"])

    def _state_of(self, node: str) -> str:
        return self._status().node(node).state.value

    def _status(self) -> ClusterStatus:
        status = self.stage.cluster.status_cluster()
        for node in status.nodes:
            self.stage.timeline.record(node.name, node.state.value)
        logger.debug(json.dumps(status.to_dict(), indent=2))
        return status
