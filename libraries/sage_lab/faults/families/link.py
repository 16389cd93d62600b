"""Faults of the quality of the cluster link; the control link is never touched."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sage_lab.faults import nftables
from sage_lab.faults.agent import needs_netem, needs_nftables
from sage_lab.faults.kinds import Family, Kind, Option, Options, Plan
from sage_lab.faults.means import ByLab, OnNode
from sage_lab.faults.on_node.network_faults import Filtered, LinkDown
from sage_lab.faults.reach import CONTROLLER_NAME, Reach, reach
from sage_lab.lab import Lab
from sage_lab.providers import Capability

_LOOK = 1.0
_PACKET = 1000
_TIMES_THE_LIMIT = 5
_BUCKET = 16
_HALF = 0.5
_TRIES = 3
_PATIENCE = 2.0


@dataclass(frozen=True)
class Shaped(OnNode):
    """By a queueing discipline, a packet filter, or both: ``queue`` and ``text`` make them from the options."""

    queue: Callable[[Options], list[str]] = lambda _options: []
    text: Callable[[str, Options], str] = lambda _fault, _options: ""

    def _more(self, lab: Lab, node: str, fault: str, targets: tuple[str, ...], options: Options) -> dict[str, Any]:
        del lab, node, targets
        return {
            "table": nftables.table_name(fault),
            "queue": self.queue(options),
            "rules": self.text(fault, options),
        }


def _seen(lab: Lab, node: str, *, burst: int = 4) -> Reach:
    return reach(lab, node, CONTROLLER_NAME, seconds=_LOOK, size=_PACKET, burst=burst)


def _loses_both_ways(lab: Lab, node: str, plan: Plan) -> str:
    seen = _seen(lab, node)
    return _loses(seen.into, plan) or _loses(seen.out, plan)


def _loses_out(lab: Lab, node: str, plan: Plan) -> str:
    return _loses(_seen(lab, node).out, plan)


def _loses(way: dict[str, Any], plan: Plan) -> str:
    """Counted packets: at least the half of what was asked for has to be missing, and never none."""
    whole = way["missing"] + way["received"]
    if not whole:
        return "" if float(plan["percent"]) == 100 else "nothing arrives at all"  # noqa: PLR2004 - all of a hundred
    lost = way["missing"] / whole
    enough = lost > 0 and lost >= _HALF * float(plan["percent"]) / 100
    return "" if enough else f"{way['missing']} of {whole} packets are missing"


def _is_whole(lab: Lab, node: str, _: Plan) -> str:
    seen = _seen(lab, node)
    bad = {key: seen.into[key] + seen.out[key] for key in ("missing", "duplicates", "disordered")}
    whole = all(seen.passes) and not any(bad.values())
    return "" if whole else f"{seen}; {', '.join(f'{count} {key}' for key, count in bad.items())}"


def _duplicates(lab: Lab, node: str, _: Plan) -> str:
    seen = _seen(lab, node)
    return "" if seen.out["duplicates"] else f"{seen}, none comes twice"


def _disorders(lab: Lab, node: str, _: Plan) -> str:
    seen = _seen(lab, node)
    return "" if seen.out["disordered"] else f"{seen}, all in order"


def _limits(lab: Lab, node: str, plan: Plan) -> str:
    """Send far more than the limit; most of it has to stay behind, both ways."""
    seen = _seen(lab, node, burst=_burst(plan))
    through = max(way["received"] / max(1, way["sent"]) for way in (seen.into, seen.out))
    return "" if through < _HALF else f"{through:.0%} came through"


def _burst(plan: Plan) -> int:
    """Packets per 10 ms that are several times the limit."""
    return max(4, _TIMES_THE_LIMIT * int(plan["kilobytes"]) // (100 * _PACKET // 1000))


def _connecting(lab: Lab, node: str) -> float:
    """Seconds until a connection over the cluster link stands: one round trip, the best of some tries."""
    address = (lab.node(node).cluster_address, lab.node(node).port)

    def connect() -> float:
        began = time.monotonic()
        socket.create_connection(address, timeout=5).close()
        return time.monotonic() - began

    return lab.inside(lambda: min(connect() for _ in range(_TRIES)))


def _is_late(lab: Lab, node: str, plan: Plan) -> str:
    took = _connecting(lab, node)
    late = max(1.0, float(plan["milliseconds"]) - float(plan["jitter"]))
    return "" if took * 1000 >= late else f"a round trip took {took * 1000:.1f} ms"


def _is_prompt(lab: Lab, node: str, plan: Plan) -> str:
    return "a round trip is still late" if not _is_late(lab, node, plan) else ""


def _percent(default: float) -> Option:
    return Option("percent", default, "how many of a hundred packets", least=0.1, most=100)


def _unplugged(lab: Lab, node: str, _: Plan) -> str:
    seen = reach(lab, node, CONTROLLER_NAME)
    return str(seen) if any(seen.passes) else ""


def _plugged(lab: Lab, node: str, _: Plan) -> str:
    seen = reach(lab, node, CONTROLLER_NAME)
    return "" if all(seen.passes) else str(seen)


def _connects(lab: Lab, node: str, _: Plan) -> str:
    """By TCP from here: a node whose interface is off may have no address to send from."""
    target = lab.node(node)
    address = (target.cluster_address, target.port)
    try:
        lab.inside(lambda: socket.create_connection(address, timeout=_PATIENCE).close())
    except OSError as error:
        return f"no connection over the cluster link: {error}"
    return ""


def _refuses(lab: Lab, node: str, plan: Plan) -> str:
    return "" if _connects(lab, node, plan) else "a connection over the cluster link stands"


KINDS = (
    Kind(
        "delayed",
        Family.LINK,
        "What the targets send arrives late, by milliseconds and some jitter.",
        Shaped(
            Filtered,
            effective_probe=_is_late,
            recovered_probe=_is_prompt,
            queue=lambda options: ["netem", "delay", f"{options['milliseconds']:g}ms", f"{options['jitter']:g}ms"],
        ),
        (
            Option("milliseconds", 100.0, "how late", least=5, most=10_000),
            Option("jitter", 0.0, "more or less of it, in milliseconds", least=0, most=10_000),
        ),
        besides=needs_netem,
        needs=Capability.CLUSTER_LINK,
    ),
    Kind(
        "lossy",
        Family.LINK,
        "Packets from and to the targets are lost by chance.",
        Shaped(
            Filtered,
            effective_probe=_loses_both_ways,
            recovered_probe=_is_whole,
            text=lambda fault, options: nftables.lossy(fault, float(options["percent"])),
        ),
        (_percent(10.0),),
        besides=needs_nftables,
        needs=Capability.CLUSTER_LINK,
    ),
    Kind(
        "corrupting",
        Family.LINK,
        "Bits of packets that the targets send are flipped.",
        Shaped(
            Filtered,
            effective_probe=_loses_out,
            recovered_probe=_is_whole,
            queue=lambda options: ["netem", "corrupt", f"{options['percent']:g}%"],
        ),
        (_percent(10.0),),
        besides=needs_netem,
        needs=Capability.CLUSTER_LINK,
    ),
    Kind(
        "duplicating",
        Family.LINK,
        "Packets that the targets send arrive twice.",
        Shaped(
            Filtered,
            effective_probe=_duplicates,
            recovered_probe=_is_whole,
            queue=lambda options: ["netem", "duplicate", f"{options['percent']:g}%"],
        ),
        (_percent(10.0),),
        besides=needs_netem,
        needs=Capability.CLUSTER_LINK,
    ),
    Kind(
        "reordering",
        Family.LINK,
        "Packets that the targets send overtake each other.",
        Shaped(
            Filtered,
            effective_probe=_disorders,
            recovered_probe=_is_whole,
            queue=lambda options: ["netem", "delay", "20ms", "reorder", f"{options['percent']:g}%"],
        ),
        (_percent(25.0),),
        besides=needs_netem,
        needs=Capability.CLUSTER_LINK,
    ),
    Kind(
        "limited bandwidth",
        Family.LINK,
        "The link of the targets carries few kilobytes in a second: out by a queue, in by dropping.",
        Shaped(
            Filtered,
            effective_probe=_limits,
            recovered_probe=_is_whole,
            queue=lambda options: [
                "tbf",
                "rate",
                f"{int(options['kilobytes']) * 8}kbit",
                "burst",
                f"{_BUCKET}kb",
                "latency",
                "50ms",
            ],
            text=lambda fault, options: nftables.limited_into(fault, int(options["kilobytes"])),
        ),
        (Option("kilobytes", 125, "in a second", least=8, most=4000),),
        besides=needs_nftables,
        needs=Capability.CLUSTER_LINK,
    ),
    Kind(
        "unplugged",
        Family.LINK,
        "The cable of the targets' cluster link is pulled.",
        ByLab(
            begin=lambda lab, node, _: lab.node(node).unplug(),
            end=lambda lab, node, _: lab.node(node).plug(),
            effective_probe=_unplugged,
            recovered_probe=_plugged,
        ),
        needs=Capability.UNPLUG,
    ),
    Kind(
        "interface down",
        Family.LINK,
        "The targets themselves switch the interface of their cluster link off.",
        OnNode(LinkDown, effective_probe=_refuses, recovered_probe=_connects),
        needs=Capability.CLUSTER_LINK,
    ),
)
