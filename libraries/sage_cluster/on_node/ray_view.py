"""Ray's own answer to "which nodes are alive", asked on the head; and Ray's drain."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Collection
from typing import TYPE_CHECKING

from sage_cluster.on_node.environment import find_environment
from sage_cluster.on_node.errors import CannotError
from sage_cluster.on_node.http_get import http_get
from sage_cluster.on_node.processes import await_end
from sage_cluster.on_node.sessions import session_processes

if TYPE_CHECKING:
    from sage_cluster.on_node.protocol import (
        AwaitEndSpec,
        Dashboard,
        Drained,
        DrainSpec,
        Ended,
        HeadSpec,
        NodeSpec,
        RayRow,
        RayView,
        RayViewSpec,
    )

POLL_SECONDS = 0.1
NOT_RAY = (OSError, ValueError, KeyError, TypeError)
"""What asking over HTTP raises when something answers that is not Ray's dashboard, or nothing does."""
ANY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104 - nothing is bound here
STATE_API = "/api/v0/nodes?detail=1&limit=10000"
ASK_GCS = """
import json, sys
from ray._raylet import GcsClient
nodes = GcsClient(address=sys.argv[1]).get_all_node_info(timeout=float(sys.argv[2]))
print(json.dumps([
    {"node_id": node_id.hex(), "node_ip": info.node_manager_address, "state": "ALIVE" if info.state == 0 else "DEAD",
     "node_name": info.node_name, "state_message": info.death_info.reason_message}
    for node_id, info in nodes.items()]))
"""
DRAIN = """
import sys, time
from ray._raylet import GcsClient
from ray.core.generated import autoscaler_pb2
accepted, message = GcsClient(address=sys.argv[1]).drain_node(
    sys.argv[2], autoscaler_pb2.DrainNodeReason.Value("DRAIN_NODE_REASON_PREEMPTION"), "removed by sage-cluster",
    int((time.time() + float(sys.argv[3])) * 1000))
if not accepted:
    sys.exit(message or "the drain was rejected")
"""


class RayDoesNotAnswerError(CannotError):
    """Neither the dashboard's state API nor the GCS answered; the message carries both reasons."""


def ray_view(spec: RayViewSpec) -> RayView:
    """The nodes Ray knows; see `ask_ray`."""
    return {"nodes": ask_ray(spec, spec["address"], await_alive=spec["await_alive"], timeout=spec["timeout"])}


def ask_ray(spec: NodeSpec, address: str, *, await_alive: Collection[str] = (), timeout: float = 0.0) -> list[RayRow]:
    """Ask Ray on the head, whose own ``address`` is given, for the nodes it knows.

    With ``await_alive`` (node ids) it asks again until they all are ALIVE or ``timeout`` seconds have passed;
    the last answer is given either way. The public state API is asked first; it needs the dashboard. Without one
    Ray's GCS client is asked, which costs a Python start with Ray. Raises RayDoesNotAnswerError.
    """
    wanted = set(await_alive)
    deadline = time.monotonic() + timeout
    while True:
        nodes = _ask(spec, address)
        alive = {node["node_id"] for node in nodes if node["state"] == "ALIVE"}
        if wanted <= alive or time.monotonic() >= deadline:
            return nodes
        time.sleep(POLL_SECONDS)


def dashboard(spec: HeadSpec) -> Dashboard:
    """Ask the dashboard for its version over HTTP. Answers ``url``, ``ray_version`` and ``session``, or ``problem``."""
    return ask_dashboard(spec, spec["address"])


def ask_dashboard(spec: NodeSpec, address: str) -> Dashboard:
    """As `dashboard`, on the head whose own ``address`` is given."""
    host, port, patience = _dashboard_host(spec, address), spec["dashboard_port"], _patience(spec)
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    try:
        version = json.loads(http_get(host, port, "/api/version", patience))
        return {"url": url, "ray_version": version["ray_version"], "session": version["session_name"]}
    except NOT_RAY as error:
        return {"url": url, "problem": f"{type(error).__name__}: {error}"}


def _dashboard_host(spec: NodeSpec, address: str) -> str:
    """Where the dashboard listens, as it was told: on all addresses, the node's own among them, or on one only."""
    return address if spec["dashboard_host"] in ANY_ADDRESS else spec["dashboard_host"]


def drain(spec: DrainSpec) -> Drained:
    """Tell Ray to give the node ``node_id`` no more work, as `ray drain-node` does. Raises RayDoesNotAnswerError."""
    gcs = f"{spec['address']}:{spec['head_port']}"
    _ray_python(spec, spec["answer_timeout"], DRAIN, gcs, spec["node_id"], str(spec["timeout"]))
    return {"accepted": True}


def await_raylet_end(spec: AwaitEndSpec) -> Ended:
    """Wait up to ``timeout`` seconds for the raylet here to end by itself: a drained one does when its work is done."""
    deadline = time.monotonic() + spec["timeout"]
    raylets = [p for p in session_processes(spec["temp_dir"]) if p.role == "raylet"]
    return {"ended": await_end(raylets, deadline)}


def _ask(spec: NodeSpec, address: str) -> list[RayRow]:
    problem = "the dashboard is off"
    deadline = time.monotonic() + 2.5 * _patience(spec)  # what is left of the time for an answer carries it back
    if spec["dashboard"]:
        try:
            return _ask_state_api(spec, address)
        except NOT_RAY as error:
            problem = f"state API: {type(error).__name__}: {error}"
    try:
        seconds = deadline - time.monotonic()
        answer = _ray_python(spec, seconds, ASK_GCS, f"{address}:{spec['head_port']}", str(_patience(spec)))
        return list(json.loads(answer.splitlines()[-1]))
    except (RayDoesNotAnswerError, ValueError, IndexError) as error:
        raise RayDoesNotAnswerError(f"{problem}; GCS: {error}") from error


def _patience(spec: NodeSpec) -> float:
    """How long one try may take: asking over HTTP, then starting a Python with Ray and asking the GCS."""
    return spec["answer_timeout"] / 3


def _ask_state_api(spec: NodeSpec, address: str) -> list[RayRow]:
    answer = http_get(_dashboard_host(spec, address), spec["dashboard_port"], STATE_API, _patience(spec))
    rows = json.loads(answer)["data"]["result"]["result"]
    return [
        {
            "node_id": row["node_id"],
            "node_ip": row["node_ip"],
            "node_name": row["node_name"],
            "state": row["state"],
            "state_message": row["state_message"] or "",
        }
        for row in rows
    ]


def _ray_python(spec: NodeSpec, seconds: float, program: str, *arguments: str) -> str:
    environment = find_environment(spec["ray_command"], spec["python_path"], spec["conda_env"])
    try:
        done = subprocess.run(
            [environment.python, "-c", program, *arguments],
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise RayDoesNotAnswerError(f"no answer within {error.timeout:.0f} s") from error
    except OSError as error:
        raise RayDoesNotAnswerError(f"cannot run {environment.python}: {error.strerror}") from error
    if done.returncode:
        raise RayDoesNotAnswerError((done.stderr.strip().splitlines() or ["no reason given"])[-1])
    return done.stdout
