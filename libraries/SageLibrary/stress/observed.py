"""What a cluster is, seen from three sides: the managers' status, Ray's own view, and the nodes' process tables."""

from __future__ import annotations

import json
import urllib.request
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from sage_cluster import ClusterManager, NodeState
from sage_lab import Lab
from sage_lab.faults import cluster_processes
from SageLibrary.stress.model import ClusterModel

INTERVAL = "monitor.refresh_interval"
HEAD = "head"
ASK_SECONDS = 10.0
SERVERS = ("gcs_server", "raylet")


@dataclass(frozen=True)
class Observed:
    """One look at everything.

    ``configured`` and ``interval`` as the file has them, ``states`` as the status has them, by name; ``alive`` the
    names that Ray itself calls ALIVE, none when there is no Ray; ``processes`` the programs of the cluster's user on
    each node and how often each runs.
    """

    configured: tuple[str, ...]
    interval: int
    states: Mapping[str, NodeState]
    strangers: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    alive: frozenset[str] = frozenset()
    processes: Mapping[str, Counter[str]] = field(default_factory=dict)


def observe(lab: Lab, cluster: ClusterManager, pool: Sequence[str], head_runs: bool) -> Observed:
    """Look now. ``head_runs`` says whether there should be a Ray to ask. Raises SageError, LabError, OSError."""
    status = cluster.status_cluster()
    nodes = [HEAD, *pool]
    with ThreadPoolExecutor(max_workers=len(nodes)) as threads:
        tables = list(threads.map(lambda node: cluster_processes(lab, node), nodes))
    return Observed(
        configured=tuple(host for host, _ in cluster.config.get_workers_ssh_hosts()),
        interval=int(cluster.config.get(INTERVAL)),
        states={node.name: node.state for node in status.nodes},
        strangers=status.strangers,
        warnings=status.warnings,
        alive=_alive(lab, cluster) if head_runs else frozenset(),
        processes={node: Counter(program for _, program in table) for node, table in zip(nodes, tables, strict=True)},
    )


def differences(model: ClusterModel, seen: Observed, now: float) -> list[str]:
    """A line for each thing that is not as the model says; none when all is. ``now`` is on the model's clock."""
    return [
        *_configuration(model, seen),
        *_status(model, seen, now),
        *_ray(model, seen, now),
        *_processes(model, seen),
    ]


def _configuration(model: ClusterModel, seen: Observed) -> list[str]:
    lines = []
    if list(seen.configured) != model.configured:
        lines.append(f"the configured workers were {list(seen.configured)}, should be {model.configured}")
    if seen.interval != model.interval:
        lines.append(f"{INTERVAL} was {seen.interval}, should be {model.interval}")
    return lines


def _status(model: ClusterModel, seen: Observed, now: float) -> list[str]:
    lines = [f"the status warns: {warning}" for warning in seen.warnings]
    for node in (HEAD, *model.configured):
        right = _states(model, node)
        state = seen.states.get(node)
        if state not in right:
            lines.append(f"the status called {node} {state}, should be {' or '.join(right)}")
    unknown = set(seen.strangers) - _ghosts(model, now)
    if unknown:
        lines.append(f"the status named strangers {sorted(unknown)}, should name none")
    return lines


def _states(model: ClusterModel, node: str) -> tuple[NodeState, ...]:
    if node in model.failed:  # what is left of it ends by itself, or does not
        return (NodeState.INCOMPLETE, NodeState.STOPPED)
    return (NodeState.RUNNING if _runs(model, node) else NodeState.STOPPED,)


def _ray(model: ClusterModel, seen: Observed, now: float) -> list[str]:
    right = {HEAD, *model.running} if model.head else set()
    lines = []
    if missing := right - seen.alive:
        lines.append(f"Ray did not call {sorted(missing)} ALIVE, should do so")
    if wrong := seen.alive - right - _ghosts(model, now):
        lines.append(f"Ray called {sorted(wrong)} ALIVE, should not do so")
    return lines


def _processes(model: ClusterModel, seen: Observed) -> list[str]:
    lines = []
    for node, programs in seen.processes.items():
        servers = {program: programs[program] for program in SERVERS if programs[program]}
        right = dict.fromkeys(SERVERS if node == HEAD else SERVERS[1:], 1) if _runs(model, node) else {}
        if servers != right:
            lines.append(f"Ray's servers on {node} were {servers}, should be {right}")
        if not right and node not in model.failed and programs:
            lines.append(f"the processes left on {node} were {dict(programs)}, should be none")
    return lines


def _runs(model: ClusterModel, node: str) -> bool:
    return model.head if node == HEAD else node in model.running


def _ghosts(model: ClusterModel, now: float) -> set[str]:
    return {worker for worker, until in model.ghosts.items() if now < until}


def _alive(lab: Lab, cluster: ClusterManager) -> frozenset[str]:
    """Whom Ray's public state API calls ALIVE, asked over the lab's own path."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    address = f"{lab.node(HEAD).control_address}:{cluster.config.get('head.dashboard_port')}"
    with opener.open(f"http://{address}/api/v0/nodes?detail=1&limit=10000", timeout=ASK_SECONDS) as answer:
        rows = json.load(answer)["data"]["result"]["result"]
    names = {node.cluster_address: node.name for node in lab.nodes}
    return frozenset(names.get(row["node_ip"], row["node_ip"]) for row in rows if row["state"] == "ALIVE")
