"""What the page shows: the lab's nodes, its faults, the run and the events, as one value read from files and nodes."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import psutil

from sage_cluster.operations.journal import Journal
from sage_cluster.supervision.process import SupervisorProcess
from sage_lab.errors import LabError
from sage_lab.faults import Family, active, kind_of
from sage_lab.faults import events as fault_events
from sage_lab.lab import Lab
from SageLibrary.recording.events import read_events

RUN = "run.json"
"""Written by who runs suites on the lab: suite, test, step, number, total, passed, failed, states by node, ended; pid
and began (seconds since the epoch) of the process that runs them."""
GONE = "The lab was taken down. What stands below is the last that was seen of it."
LINK = {Family.PARTITION, Family.LINK}
LOOK_SECONDS = 2.0
MOST_EVENTS = 40


class Watcher:
    """Looks at the nodes every two seconds in a thread of its own; `snapshot` never waits for them."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._journal = Journal(lab.config_path)
        self._supervisor = SupervisorProcess(lab.config_path)
        self._nodes: list[dict[str, object]] = []
        self._problem = "the nodes were not looked at yet"
        self._last: dict[str, Any] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep_looking, name="watch", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._ended.set()
        self._thread.join()

    def snapshot(self) -> dict[str, Any]:
        """``lab``, ``nodes`` (see NodeHealth), ``problem``, ``supervisor`` by node, ``faults``, ``run``, ``events``.

        Of a lab that was taken down, what was seen last.
        """
        directory = self._lab.directory
        if self._last and not directory.exists():
            return {**self._last, "problem": GONE, "faults": [], "run": {**self._last["run"], "ended": True}}
        self._last = {
            "lab": self._lab.name,
            "nodes": self._nodes,
            "problem": self._problem,
            "supervisor": self._supervisor.states(),
            "faults": self._faults(),
            "run": _run(directory) or self._last.get("run", {}),
            "events": self._events(),
        }
        return self._last

    def _faults(self) -> list[dict[str, object]]:
        try:
            return [
                {
                    "kind": fault.kind.value,
                    "targets": list(fault.targets),
                    "on_link": kind_of(fault.kind).family in LINK,
                }
                for fault in active(self._lab)
            ]
        except LabError as error:
            return [{"kind": str(error), "targets": [], "on_link": False}]

    def _events(self) -> list[dict[str, Any]]:
        """The newest events of the managers' journal and of the faults, newest first: time, node, text."""
        found = [
            {"time": e.get("time", ""), "node": str(e.get("node", "")), "text": _told(e)}
            for e in self._journal.last(MOST_EVENTS)
        ]
        found += [
            {
                "time": e.details.get("time", ""),
                "node": ", ".join(e.details.get("targets", ())),
                "text": f"fault {e.details.get('kind', '')}: {e.name}",
            }
            for e in read_events(self._lab.directory / fault_events.FILE).events[-MOST_EVENTS:]
        ]
        return sorted(found, key=lambda event: str(event["time"]), reverse=True)[:MOST_EVENTS]

    def _keep_looking(self) -> None:
        while True:
            try:
                self._nodes, self._problem = [node.as_dict() for node in self._lab.status()], ""
            except (LabError, OSError) as error:
                self._problem = str(error)
            if self._ended.wait(LOOK_SECONDS):
                return


def _run(directory: Path) -> dict[str, Any]:
    """What runs; ``killed`` when it did not end and its process is no more."""
    run = _read(directory / RUN)
    return {**run, "killed": not run["ended"] and not _lives(run["pid"], run["began"])} if run else {}


def _lives(pid: int, began: float) -> bool:
    try:
        return abs(psutil.Process(pid).create_time() - began) < 1
    except psutil.NoSuchProcess:
        return False


def _told(event: dict[str, Any]) -> str:
    words = [str(event.get(key, "")) for key in ("event", "operation", "action", "state", "reason", "error")]
    return " ".join(word for word in words if word)


def _read(path: Path) -> dict[str, Any]:
    """A file of JSON; nothing when it is not there, or just being replaced."""
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return content
