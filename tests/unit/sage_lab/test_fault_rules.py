"""The text of the packet filter's tables, and what an exchange of packets tells."""

import pytest

from sage_lab.faults import nftables
from sage_lab.faults.on_node.exchange import account

EVERY_TABLE = {
    "isolated": nftables.isolated("ab"),
    "one way in": nftables.one_way("ab", into=True),
    "one way out": nftables.one_way("ab", into=False),
    "halves": nftables.cut_from("ab", ["198.18.1.10", "198.18.1.1"]),
    "port": nftables.port_cut("ab", 6379),
    "rejecting": nftables.rejecting("ab"),
    "lossy": nftables.lossy("ab", 10),
    "limited": nftables.limited_into("ab", 125),
}


@pytest.mark.parametrize("name", EVERY_TABLE)
def test_a_table_carries_the_fault_s_name_and_meets_the_cluster_link_only(name: str) -> None:
    text = EVERY_TABLE[name]
    assert text.startswith("table inet sage_fault_ab {")
    assert "flush" not in text
    verdicts = [line for line in text.splitlines() if line.split()[-1] in {"drop", "reject", "reset"}]
    assert verdicts
    assert [line for line in verdicts if '"cluster0"' not in line] == []


def test_one_way_drops_in_one_chain_only() -> None:
    into, out = (EVERY_TABLE[f"one way {way}"] for way in ("in", "out"))
    assert 'iifname "cluster0" drop' in into
    assert "oifname" not in into
    assert 'oifname "cluster0" drop' in out
    assert "iifname" not in out


def test_halves_name_the_other_side_in_both_directions() -> None:
    assert "ip saddr { 198.18.1.10, 198.18.1.1 } drop" in EVERY_TABLE["halves"]
    assert "ip daddr { 198.18.1.10, 198.18.1.1 } drop" in EVERY_TABLE["halves"]


def test_a_port_is_cut_at_either_end() -> None:
    assert EVERY_TABLE["port"].count("th dport 6379 drop") == 2
    assert EVERY_TABLE["port"].count("th sport 6379 drop") == 2


def test_loss_is_in_hundredths_of_a_percent() -> None:
    assert "numgen random mod 10000 < 1000 drop" in EVERY_TABLE["lossy"]
    assert "< 50 drop" in nftables.lossy("ab", 0.5)


def test_a_loss_of_everything_is_no_comparison() -> None:
    assert "numgen" not in nftables.lossy("ab", 100)
    assert "< 9999 drop" in nftables.lossy("ab", 99.99)


def test_refusals_may_leave() -> None:
    out = EVERY_TABLE["rejecting"].partition("chain out")[2]
    assert out.index("rst accept") < out.index("reject with tcp reset")


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        ([], (0, 0, 0, 0)),
        ([4, 5, 6], (3, 0, 0, 0)),
        ([4, 7], (2, 2, 0, 0)),
        ([4, 4, 5], (2, 0, 1, 0)),
        ([5, 4, 6], (3, 0, 0, 1)),
    ],
)
def test_what_numbers_tell(seen: list[int], expected: tuple[int, ...]) -> None:
    assert tuple(account(seen).values()) == expected
