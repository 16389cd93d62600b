"""Faults that cut the cluster network; the control link is never touched."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sage_lab.faults import nftables
from sage_lab.faults.agent import needs_nftables
from sage_lab.faults.errors import FaultOptionError
from sage_lab.faults.kinds import Family, Kind, Option, Options, Plan
from sage_lab.faults.means import OnNode, Probe
from sage_lab.faults.on_node.network_faults import Filtered
from sage_lab.faults.reach import CONTROLLER_NAME, knock, reach
from sage_lab.lab import Lab
from sage_lab.providers import Capability

Rules = Callable[[str, Lab, tuple[str, ...], Options], str]
"""The table's text, from the fault's id, the lab, the targets and the options."""


@dataclass(frozen=True)
class Cut(OnNode):
    """By a table of the fault's own on each target; afterwards ``passes`` (in, out) is what comes through."""

    text: Rules = lambda _fault, _lab, _targets, _options: ""
    passes: tuple[bool, bool] = (False, False)

    def _more(self, lab: Lab, node: str, fault: str, targets: tuple[str, ...], options: Options) -> dict[str, Any]:
        del node
        return {
            "table": nftables.table_name(fault),
            "rules": self.text(fault, lab, targets, options),
            "passes": list(self.passes),
            "witness": _witness(lab, targets, options),
        }


def _cut(lab: Lab, node: str, plan: Plan) -> str:
    seen = reach(lab, node, plan["witness"], port=int(plan.get("port", 0)))
    return "" if list(seen.passes) == plan["passes"] else f"{seen}, seen with {plan['witness']}"


def _refused(lab: Lab, node: str, plan: Plan) -> str:
    """Nothing comes through, and both who knocks at the node and on whom it knocks hear a refusal at once."""
    return _cut(lab, node, plan) or next(
        (f"a knock {where} {said}" for where, said in knock(lab, node).items() if said != "was refused at once"), ""
    )


def _whole(lab: Lab, node: str, plan: Plan) -> str:
    seen = reach(lab, node, plan["witness"], port=int(plan.get("port", 0)))
    return "" if all(seen.passes) else f"{seen}, seen with {plan['witness']}"


def _cutting(text: Rules, passes: tuple[bool, bool] = (False, False), seen: Probe = _cut) -> Cut:
    return Cut(Filtered, effective_probe=seen, recovered_probe=_whole, text=text, passes=passes)


def _rest(lab: Lab, targets: tuple[str, ...]) -> list[str]:
    return [node.name for node in lab.nodes if node.name not in targets]


def _witness(lab: Lab, targets: tuple[str, ...], options: Options) -> str:
    """Somebody from whom the targets are cut: the controller, unless it belongs to both halves."""
    return _rest(lab, targets)[0] if options.get("controller") == "both" else CONTROLLER_NAME


def _halves(fault: str, lab: Lab, targets: tuple[str, ...], options: Options) -> str:
    rest = _rest(lab, targets)
    if not rest:
        raise FaultOptionError("all nodes are on one side", where="halves", fix="name some of the nodes as targets")
    addresses = [lab.node(name).cluster_address for name in rest]
    if options["controller"] == "rest":
        addresses.append(lab.controller_address)
    return nftables.cut_from(fault, addresses)


_PORT = Option("port", 6379, "the TCP or UDP port, at either end", least=1, most=65535)
_SIDE = Option("controller", "rest", "whether the controller is with the rest, or sees both", choices=("rest", "both"))


def _kind(name: str, does: str, means: Cut, *options: Option) -> Kind:
    return Kind(name, Family.PARTITION, does, means, options, Capability.CLUSTER_LINK, needs_nftables)


KINDS = (
    _kind(
        "isolated",
        "Each target is cut off from everybody on the cluster network, silently.",
        _cutting(lambda fault, _lab, _targets, _options: nftables.isolated(fault)),
    ),
    _kind(
        "one way in",
        "Nothing reaches the targets any more; what they send still arrives.",
        _cutting(lambda fault, _lab, _targets, _options: nftables.one_way(fault, into=True), (False, True)),
    ),
    _kind(
        "one way out",
        "Nothing leaves the targets any more; what is sent to them still arrives.",
        _cutting(lambda fault, _lab, _targets, _options: nftables.one_way(fault, into=False), (True, False)),
    ),
    _kind(
        "halves",
        "The targets see each other, but nobody of the rest, and the rest sees none of them.",
        _cutting(_halves),
        _SIDE,
    ),
    _kind(
        "port cut",
        "One port is cut: what comes from it or goes to it is dropped, to and from the targets.",
        _cutting(lambda fault, _lab, _targets, options: nftables.port_cut(fault, int(options["port"]))),
        _PORT,
    ),
    _kind(
        "rejecting",
        "The targets are cut off, and whoever tries is told so at once instead of waiting.",
        _cutting(lambda fault, _lab, _targets, _options: nftables.rejecting(fault), seen=_refused),
    ),
)
