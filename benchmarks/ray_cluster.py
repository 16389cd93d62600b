"""Ray on the lab's nodes as seen from outside of the managers: who is alive, and is a node really clean."""

from __future__ import annotations

import json
import time
import urllib.request
from typing import Any

from benchmarks.errors import BenchmarkError
from sage_cluster.config.schema import Config
from sage_lab import Lab

ALIVE_SECONDS = 30.0
POLL_SECONDS = 0.1
ASK_SECONDS = 5.0
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def alive_nodes(lab: Lab, config: Config) -> list[dict[str, Any]]:
    """The rows of Ray's public state API for the nodes that are ALIVE. Raises OSError, ValueError, KeyError."""
    address = f"{lab.node('head').cluster_address}:{config.head.dashboard_port}"
    with DIRECT.open(f"http://{address}/api/v0/nodes?detail=1&limit=1000", timeout=ASK_SECONDS) as answer:
        rows = json.load(answer)["data"]["result"]["result"]
    return [row for row in rows if row["state"] == "ALIVE"]


def await_alive(lab: Lab, config: Config, seconds: float = ALIVE_SECONDS) -> list[dict[str, Any]]:
    """Ask until Ray calls every node of the lab ALIVE, by name, and nothing else. BenchmarkError after ``seconds``."""
    wanted = sorted(node.name for node in lab.nodes)
    deadline = time.monotonic() + seconds
    while True:
        seen: object
        try:
            rows = alive_nodes(lab, config)
            seen = sorted(row["node_name"] for row in rows)
            if seen == wanted:
                return rows
        except (OSError, ValueError, KeyError) as error:
            seen = error
        if time.monotonic() >= deadline:
            raise BenchmarkError(
                f"Ray does not call all nodes ALIVE after {seconds:g} s; seen last: {seen}",
                where=lab.name,
                fix="look into raylet.out on the node that is missing",
            )
        time.sleep(POLL_SECONDS)


def last_registration(rows: list[dict[str, Any]]) -> float:
    """When Ray registered the last of the nodes, in seconds since the epoch: the nodes share this machine's clock."""
    return float(max(row["start_time_ms"] for row in rows)) / 1000


def need_clean(lab: Lab, config: Config) -> None:
    """Raise BenchmarkError unless no node has a Ray process or a session directory left."""
    directory = f"{config.head.temp_dir}/session_"
    for node in lab.nodes:
        processes = lab.run(node.name, ["ps", "-eo", "pid,args"]).stdout.splitlines()
        left = [line.strip()[:120] for line in processes if directory in line or "ray::" in line]
        left += lab.run(
            node.name, ["find", config.head.temp_dir, "-maxdepth", "1", "-name", "session_2*"]
        ).stdout.split()
        if left:
            raise BenchmarkError(f"left after the stop: {left}", where=node.name, fix="stop it before the next run")
