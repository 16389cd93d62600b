"""The text of a fault's own nftables table: what the cluster link of a node drops or rejects."""

from __future__ import annotations

from collections.abc import Sequence

from sage_lab.faults.on_node.network_faults import LINK

_ALL = 10_000


def table_name(fault: str) -> str:
    """The name of the table that a fault owns, on every target."""
    return f"sage_fault_{fault}"


def table(fault: str, into: Sequence[str], out: Sequence[str]) -> str:
    """A table whose rules meet what comes in and goes out over the cluster link, and nothing else.

    Each rule is the rest of a line, such as ``drop`` or ``ip saddr 198.18.1.11 drop``.
    """
    lines = [f"table inet {table_name(fault)} {{"]
    for name, hook, side, rules in (("into", "input", "iifname", into), ("out", "output", "oifname", out)):
        lines.append(f"  chain {name} {{")
        # Before the tables of anybody else, so that no earlier verdict hides the fault.
        lines.append(f"    type filter hook {hook} priority -310; policy accept;")
        lines += [f'    {side} "{LINK}" {rule}' for rule in rules]
        lines.append("  }")
    return "\n".join([*lines, "}", ""])


def isolated(fault: str) -> str:
    """Nothing comes in or goes out."""
    return table(fault, ["drop"], ["drop"])


def one_way(fault: str, *, into: bool) -> str:
    """Nothing comes in, or nothing goes out."""
    return table(fault, ["drop"] if into else [], [] if into else ["drop"])


def cut_from(fault: str, addresses: Sequence[str]) -> str:
    """Nothing comes from these addresses or goes to them."""
    listed = ", ".join(addresses)
    return table(fault, [f"ip saddr {{ {listed} }} drop"], [f"ip daddr {{ {listed} }} drop"])


def port_cut(fault: str, port: int) -> str:
    """Nothing that has this TCP or UDP port at either end passes."""
    rules = [f"meta l4proto {{ tcp, udp }} th {end} {port} drop" for end in ("dport", "sport")]
    return table(fault, rules, rules)


def rejecting(fault: str) -> str:
    """Whatever comes in or goes out is answered at once by a refusal."""
    refuse = ["meta l4proto tcp reject with tcp reset", "reject"]
    # The refusals of what came in have to leave.
    answers = ["tcp flags & rst == rst accept", "icmp type destination-unreachable accept"]
    return table(fault, refuse, [*answers, *refuse])


def lossy(fault: str, percent: float) -> str:
    """Packets are lost by chance in both directions."""
    of_10000 = round(percent * 100)
    # nftables refuses a comparison that is always true.
    rule = f"numgen random mod 10000 < {of_10000} drop" if of_10000 < _ALL else "drop"
    return table(fault, [rule], [rule])


def limited_into(fault: str, kilobytes: int) -> str:
    """What comes in beyond this many kilobytes in a second is dropped."""
    return table(fault, [f"limit rate over {kilobytes} kbytes/second burst 16 kbytes drop"], [])
