"""Intervals against scipy's and statsmodels', and on cases known by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.weightstats import DescrStatsW

from rabbench.stats.intervals import (
    RESAMPLES,
    UNKNOWN,
    Array,
    Estimate,
    mean_interval,
    mean_ratio,
    median_interval,
    median_ratio,
    paired,
    percentile_interval,
    resampled_means,
    resampled_medians,
    seed_difference,
    seed_interval,
    t_quantile,
)


def by_query(values: Array) -> dict[str, float]:
    return {f"q{i}": float(value) for i, value in enumerate(values)}


def is_unbounded(estimate: Estimate) -> bool:
    return (estimate.low, estimate.high) == (-math.inf, math.inf)


def scipy_bootstrap(samples: list[Array], statistic: Any, draws: int) -> Any:
    rng = np.random.default_rng(0)
    return stats.bootstrap(
        samples, statistic, n_resamples=draws, method="percentile", batch=draws, rng=rng
    )


def test_a_percentile_interval_leaves_out_a_fortieth_on_each_side() -> None:
    assert percentile_interval(7.0, np.arange(1.0, 1001.0)) == Estimate(7.0, 25.0, 975.0)
    assert percentile_interval(7.0, np.array([math.inf] * 3 + [1.0] * 97)).high == math.inf


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


def test_a_mean_has_the_interval_that_scipy_gives_up_to_the_draw() -> None:
    scores = np.random.default_rng(1).beta(2, 3, size=400)
    estimate = mean_interval(scores.tolist())
    reference = scipy_bootstrap([scores], np.mean, 9999).confidence_interval
    width = reference.high - reference.low
    assert estimate.value == pytest.approx(scores.mean())
    assert estimate.low == pytest.approx(reference.low, abs=0.05 * width)
    assert estimate.high == pytest.approx(reference.high, abs=0.05 * width)


def test_a_mean_has_one_interval_alone_and_beside_others() -> None:
    matrix = np.random.default_rng(2).random((60, 3))
    draws = resampled_means(matrix)
    for column in range(3):
        alone = mean_interval(matrix[:, column])
        together = percentile_interval(alone.value, draws[:, column])
        assert (alone.low, alone.high) == pytest.approx((together.low, together.high), abs=1e-12)


def test_a_mean_of_too_few_queries_has_no_bounds() -> None:
    single = mean_interval([0.25])
    assert single.value == 0.25
    assert is_unbounded(single)
    assert mean_interval([]) is UNKNOWN


def test_a_ratio_is_paired() -> None:
    """A student that retains nine tenths of every query does so in every resample."""
    teacher = np.random.default_rng(0).random(60)
    retention = mean_ratio(by_query(0.9 * teacher), by_query(teacher))
    assert retention is not None
    assert (retention.value, retention.low, retention.high) == pytest.approx((0.9, 0.9, 0.9))
    noisy = mean_ratio(by_query(0.9 * teacher), by_query(teacher[::-1]))
    assert noisy is not None
    assert noisy.low < 0.85 < 0.9 < 0.95 < noisy.high


def test_a_ratio_over_nothing_is_none_and_over_nearly_nothing_unbounded() -> None:
    assert mean_ratio({"a": 1.0, "b": 1.0}, {"a": 0.0, "b": 0.0}) is None
    assert mean_ratio({"a": 1.0}, {"a": 1.0}) is None
    rare = mean_ratio(dict.fromkeys("abcd", 1.0), {"a": 1.0, "b": 0.0, "c": 0.0, "d": 0.0})
    assert rare is not None
    assert rare.value == pytest.approx(4.0)
    assert rare.high == math.inf


@pytest.mark.parametrize(
    ("runs", "rank"),
    [(6, 1), (8, 1), (9, 2), (20, 6), (100, 40)],  # Conover's table A3 for p = 0.5
)
def test_a_median_lies_between_the_order_statistics_of_the_binomial(runs: int, rank: int) -> None:
    samples = np.random.default_rng(0).permutation(np.arange(1.0, runs + 1))
    expected = Estimate((runs + 1) / 2, float(rank), float(runs + 1 - rank))
    assert median_interval(samples) == expected
    missed = 2 * stats.binom.cdf(rank - 1, runs, 0.5)
    assert missed <= 0.05 < 2 * stats.binom.cdf(rank, runs, 0.5)


def test_fewer_than_six_runs_carry_no_interval_of_a_median() -> None:
    estimate = median_interval([3.0, 1.0, 2.0, 5.0, 4.0])
    assert estimate.value == 3.0
    assert is_unbounded(estimate)
    assert math.isnan(median_interval([]).value)


def test_medians_are_resampled_as_scipy_does() -> None:
    rng = np.random.default_rng(3)
    first, second = rng.exponential(size=9), rng.exponential(size=7) + 1
    draws = resampled_medians([first, second])

    def ratio(over: Array, under: Array, axis: int = -1) -> Any:
        return np.median(over, axis=axis) / np.median(under, axis=axis)

    reference = scipy_bootstrap([first, second], ratio, RESAMPLES)
    ratios = draws[:, 0] / draws[:, 1]
    assert ratios.tolist() == reference.bootstrap_distribution.tolist()
    estimate = median_ratio(first, second)
    assert estimate.value == pytest.approx(np.median(first) / np.median(second))
    assert (estimate.low, estimate.high) == (sorted(ratios)[24], sorted(ratios)[974])


def test_a_ratio_of_medians_adds_up_what_stands_below() -> None:
    steady = [np.full(5, value) for value in (6.0, 1.0, 2.0)]
    assert median_ratio(*steady) == Estimate(2.0, 2.0, 2.0)
    single = median_ratio(np.array([6.0]), steady[2])
    assert single.value == 3.0
    assert is_unbounded(single)


def test_a_mean_over_seeds_has_the_t_interval_of_statsmodels() -> None:
    values = [0.61, 0.58, 0.64, 0.6]
    low, high = DescrStatsW(values).tconfint_mean()
    estimate = seed_interval(values)
    assert (estimate.low, estimate.high) == pytest.approx((low, high))
    assert estimate.value == pytest.approx(0.6075)
    assert is_unbounded(seed_interval([0.5]))


def test_a_difference_over_seeds_is_paired_by_the_shared_ones() -> None:
    values, reference = {2: 0.5, 0: 0.6, 1: 0.7, 9: 0.1}, {0: 0.5, 1: 0.5, 2: 0.6, 7: 0.9}
    difference = seed_difference(values, reference)
    low, high = DescrStatsW([0.1, 0.2, -0.1]).tconfint_mean()
    assert difference is not None
    assert (difference.low, difference.high) == pytest.approx((low, high))
    assert seed_difference({0: 0.5}, {1: 0.5}) is None


def test_the_quantile_of_student_s_t() -> None:
    assert t_quantile(1) == pytest.approx(12.706, abs=5e-4)
    assert t_quantile(10) == pytest.approx(2.228, abs=5e-4)
