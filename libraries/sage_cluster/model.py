"""What the managers answer: values that can be compared, printed and written as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class NodeState(StrEnum):
    """What a node is, from Ray's own view and the node's own view together."""

    RUNNING = "running"  # its raylet runs and Ray calls it ALIVE
    STOPPED = "stopped"  # it answers and has no process of this cluster
    UNREACHABLE = "unreachable"  # it does not answer, and Ray does not count on it
    CUT_OFF = "cut_off"  # it does not answer, though Ray calls it ALIVE
    UNREGISTERED = "unregistered"  # its raylet runs, but Ray does not call it ALIVE
    HUNG = "hung"  # its raylet exists but does not answer
    INCOMPLETE = "incomplete"  # processes of the cluster are left, but no raylet, or no GCS on the head


@dataclass(frozen=True)
class NodeStatus:
    """One node. ``name`` is the name as configured; ``ports`` are those its Ray processes listen on."""

    name: str
    host: str
    port: int
    role: str
    state: NodeState
    ray_state: str = ""
    node_id: str = ""
    session: str = ""
    address: str = ""
    health: str = ""
    processes: tuple[dict[str, Any], ...] = ()
    ports: tuple[int, ...] = ()
    load: float | None = None
    free_bytes: int | None = None
    problem: str = ""


@dataclass(frozen=True)
class Incident:
    """One trouble of one node. Times of the wall clock as in the journal, empty for what has not happened.

    ``decided`` and ``action`` are those of the first repair, ``repaired`` is when the last one ended well, ``over``
    when the node ran again, with a repair or without, or was watched no more; ``seconds`` from noticed to repaired, or
    else to running.
    """

    reason: str
    noticed: str
    decided: str = ""
    action: str = ""
    repaired: str = ""
    quarantined: str = ""
    over: str = ""
    seconds: float | None = None


@dataclass(frozen=True)
class ClusterStatus:
    """The whole cluster in one pass; ``elapsed`` in seconds.

    ``strangers`` are the names or addresses of nodes that Ray calls ALIVE and the configuration does not know.
    ``supervisor`` has what the supervisor thinks of each node (``state``, ``reason``, and ``tried``, the repairs since
    it ran well); empty without one. ``troubles`` has the last trouble of each node that had one. ``warnings`` say what
    a person should know though no node shows it: a torn operation, a supervisor that is missing.
    ``problem`` says why Ray itself could not be asked, when it could not.
    """

    head: NodeStatus
    workers: tuple[NodeStatus, ...]
    strangers: tuple[str, ...] = ()
    problem: str = ""
    elapsed: float = 0.0
    supervisor: dict[str, dict[str, Any]] = field(default_factory=dict)
    troubles: dict[str, Incident] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def head_running(self) -> bool:
        """Whether the head runs and Ray calls it ALIVE."""
        return self.head.state is NodeState.RUNNING

    @property
    def active_workers(self) -> list[str]:
        """The workers that run and that Ray calls ALIVE, by their configured names."""
        return [worker.name for worker in self.workers if worker.state is NodeState.RUNNING]

    @property
    def nodes(self) -> tuple[NodeStatus, ...]:
        """The head, then the workers in the order of the configuration."""
        return (self.head, *self.workers)

    @property
    def healthy(self) -> bool:
        """Whether every configured node runs."""
        return all(node.state is NodeState.RUNNING for node in self.nodes)

    def node(self, name: str) -> NodeStatus:
        """The node of that name. Raises KeyError, naming those there are."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise KeyError(f"no node '{name}' in this cluster; there are {', '.join(n.name for n in self.nodes)}")

    def to_dict(self) -> dict[str, Any]:
        """As plain values, with ``head_running`` and ``active_workers``."""
        return {
            "head_running": self.head_running,
            "active_workers": self.active_workers,
            **asdict(self),
        }


@dataclass(frozen=True)
class NodeResult:
    """What an operation did to one node. ``phase`` is how far it came; ``elapsed`` in seconds."""

    name: str
    success: bool
    phase: str
    elapsed: float = 0.0
    error: str = ""
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class OperationResult:
    """What an operation did: it succeeded when it did on every node. ``elapsed`` in seconds."""

    operation: str
    nodes: tuple[NodeResult, ...] = ()
    elapsed: float = 0.0
    error: str = ""

    @property
    def success(self) -> bool:
        """Whether nothing failed anywhere."""
        return not self.error and all(node.success for node in self.nodes)

    @property
    def failed(self) -> tuple[NodeResult, ...]:
        """The nodes on which it failed."""
        return tuple(node for node in self.nodes if not node.success)

    @property
    def message(self) -> str:
        """What failed, a line or more each; empty when nothing did. A node's error names the node itself."""
        errors = [self.error, *(node.error for node in self.failed)]
        return "\n".join(error for error in errors if error)

    def to_dict(self) -> dict[str, Any]:
        """As plain values, with ``success``."""
        return {"success": self.success, **asdict(self)}
