"""Tests, intervals and ratios against scipy and statsmodels, and against cases known by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower

from rabbench.quality import pareto
from rabbench.quality.significance import compare_systems, tied_with_best
from rabbench.stats.intervals import Array, mean_ratio, paired, resampled_means
from rabbench.stats.permutation import holm, permutation_p_values


def scores(values: Array) -> dict[str, float]:
    return {f"q{i}": float(value) for i, value in enumerate(values)}


def by_scipy(differences: Array, permutations: int) -> float:
    found = stats.permutation_test(
        (differences,),
        lambda x, axis: x.mean(axis=axis),
        permutation_type="samples",
        n_resamples=permutations,
        vectorized=True,
        rng=np.random.default_rng(1),
    )
    return float(found.pvalue)


@pytest.mark.parametrize("ps", [[0.04], [0.03, 0.01, 0.02, 0.5], [0.2, 0.2, 0.9, 0.0, 0.001, 1.0]])
def test_holms_correction_is_that_of_statsmodels(ps: list[float]) -> None:
    expected = multipletests(ps, method="holm")[1]
    assert holm(ps).tolist() == pytest.approx(list(expected))


@settings(deadline=None, max_examples=40)
@given(st.lists(st.sampled_from([-1.0, -0.5, -0.2, 0.0, 0.0, 0.25, 0.5]), min_size=2, max_size=10))
def test_few_differing_queries_are_tested_exactly_as_scipy_does(found: list[float]) -> None:
    differences = np.array(found)
    if not differences.any():
        return
    ((p, exact),) = permutation_p_values(differences[:, None])
    assert exact
    # scipy flips queries without a difference too, which changes no sum.
    assert p == pytest.approx(by_scipy(differences, 2 ** len(found) + 1), abs=1e-12)


def test_many_queries_are_tested_as_scipy_does_up_to_the_draw() -> None:
    rng = np.random.default_rng(0)
    for shift in (0.0, 0.03, 0.08):
        differences = rng.normal(shift, 0.3, size=200)
        ((p, exact),) = permutation_p_values(differences[:, None])
        reference = by_scipy(differences, 9999)
        assert not exact
        noise = 4 * math.sqrt(2 * max(reference, 1e-4) / 9999)
        assert p == pytest.approx(reference, abs=noise)
        assert p >= 1 / 10_000


def test_systems_without_a_difference_are_not_told_apart() -> None:
    rng = np.random.default_rng(3)
    false = 0
    for _ in range(200):
        differences = rng.choice([-0.5, 0.0, 0.5], size=12)
        ((p, _),) = permutation_p_values(differences[:, None])
        false += p < 0.05
    assert false <= 20  # 10 expected at most; P(more than 20) is under 0.001


def test_a_comparison_counts_wins_and_corrects_for_all_pairs() -> None:
    rng = np.random.default_rng(1)
    base = rng.uniform(0, 0.5, size=40)
    better = base + 0.3
    better[:5] = base[:5]
    better[5] = base[5] - 0.1
    found = compare_systems(
        {"low": scores(base), "high": scores(better), "twin": scores(better[::-1][::-1])}
    )
    assert [(one.first, one.second) for one in found] == [
        ("high", "twin"), ("high", "low"), ("twin", "low"),
    ]  # fmt: skip
    twin, low, _ = found
    assert (twin.wins, twin.ties, twin.losses, twin.p, twin.detectable) == (0, 40, 0, 1.0, None)
    assert (low.wins, low.ties, low.losses) == (34, 5, 1)
    assert low.difference.value == pytest.approx(np.mean(better - base))
    assert low.difference.low < low.difference.value < low.difference.high
    # Holm: the two smallest of three p are multiplied by 3 and 2, and never fall.
    assert low.adjusted == pytest.approx(3 * low.p)
    assert low.significant
    assert tied_with_best(found) == ["high", "twin"]


def test_the_detectable_difference_is_found_four_times_in_five() -> None:
    """By the t test that it stands for, on normal differences of its own size."""
    rng = np.random.default_rng(0)
    first = rng.normal(0.5, 0.2, size=50)
    second = first - rng.normal(0, 0.15, size=50)
    (one,) = compare_systems({"a": scores(first), "b": scores(second)})
    spread = float((first - second).std(ddof=1))
    assert one.detectable is not None
    effect = one.detectable / spread
    power = TTestPower().power(effect_size=effect, nobs=50, alpha=0.05)
    assert power == pytest.approx(0.8, abs=1e-6)
    drawn = rng.normal(one.detectable, spread, size=(2000, 50))
    shown = np.mean(stats.ttest_1samp(drawn, 0, axis=1).pvalue < 0.05)
    assert shown == pytest.approx(0.8, abs=0.04)


@pytest.mark.parametrize("count", [2, 3, 5, 7000])
def test_any_number_of_queries_can_be_compared(count: int) -> None:
    rng = np.random.default_rng(0)
    (one,) = compare_systems({"a": scores(rng.random(count)), "b": scores(rng.random(count))})
    assert 0 < one.p <= 1
    assert one.detectable is not None
    assert math.isfinite(one.detectable)


def test_too_little_is_not_compared() -> None:
    assert compare_systems({}) == []
    assert compare_systems({"a": {"q": 1.0}}) == []
    assert compare_systems({"a": {"q": 1.0}, "b": {"q": 0.0}}) == []
    assert compare_systems({"a": {"q": 1.0, "r": 0.0}, "b": {"x": 0.0, "y": 1.0}}) == []
    assert tied_with_best([]) == []


def test_only_shared_queries_are_paired() -> None:
    names, matrix = paired([{"a": 1.0, "b": 2.0, "c": 3.0}, {"c": 30.0, "a": 10.0}])
    assert names == ["a", "c"]
    assert matrix.tolist() == [[1.0, 10.0], [3.0, 30.0]]


def test_resampled_means_have_the_standard_error_of_a_mean() -> None:
    values = np.random.default_rng(0).normal(size=(300, 2))
    draws = resampled_means(values, draws=4000)
    assert draws.shape == (4000, 2)
    assert draws.mean(0) == pytest.approx(values.mean(0), abs=0.005)
    assert draws.std(0) == pytest.approx(values.std(0) / math.sqrt(300), rel=0.05)
    assert not np.array_equal(draws, resampled_means(values, draws=4000, seed=1))


def test_a_ratio_is_paired() -> None:
    """A student that keeps nine tenths of every query does so in every resample."""
    teacher = np.random.default_rng(0).random(60)
    kept = mean_ratio(scores(0.9 * teacher), scores(teacher))
    assert kept is not None
    assert (kept.value, kept.low, kept.high) == pytest.approx((0.9, 0.9, 0.9))
    noisy = mean_ratio(scores(0.9 * teacher), scores(teacher[::-1]))
    assert noisy is not None
    assert noisy.low < 0.85 < 0.9 < 0.95 < noisy.high


def test_a_ratio_over_nothing_is_none_and_over_nearly_nothing_unbounded() -> None:
    assert mean_ratio({"a": 1.0, "b": 1.0}, {"a": 0.0, "b": 0.0}) is None
    assert mean_ratio({"a": 1.0}, {"a": 1.0}) is None
    rare = mean_ratio(dict.fromkeys("abcd", 1.0), {"a": 1.0, "b": 0.0, "c": 0.0, "d": 0.0})
    assert rare is not None
    assert rare.value == pytest.approx(4.0)
    assert rare.high == math.inf


def test_equal_scores_give_equal_figures() -> None:
    rng = np.random.default_rng(0)
    found = {name: scores(rng.random(80)) for name in "abc"}
    assert compare_systems(found) == compare_systems(found)


def test_the_front_is_what_nothing_beats() -> None:
    costs = [1.0, 2.0, 2.0, 3.0, 4.0]
    qualities = np.array([0.3, 0.5, 0.4, 0.5, 0.6])
    assert pareto.on_front(costs, qualities).tolist() == [True, True, False, False, True]
    # The same cost and quality: neither beats the other.
    assert pareto.on_front([1.0, 1.0], np.array([0.5, 0.5])).tolist() == [True, True]


def test_the_share_on_the_front_is_over_draws() -> None:
    draws = np.array([[0.5, 0.6], [0.5, 0.4], [0.5, 0.5], [0.5, 0.7]])
    assert pareto.shares([1.0, 2.0], draws).tolist() == [1.0, 0.5]
