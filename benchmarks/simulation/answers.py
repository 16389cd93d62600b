"""What simulated nodes say: plausible answers to the commands of `sage_cluster.on_node.main`, without Ray."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

GCS_PORT = 6379
Spec = dict[str, Any]


class SimulatedCluster:
    """Which of the simulated nodes have a raylet; every node answers the managers by `answer`."""

    def __init__(self) -> None:
        self._session = ""
        self._gcs_address = ""
        self._raylets: dict[str, tuple[str, str]] = {}
        """The node id and the name of each raylet that runs, by the address of its node."""
        self._on_end: dict[str, set[Callable[[], None]]] = {}

    def answer(self, address: str, command: str, spec: Spec) -> Spec:
        """The answer of the node at this address. A command that no simulated node knows is a problem, as there."""
        commands: dict[str, Callable[[str, Spec], Spec]] = {
            "start": self._start,
            "start_head": self._start_head,
            "stop": self._stop,
            "kill_raylet": self._kill_raylet,
            "probe": self._probe,
            "ray_view": lambda _address, _spec: {"nodes": self._rows()},
            "dashboard": lambda _address, _spec: self._dashboard(),
        }
        if command not in commands:
            return {"problem": f"simulated nodes do not know '{command}'", "kind": "NotSimulated"}
        return commands[command](address, spec)

    def heartbeat(self, address: str, spec: Spec) -> Spec:
        """What the watch on a node answers to a ping, see `sage_cluster.on_node.watch`."""
        is_head = spec["role"] == "head"
        node_id, _ = self._raylets.get(address, ("", ""))
        running = [*(["dashboard", "gcs"] if is_head else []), "raylet"] if node_id else []
        return {
            "running": running,
            "stopped": [],
            "health": "ok" if node_id else "none",
            "node_id": node_id,
            "session": self._session if node_id else "",
            "nodes": self._rows() if is_head and node_id else None,
            "dashboard_wanted": is_head,
        }

    def watch(self, address: str, on_end: Callable[[], None]) -> Callable[[], None]:
        """Have ``on_end`` called when the raylet there is killed; returns what takes that back."""
        watches = self._on_end.setdefault(address, set())
        watches.add(on_end)
        return lambda: watches.discard(on_end)

    def _start_head(self, address: str, spec: Spec) -> Spec:
        self._gcs_address = f"{address}:{spec['head_port']}"
        started = self._start(address, spec)
        return {**started, "nodes": self._rows(), "dashboard": self._dashboard() if spec["dashboard"] else None}

    def _start(self, address: str, spec: Spec) -> Spec:
        runs = address in self._raylets
        if not runs:
            if spec["role"] == "head":
                self._session = f"session_{uuid4().hex}"
            self._raylets[address] = ((uuid4().hex + uuid4().hex)[:56], spec["name"])
        return {"already_running": runs, "cleared": [], "command": [], **self._identity(address)}

    def _stop(self, address: str, _: Spec) -> Spec:
        known = self._raylets.pop(address, None)
        return {"stopped": ["raylet 1"] if known else [], "killed": [], "remaining": []}

    def _kill_raylet(self, address: str, _: Spec) -> Spec:
        known = self._raylets.pop(address, None)
        for on_end in list(self._on_end.get(address, ())):
            on_end()
        return {"pid": 1 if known else None}

    def _probe(self, address: str, spec: Spec) -> Spec:
        is_head = spec["role"] == "head"
        runs = address in self._raylets
        roles = [*(["gcs", "dashboard"] if is_head else []), "raylet", "log_monitor"] if runs else []
        return {
            **({"nodes": self._rows()} if is_head and runs else {}),
            "versions": {"ray": "2.60.0", "python": "3.11.7"},
            "hostname": spec["name"],
            "processes": [{"role": role, "pid": pid, "start": 1, "state": "S"} for pid, role in enumerate(roles, 1)],
            "raylet": {**self._identity(address), "pid": 1, "state": "S"} if runs else None,
            "gcs_running": is_head and runs,
            "health": "ok" if runs else "none",
            "ports": [GCS_PORT] if is_head and runs else [],
            "sessions": [self._session] if runs else [],
            "load": 0.1,
            "free_bytes": 10_000_000_000,
        }

    def _identity(self, address: str) -> Spec:
        return {
            "node_id": self._raylets[address][0],
            "session": self._session,
            "address": address,
            "gcs_address": self._gcs_address,
            "raylet_pid": 1,
        }

    def _rows(self) -> list[Spec]:
        return [
            {"node_id": node_id, "node_ip": address, "node_name": name, "state": "ALIVE", "state_message": ""}
            for address, (node_id, name) in self._raylets.items()
        ]

    def _dashboard(self) -> Spec:
        return {"url": "http://simulated", "ray_version": "2.60.0", "session": self._session}
