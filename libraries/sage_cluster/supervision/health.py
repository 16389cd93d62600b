"""What the supervisor thinks of a node: the node's heartbeats, its silence and Ray's view, fused into one state."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sage_cluster.config.schema import RecoveryConfig
from sage_cluster.on_node.protocol import Heartbeat

BUSY_FACTOR = 5
REJOIN_SECONDS = 30.0  # how long a kept worker may take to come back to Ray's view after its head
STEADY_SECONDS = 2.0  # how long Ray's view must contradict the node's own before it is believed


class Health(StrEnum):
    """The state of a supervised node."""

    RUNNING = "running"
    SUSPECT = "suspect"  # something is wrong, but it may pass, or is only to be reported
    LOST = "lost"  # it does not work; it is repaired, or waited for while it cannot be reached
    RECOVERING = "recovering"  # a repair is under way
    QUARANTINED = "quarantined"  # repairs did not help: a person has to look


class Repair(StrEnum):
    """What would help."""

    NONE = ""
    START = "start"  # its raylet is gone
    FENCE = "fence"  # end what runs, then start
    DASHBOARD = "dashboard"  # run the dashboard again


@dataclass
class NodeRecord:
    """What is known of one node. Times are on the monotonic clock, in seconds."""

    name: str
    role: str
    known_since: float
    heartbeat: Heartbeat | None = None
    heartbeat_at: float = 0.0
    contact_error: str = ""
    sshd_refuses: bool = False
    watch_error: str = ""  # that nobody foresaw, until it is told
    state: Health | None = None
    reason: str = ""
    unwell_since: float | None = None
    running_since: float | None = None
    attempts: int = 0
    next_attempt: float = 0.0
    rejoin_by: float = 0.0  # until then a kept worker may be missing in Ray's view: its head was away
    tried: list[str] = field(default_factory=list)
    respawns: int = 0  # of its dashboard
    next_respawn: float = 0.0

    def is_new(self, now: float, settings: RecoveryConfig) -> bool:
        """Whether nothing can be said of it yet: it was never heard, and is not late."""
        return self.state is None and self.heartbeat is None and now - self.known_since <= settings.suspect_after

    def forget_heard(self, now: float) -> None:
        """Its raylet was replaced: what was heard before, and for how long it was in trouble, is about another one."""
        self.known_since, self.heartbeat, self.unwell_since = now, None, None

    def reset(self, now: float) -> None:
        """An operator started it: what was tried before no longer counts, nor a heartbeat in which it was down.

        One in which it ran is kept, or the end of a process would not be noticed until the next.
        """
        self.attempts, self.respawns, self.next_attempt, self.tried = 0, 0, 0.0, []
        last, needed = self.heartbeat, {"raylet", "gcs"} if self.role == "head" else {"raylet"}
        self.forget_heard(now)
        if last and needed <= set(last["running"]):
            self.heartbeat = last

    def update(self, heard: dict[str, Any], now: float) -> None:
        """Keep what the node's watcher heard."""
        if "heartbeat" in heard:
            self.heartbeat, self.heartbeat_at, self.contact_error = heard["heartbeat"], now, ""
        if "ended" in heard and self.heartbeat:
            running = [role for role in self.heartbeat["running"] if role != heard["ended"]]
            self.heartbeat = {**self.heartbeat, "running": running}
        self.contact_error = heard.get("contact_error", self.contact_error)
        self.sshd_refuses = heard.get("sshd_refuses", self.sshd_refuses)
        self.watch_error = heard.get("watch_error", self.watch_error)


@dataclass(frozen=True)
class Verdict:
    """A state, why, and what would help."""

    state: Health
    reason: str = ""
    repair: Repair = Repair.NONE


def judge(  # noqa: PLR0911, PLR0912 - one way out per cause, in order of weight
    record: NodeRecord, ray: Mapping[str, str] | None, now: float, settings: RecoveryConfig
) -> Verdict:
    """Fuse the signals. ``ray``: Ray's states by node id, None while Ray cannot be asked."""
    silence = now - (record.heartbeat_at if record.heartbeat else record.known_since)
    if record.heartbeat is None and record.state and silence <= settings.suspect_after:
        return Verdict(record.state, record.reason)
    if record.heartbeat is None or silence > settings.suspect_after:
        return _of_silence(record, ray, silence, settings)
    heartbeat = record.heartbeat
    if record.role == "head" and "gcs" not in heartbeat["running"]:
        return Verdict(Health.LOST, "its GCS ended", Repair.START)
    if "raylet" not in heartbeat["running"]:
        return Verdict(Health.LOST, "its raylet ended", Repair.START)
    rejoining = now < record.rejoin_by
    hung = [role for role in heartbeat["stopped"] if role in ("raylet", "gcs")]
    if hung or heartbeat["health"] == "hung":
        what = f"its {' and '.join(hung) or 'raylet'} hangs"
        # A stopped process is certain. An agent that answers late may only be busy, and a fence ends running work.
        if rejoining and not hung:
            return Verdict(Health.SUSPECT, f"{what}: it is looking for its head")
        patience = settings.hung_after if hung else BUSY_FACTOR * settings.hung_after
        if record.unwell_since is None or now - record.unwell_since < patience:
            return Verdict(Health.SUSPECT, what)
        return Verdict(Health.LOST, what, Repair.FENCE)
    ray_state = ray.get(heartbeat["node_id"], "unknown") if ray is not None else "ALIVE"
    if ray_state == "unknown" and record.state and now - record.known_since < STEADY_SECONDS:
        return Verdict(record.state, record.reason)  # it has only just joined
    if ray_state != "ALIVE":
        what = f"its raylet runs, but Ray calls it {ray_state}"
        if rejoining:
            return Verdict(Health.SUSPECT, f"{what}: it is looking for its head")
        if record.unwell_since is None or now - record.unwell_since < STEADY_SECONDS:
            return Verdict(Health.SUSPECT, what)
        return Verdict(Health.LOST, what, Repair.FENCE)
    if record.role == "head" and "dashboard" not in heartbeat["running"] and heartbeat["dashboard_wanted"]:
        return Verdict(Health.SUSPECT, "its dashboard ended", Repair.DASHBOARD)
    if record.sshd_refuses:
        return Verdict(Health.SUSPECT, "its sshd does not listen; Ray is well, so nothing is repaired")
    return Verdict(Health.RUNNING)


def _of_silence(record: NodeRecord, ray: Mapping[str, str] | None, silence: float, settings: RecoveryConfig) -> Verdict:
    node_id = record.heartbeat["node_id"] if record.heartbeat else ""
    if record.sshd_refuses and ray is not None and ray.get(node_id) == "ALIVE":
        return Verdict(Health.SUSPECT, "its sshd does not listen, but Ray calls it ALIVE: nothing is repaired")
    error = f" ({record.contact_error.splitlines()[0]})" if record.contact_error else ""
    if silence < settings.silent_after:
        return Verdict(Health.SUSPECT, f"no heartbeat for {silence:.1f} s{error}")
    return Verdict(Health.LOST, f"silent{error}")


def backoff(attempt: int, settings: RecoveryConfig) -> float:
    """How long to wait after an attempt, counted from 1, before the next; seconds, with jitter."""
    delay = min(settings.backoff * 2.0 ** (attempt - 1), settings.backoff_limit)
    return delay * random.uniform(0.5, 1.5)  # noqa: S311 - jitter, no secret
