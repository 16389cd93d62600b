"""The node's side of the supervisor: says at once when a process of Ray's ends, and answers each ping with a heartbeat.

A process's end is an event (pidfd, see pidfd_open(2)), not a poll. The answer to a ping proves both directions of the
network; one that merely kept coming would not notice a cut towards the node. When no ping comes any more, the
controller is gone or cut off: the watch ends, which the network would not tell it for hours.
"""

from __future__ import annotations

import errno
import json
import os
import select
import subprocess
import threading
import time
from typing import TYPE_CHECKING

from sage_cluster.on_node.environment import EnvironmentNotFoundError
from sage_cluster.on_node.main import say
from sage_cluster.on_node.probe import raylet_health
from sage_cluster.on_node.processes import is_alive, read_process
from sage_cluster.on_node.ray_view import RayDoesNotAnswerError, ask_ray
from sage_cluster.on_node.sessions import Process, session_processes

if TYPE_CHECKING:
    from sage_cluster.on_node.protocol import Heartbeat, RayRow, WatchMessage, WatchSpec

WATCHED = ("raylet", "gcs", "dashboard")
LOOK_SECONDS = 0.5
ASK_SECONDS = 1.0
STDIN = 0
# What pidfd_open says of a number that is nobody's, or that of a thread: ENOENT, before Linux 6.9 EINVAL.
NO_PROCESS = {errno.ESRCH, errno.ENOENT, errno.EINVAL}


class Watch:
    """Watches the processes of one temporary directory until standard input closes, or is silent for too long."""

    def __init__(self, spec: WatchSpec) -> None:
        self._spec = spec
        self._poll = select.poll()
        self._known: dict[int, Process] = {}
        self._health = "none"
        self._nodes: list[RayRow] | None = None
        self._last_dashboard: Process | None = None

    def run(self) -> None:
        """Watch; ends when the controller is gone."""
        self._poll.register(STDIN, select.POLLIN)
        self._look()
        threading.Thread(target=self._keep_asking, daemon=True).start()
        self._say({"heartbeat": self._state()})
        looked = pinged = time.monotonic()
        while time.monotonic() - pinged < self._spec["silence"]:
            for descriptor, _ in self._poll.poll(LOOK_SECONDS * 1000):
                if descriptor == STDIN:
                    pings = os.read(STDIN, 4096)
                    if not pings:
                        return
                    pinged = time.monotonic()
                    if b"respawn dashboard\n" in pings:
                        self._respawn_dashboard()
                    self._say({"heartbeat": self._state()})
                else:
                    self._ended(descriptor)
            if time.monotonic() - looked >= LOOK_SECONDS:
                self._look()
                looked = time.monotonic()

    def _look(self) -> None:
        """Find watched processes that are new. The whole process table is read only while one is missing."""
        if self._complete():
            return
        pids = {process.pid for process in self._known.values()}
        for process in session_processes(self._spec["temp_dir"]):
            if process.role in WATCHED and process.pid not in pids:
                try:
                    descriptor = os.pidfd_open(process.pid)
                except OSError as error:
                    if error.errno not in NO_PROCESS:
                        raise
                    continue
                if not is_alive(process):
                    os.close(descriptor)
                    continue
                self._known[descriptor] = process
                self._poll.register(descriptor, select.POLLIN)

    def _complete(self) -> bool:
        wanted = {"raylet"}
        if self._spec["role"] == "head":
            wanted |= {"gcs", "dashboard"} if self._spec["dashboard"] else {"gcs"}
        return wanted <= {process.role for process in self._known.values()}

    def _ended(self, descriptor: int) -> None:
        process = self._known.pop(descriptor)
        self._poll.unregister(descriptor)
        os.close(descriptor)
        if process.role == "dashboard":
            self._last_dashboard = process
        self._say({"ended": process.role, "pid": process.pid})

    def _respawn_dashboard(self) -> None:
        """Run the dashboard again as Ray ran it: same command, same environment, its output where Ray sent it."""
        if self._last_dashboard:
            environ = dict(word.split("=", 1) for word in self._last_dashboard.environ if "=" in word)
            subprocess.Popen(
                self._last_dashboard.words,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            self._last_dashboard = None

    def _state(self) -> Heartbeat:
        raylet = next((p for p in self._known.values() if p.role == "raylet"), None)
        stopped = [p.role for p in self._known.values() if (now := read_process(p.pid)) and now.state == "T"]
        return {
            "running": sorted(process.role for process in self._known.values()),
            "stopped": stopped,
            "health": self._health,
            "node_id": raylet.node_id if raylet else "",
            "session": raylet.session if raylet else "",
            "nodes": self._nodes,
            "dashboard_wanted": self._spec["role"] == "head" and self._spec["dashboard"],
        }

    def _keep_asking(self) -> None:
        """Ask the raylet for its health, and on the head Ray for its nodes; a hung one holds up no heartbeat."""
        while True:
            known = list(self._known.values())
            raylet = next((p for p in known if p.role == "raylet"), None)
            self._health = raylet_health(self._spec["temp_dir"], raylet)
            gcs = next((p for p in known if p.role == "gcs"), None)
            if gcs and self._spec["dashboard"]:
                try:
                    self._nodes = ask_ray(self._spec, gcs.address)
                except (RayDoesNotAnswerError, EnvironmentNotFoundError):
                    self._nodes = None
            else:
                self._nodes = None
            time.sleep(ASK_SECONDS)

    def _say(self, message: WatchMessage) -> None:
        say(json.dumps(message), self._spec["message_frame"])


def watch(spec: WatchSpec) -> None:
    """Run a `Watch` to its end."""
    Watch(spec).run()
