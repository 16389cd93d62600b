"""The last trouble of each node, as the journal tells it: when it was noticed, what was decided, when it was over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from sage_cluster.model import Incident

JOURNAL_EVENTS = 400
TROUBLE = ("suspect", "lost")


def last_incidents(events: Iterable[Mapping[str, Any]]) -> dict[str, Incident]:
    """By node, from the supervisor's events, oldest first."""
    troubles: dict[str, Incident] = {}
    noticed_at: dict[str, float] = {}
    for event in events:
        if event["event"] in ("supervisor started", "supervisor stopped"):
            troubles = {name: replace(t, over=t.over or event["time"]) for name, t in troubles.items()}
        name = event.get("node", "")
        known = troubles.get(name)
        if event["event"] == "observed" and event.get("state") in TROUBLE and (known is None or known.over):
            troubles[name] = Incident(event.get("reason", ""), event["time"])
            noticed_at[name] = event["monotonic"]
        elif known and not known.over:
            troubles[name] = _went_on(known, event, round(event["monotonic"] - noticed_at[name], 3))
    return troubles


def _went_on(trouble: Incident, event: Mapping[str, Any], seconds: float) -> Incident:
    now = event["time"]
    changes: dict[str, Any] = {}
    match event["event"], event.get("state"):
        case "observed", "running":
            changes = {"over": now, "seconds": trouble.seconds if trouble.repaired else seconds}
        case "observed", "lost" if not trouble.decided:
            changes = {"reason": event.get("reason", "")}
        case "decided", _ if not trouble.decided:
            changes = {"decided": now, "action": event.get("action", "")}
        case "repaired", _:
            changes = {"repaired": now, "seconds": seconds}
        case "let go", _:
            changes = {"over": now}
        case "quarantined", _:
            changes = {"quarantined": now}
    return replace(trouble, **changes)
