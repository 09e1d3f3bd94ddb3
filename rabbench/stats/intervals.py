"""Estimates with their 95 % intervals: of means, medians and ratios, over queries, runs or seeds.

Knows numbers; knows no system, no metric and no report. Resampling is seeded, so equal samples give
equal intervals; over queries it is paired, so every system meets the same ones.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
QueryScores = Mapping[str, float]
"""A system's score of each query, by query id."""

LEVEL = 0.05  # of a test, and what an interval leaves out
BOOTSTRAPS = 1_999  # resamples of queries
RESAMPLES = 999  # of repeated runs
BATCH = 256  # resamples held at once
SEED = 0


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval; equal bounds mean exact, infinite ones unknown."""

    value: float
    low: float = -math.inf
    high: float = math.inf


UNKNOWN = Estimate(math.nan)


def percentile_interval(value: float, draws: Array) -> Estimate:
    """A value with the 95 % percentile interval of its resamples; infinite draws stay infinite."""
    low, high = np.quantile(draws, [LEVEL / 2, 1 - LEVEL / 2], method="inverted_cdf")
    return Estimate(value, float(low), float(high))


def paired(scores: Iterable[QueryScores]) -> tuple[list[str], Array]:
    """The queries that all S systems share, in the first's order, and their scores: (Q, S)."""
    columns = list(scores)
    shared = [q for q in columns[0] if all(q in column for column in columns)] if columns else []
    matrix = [[column[query_id] for column in columns] for query_id in shared]
    return shared, np.asarray(matrix, dtype=float).reshape(len(shared), len(columns))


def resampled_means(scores: Array, *, draws: int = BOOTSTRAPS, seed: int = SEED) -> Array:
    """Means over queries drawn with replacement, the same draw for every system.

    Args:
        scores: (Q,) or (Q, S).
        draws: how many samples.
        seed: another for each set of queries, where several are put together.

    Returns:
        (draws,) or (draws, S).
    """
    rng = np.random.default_rng(seed)
    count = len(scores)
    means = []
    for start in range(0, draws, BATCH):
        size = min(BATCH, draws - start)
        queries = rng.integers(0, count, size=(size, count))
        places = queries + count * np.arange(size)[:, None]  # of a query in a sample, (B, Q)
        times = np.bincount(places.ravel(), minlength=size * count).reshape(size, count)
        means.append(times @ scores / count)
    return np.concatenate(means)


def mean_interval(scores: Iterable[float]) -> Estimate:
    """The mean over queries with its bootstrap interval; unknown bounds below two queries.

    Resamples as :func:`resampled_means` does for a table of several systems: a mean has the same
    interval alone and beside others.
    """
    values = np.fromiter(scores, dtype=float)
    if len(values) < 2:
        return Estimate(float(values.mean())) if len(values) else UNKNOWN
    return percentile_interval(float(values.mean()), resampled_means(values))


def mean_ratio(over: QueryScores, under: QueryScores) -> Estimate | None:
    """The first's mean over the second's, with the paired bootstrap interval over queries.

    Returns:
        None where no two queries are shared, or the second's mean is 0.
    """
    _, matrix = paired([over, under])
    if len(matrix) < 2 or matrix[:, 1].mean() <= 0:
        return None
    draws = resampled_means(matrix)  # (R, 2)
    unbounded = np.full(len(draws), math.inf)
    ratios = np.divide(draws[:, 0], draws[:, 1], out=unbounded, where=draws[:, 1] > 0)
    return percentile_interval(float(matrix[:, 0].mean() / matrix[:, 1].mean()), ratios)


def median_interval(samples: Sequence[float] | Array) -> Estimate:
    """The median of repeated runs with an interval that holds for any distribution.

    It lies between two order statistics; fewer than six runs cannot carry one, and leave the bounds
    unknown (Conover, Practical Nonparametric Statistics, 3.2).
    """
    from scipy.stats import binom

    runs = np.sort(np.asarray(samples, dtype=float))
    median = float(np.median(runs)) if len(runs) else math.nan
    rank = int(binom.ppf(LEVEL / 2, len(runs), 0.5))  # rank - 1 runs lie outside each bound
    if rank < 1:
        return Estimate(median)
    return Estimate(median, float(runs[rank - 1]), float(runs[-rank]))


def resampled_medians(samples: Sequence[Array], *, seed: int = SEED) -> Array:
    """Medians of M groups of runs, each resampled on its own: (RESAMPLES, M)."""
    rng = np.random.default_rng(seed)
    columns = [np.median(rng.choice(runs, (RESAMPLES, len(runs))), axis=1) for runs in samples]
    return np.stack(columns, axis=1)


def median_ratio(over: Array, *under: Array) -> Estimate:
    """The median of ``over`` over the sum of the medians of ``under``, with bootstrap interval.

    Unknown bounds where one of them is a single run.
    """
    groups = (over, *under)
    medians = np.array([np.median(runs) for runs in groups])
    value = float(medians[0] / medians[1:].sum())
    if any(len(runs) < 2 for runs in groups):
        return Estimate(value)
    draws = resampled_medians(groups)
    return percentile_interval(value, draws[:, 0] / draws[:, 1:].sum(axis=1))


def seed_interval(values: Sequence[float]) -> Estimate:
    """The mean over seeds with Student's t interval; unknown bounds for a single seed."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return Estimate(mean)
    half = t_quantile(len(values) - 1) * float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return Estimate(mean, mean - half, mean + half)


def seed_difference(values: Mapping[int, float], reference: Mapping[int, float]) -> Estimate | None:
    """The mean difference to the reference, paired by seed; None without a shared one."""
    shared = sorted(values.keys() & reference.keys())
    return seed_interval([values[seed] - reference[seed] for seed in shared]) if shared else None


def t_quantile(dof: int) -> float:
    """The 97.5 % quantile of Student's t with this many degrees of freedom."""
    from scipy.special import stdtrit

    return float(stdtrit(dof, 1 - LEVEL / 2))
