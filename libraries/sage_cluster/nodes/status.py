"""What a node is: its own view and Ray's view of it, put together."""

from __future__ import annotations

from collections.abc import Sequence

from sage_cluster.config.schema import Config
from sage_cluster.errors import SageError
from sage_cluster.model import NodeState, NodeStatus
from sage_cluster.nodes.agent import RayNodes
from sage_cluster.nodes.spec import RayNode, head_node, worker_nodes
from sage_cluster.on_node.protocol import Probe, RayRow
from sage_cluster.ssh.pool import fan_out


def probe_or_error(nodes: RayNodes, node: RayNode) -> Probe | SageError:
    """What the node says of itself, or why it does not answer."""
    try:
        return nodes.probe(node)
    except SageError as error:
        return error


def ask_all(nodes: RayNodes, config: Config) -> tuple[NodeStatus, tuple[NodeStatus, ...], list[RayRow]]:
    """Ask every node at once: the head's status, the workers' in the order of the file, and Ray's rows."""
    head, workers = head_node(config), worker_nodes(config)
    answers = fan_out([head, *workers], lambda node: probe_or_error(nodes, node), config.ssh.max_connections)
    view = answers[0][1]
    rows = [] if isinstance(view, SageError) else view.get("nodes", [])
    known = RayRows(rows)
    return head_status(head, view), tuple(node_status(node, probe, known) for node, probe in answers[1:]), rows


class RayRows:
    """Ray's rows, found at once by node id, or by name those that are ALIVE: the first of each."""

    def __init__(self, rows: Sequence[RayRow]) -> None:
        self.by_id = {row["node_id"]: row for row in reversed(rows)}
        self.alive_by_name = {row["node_name"]: row for row in reversed(rows) if row["state"] == "ALIVE"}


def head_status(head: RayNode, probe: Probe | SageError) -> NodeStatus:
    """The head's status; its probe carries Ray's view too."""
    rows = [] if isinstance(probe, SageError) else probe.get("nodes", [])
    return node_status(head, probe, RayRows(rows))


def node_status(node: RayNode, probe: Probe | SageError, rows: RayRows) -> NodeStatus:
    """One node's status from its probe and Ray's rows. Ray's dead entries are kept apart by node id."""
    if isinstance(probe, SageError):
        row = rows.alive_by_name.get(node.name)
        return NodeStatus(
            name=node.name,
            host=node.target.host,
            port=node.target.port,
            role=node.role,
            state=NodeState.CUT_OFF if row else NodeState.UNREACHABLE,
            ray_state=row["state"] if row else "",
            node_id=row["node_id"] if row else "",
            address=row["node_ip"] if row else "",
            problem=str(probe),
        )
    raylet = probe["raylet"]
    row = rows.by_id.get(raylet["node_id"]) if raylet else None
    ray_state = row["state"] if row else ""
    return NodeStatus(
        name=node.name,
        host=node.target.host,
        port=node.target.port,
        role=node.role,
        state=_state(node.role, probe, ray_state),
        ray_state=ray_state,
        node_id=raylet["node_id"] if raylet else "",
        session=raylet["session"] if raylet else "",
        address=raylet["address"] if raylet else "",
        health=probe["health"],
        processes=tuple({**process} for process in probe["processes"]),
        ports=tuple(probe["ports"]),
        load=probe["load"],
        free_bytes=probe["free_bytes"],
        problem=probe.get("ray_problem", ""),
    )


def strangers(rows: Sequence[RayRow], statuses: Sequence[NodeStatus]) -> tuple[str, ...]:
    """The nodes that Ray calls ALIVE and that are none of the given ones.

    An entry with a configured name but an unknown node id is that node's dead raylet, which Ray has not noticed yet.
    """
    ids = {status.node_id for status in statuses}
    names = {status.name for status in statuses}
    return tuple(
        row["node_name"] or row["node_ip"]
        for row in rows
        if row["state"] == "ALIVE" and row["node_id"] not in ids and row["node_name"] not in names
    )


def _state(role: str, probe: Probe, ray_state: str) -> NodeState:
    if not probe["processes"]:
        return NodeState.STOPPED
    if not probe["raylet"] or (role == "head" and not probe["gcs_running"]):
        return NodeState.INCOMPLETE
    if probe["health"] == "hung":
        return NodeState.HUNG
    return NodeState.RUNNING if ray_state == "ALIVE" else NodeState.UNREGISTERED
