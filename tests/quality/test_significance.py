"""Comparisons of systems: wins, correction, power."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower

from rabbench.quality.significance import compare_systems, tied_with_best
from rabbench.stats.intervals import Array


def scores(values: Array) -> dict[str, float]:
    return {f"q{i}": float(value) for i, value in enumerate(values)}


def test_a_comparison_counts_wins_and_corrects_for_all_pairs() -> None:
    rng = np.random.default_rng(1)
    base = rng.uniform(0, 0.5, size=40)
    better = base + 0.3
    better[:5] = base[:5]
    better[5] = base[5] - 0.1
    pairs = compare_systems(
        {"low": scores(base), "high": scores(better), "twin": scores(better[::-1][::-1])}
    )
    assert [(pair.first, pair.second) for pair in pairs] == [
        ("high", "twin"), ("high", "low"), ("twin", "low"),
    ]  # fmt: skip
    twin, low, _ = pairs
    assert (twin.wins, twin.ties, twin.losses, twin.p, twin.detectable) == (0, 40, 0, 1.0, None)
    assert (low.wins, low.ties, low.losses) == (34, 5, 1)
    assert low.difference.value == pytest.approx(np.mean(better - base))
    assert low.difference.low < low.difference.value < low.difference.high
    # Holm: the two smallest of three p are multiplied by 3 and 2, and never fall.
    assert low.adjusted == pytest.approx(3 * low.p)
    assert low.significant
    assert tied_with_best(pairs) == ["high", "twin"]


def test_the_detectable_difference_is_found_four_times_in_five() -> None:
    """By the t test that it stands for, on normal differences of its own size."""
    rng = np.random.default_rng(0)
    first = rng.normal(0.5, 0.2, size=50)
    second = first - rng.normal(0, 0.15, size=50)
    (pair,) = compare_systems({"a": scores(first), "b": scores(second)})
    spread = float((first - second).std(ddof=1))
    assert pair.detectable is not None
    effect = pair.detectable / spread
    power = TTestPower().power(effect_size=effect, nobs=50, alpha=0.05)
    assert power == pytest.approx(0.8, abs=1e-6)
    draws = rng.normal(pair.detectable, spread, size=(2000, 50))
    significant = np.mean(stats.ttest_1samp(draws, 0, axis=1).pvalue < 0.05)
    assert significant == pytest.approx(0.8, abs=0.04)


@pytest.mark.parametrize("count", [2, 3, 5, 7000])
def test_any_number_of_queries_can_be_compared(count: int) -> None:
    rng = np.random.default_rng(0)
    (pair,) = compare_systems({"a": scores(rng.random(count)), "b": scores(rng.random(count))})
    assert 0 < pair.p <= 1
    assert pair.detectable is not None
    assert math.isfinite(pair.detectable)


def test_too_little_is_not_compared() -> None:
    assert compare_systems({}) == []
    assert compare_systems({"a": {"q": 1.0}}) == []
    assert compare_systems({"a": {"q": 1.0}, "b": {"q": 0.0}}) == []
    assert compare_systems({"a": {"q": 1.0, "r": 0.0}, "b": {"x": 0.0, "y": 1.0}}) == []
    assert tied_with_best([]) == []


def test_equal_scores_give_equal_figures() -> None:
    rng = np.random.default_rng(0)
    by_system = {name: scores(rng.random(80)) for name in "abc"}
    assert len(compare_systems(by_system)) == 3
    assert compare_systems(by_system) == compare_systems(by_system)
