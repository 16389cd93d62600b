"""The judge of growth: a leak is found, noise and single peaks are not blamed."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from SageLibrary.recording.verdict import InconclusiveError
from SageLibrary.stress.growth import MIB, Allowance, Growth, judge

ALLOWED = {"files": Allowance(2.0), "bytes": Allowance(8 * MIB, 0.1)}
SEEDS = range(30)


def growth(files: Callable[[int], float], memory: Callable[[int], float], samples: int = 20) -> dict[str, Growth]:
    taken = [(15.0 * n, {"files": files(n), "bytes": memory(n)}) for n in range(samples)]
    return {grown.name: grown for grown in judge(taken, ALLOWED)}


def flat(_: int) -> float:
    return 60 * MIB


@pytest.mark.parametrize("seed", SEEDS)
def test_a_leak_of_one_file_in_two_samples_is_found_among_noise(seed: int) -> None:
    noise = random.Random(seed)
    grown = growth(lambda n: 20 + n // 2 + noise.choice((0, 0, 1, 2)), flat)
    assert grown["files"].grew
    assert not grown["bytes"].grew


@pytest.mark.parametrize("seed", SEEDS)
def test_a_leak_of_memory_is_found_among_noise(seed: int) -> None:
    noise = random.Random(seed)
    assert growth(lambda _: 20, lambda n: (60 + 1.5 * n + noise.uniform(-2, 2)) * MIB)["bytes"].grew


@pytest.mark.parametrize("seed", SEEDS)
def test_noise_is_no_growth(seed: int) -> None:
    noise = random.Random(seed)
    grown = growth(lambda _: 20 + noise.randint(0, 2), lambda _: (60 + noise.uniform(-4, 4)) * MIB)
    assert [one.name for one in grown.values() if one.grew] == []


def test_the_warm_up_and_a_single_peak_are_no_growth() -> None:
    grown = growth(lambda n: 90 if n == 12 else 20, lambda n: (30 if n < 5 else 60) * MIB)
    assert [one.name for one in grown.values() if one.grew] == []
    assert grown["files"].most == 90


def test_growth_before_a_last_good_value_is_found() -> None:
    assert growth(lambda n: 20 if n == 19 else 20 + n, flat)["files"].grew


def test_a_fall_is_no_growth() -> None:
    assert growth(lambda n: 90 - n, flat)["files"].rise < 0


def test_too_few_samples_say_nothing() -> None:
    with pytest.raises(InconclusiveError, match=r"^the samples after the warm-up were 4"):
        growth(flat, flat, samples=5)
