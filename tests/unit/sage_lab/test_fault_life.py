"""The life of a fault: which call is right in which state, with means that only note what is asked of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from sage_lab import Lab, LabError
from sage_lab.faults import (
    Family,
    Fault,
    FaultError,
    FaultNotEffectiveError,
    FaultNotHealedError,
    FaultState,
    Kind,
    events,
    fault,
)
from sage_lab.faults.kinds import Options, Plan


@dataclass
class Noting:
    """Means of a fault whose probes see what the test says."""

    on_node: bool = True
    lasts: bool = True
    sees: str = ""
    still: str = ""
    refuses: str = ""
    asked: list[str] = field(default_factory=list)

    def prepare(self, lab: Lab, node: str, fault: str, targets: tuple[str, ...], options: Options) -> Plan:
        if self.refuses:
            raise LabError(self.refuses, where=node)
        return {"of": node}

    def inject(self, lab: Lab, node: str, fault: str, plan: Plan, lease: float) -> float:
        self.asked.append(f"inject {plan['of']}")
        return 1.5

    def heal(self, lab: Lab, node: str, fault: str, plan: Plan) -> None:
        self.asked.append(f"heal {plan['of']}")

    def effective(self, lab: Lab, node: str, fault: str, plan: Plan) -> str:
        return self.sees

    def recovered(self, lab: Lab, node: str, fault: str, plan: Plan) -> str:
        return self.still


@pytest.fixture
def means(monkeypatch: pytest.MonkeyPatch) -> Noting:
    made = Noting()
    kind = Kind("isolated", Family.PARTITION, "Nothing is done.", made)
    monkeypatch.setattr(fault, "kind_of", lambda _: kind)
    monkeypatch.setattr(fault, "EFFECT_DEADLINE", 0.1)
    return made


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return cast(Lab, SimpleNamespace(directory=tmp_path, name="t-life", pace=1.0))


def set_up(lab: Lab, means: Any) -> Fault:
    kind = Kind("isolated", Family.PARTITION, "Nothing is done.", means)
    return Fault.set_up(lab, kind, ("head",), {}, lease=60.0)


def told(lab: Lab) -> list[str]:
    return [event["event"] for event in events.read(lab.directory)]


def test_from_prepared_to_healed(lab: Lab, means: Noting) -> None:
    one = set_up(lab, means)
    assert one.state is FaultState.PREPARED
    assert means.asked == []
    one.inject()
    assert one.state is FaultState.EFFECTIVE
    assert one.injected_at == {"head": 1.5}
    assert one.heal() > 0
    assert one.state is FaultState.HEALED
    assert means.asked == ["inject head", "heal head"]
    assert told(lab) == ["inject", "effective", "heal", "healed"]
    assert events.read(lab.directory)[1]["acted"] == {"head": 1.5}, "the key by which recordings find it"


def test_only_a_prepared_fault_can_be_injected(lab: Lab, means: Noting) -> None:
    one = set_up(lab, means)
    one.inject()
    with pytest.raises(FaultError, match="is effective: only a prepared fault can be injected"):
        one.inject()
    one.heal()
    with pytest.raises(FaultError, match="is healed: only a prepared fault"):
        one.inject()
    found = Fault(lab, set_up(lab, means).record)
    with pytest.raises(FaultError, match="is injected: only a prepared fault"):
        found.inject()
    assert means.asked == ["inject head", "heal head"]


def test_healing_a_prepared_fault_or_a_healed_one_is_no_harm(lab: Lab, means: Noting) -> None:
    one = set_up(lab, means)
    one.heal()
    assert one.state is FaultState.HEALED
    assert one.heal() == 0.0
    assert means.asked == ["heal head"]


def test_without_an_effect_it_heals_itself_and_says_what_was_seen(lab: Lab, means: Noting) -> None:
    means.sees = "all is well"
    one = set_up(lab, means)
    with pytest.raises(FaultNotEffectiveError, match="did not take effect: all is well"):
        one.inject()
    assert one.state is FaultState.HEALED
    assert told(lab) == ["inject", "ineffective", "heal", "healed"]


def test_what_is_not_seen_to_be_over_stays_and_can_be_healed_again(lab: Lab, means: Noting) -> None:
    one = set_up(lab, means)
    one.inject()
    means.still = "still cut"
    with pytest.raises(FaultNotHealedError, match="is not healed: still cut"):
        one.heal(timeout=0.1)
    assert one.state is FaultState.EFFECTIVE
    means.still = ""
    one.heal()
    assert one.state is FaultState.HEALED


def test_a_fault_that_another_healed_is_healed_for_all(lab: Lab, means: Noting) -> None:
    one = set_up(lab, means)
    one.inject()
    Fault(lab, one.record).heal()
    assert one.state is FaultState.HEALED
    assert one.heal() == 0.0


def test_a_target_that_is_not_fit_is_told_before_anything_is_done(lab: Lab, means: Noting) -> None:
    means.refuses = "no raylet runs here"
    with pytest.raises(FaultNotEffectiveError, match="'isolated' cannot be injected: no raylet runs here"):
        set_up(lab, means)
    assert told(lab) == ["ineffective"]
    assert means.asked == []
