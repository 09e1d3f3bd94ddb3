"""Whether systems differ, from the scores that each query got: tests, intervals, power, ratios.

Knows numbers per query by name; knows no system, no metric and no report. All resampling is over
queries, paired (every system meets the same ones), and seeded, so that equal scores give equal
figures.

Sources: the paired permutation test as Smucker, Allan and Carterette recommend it for retrieval
(CIKM 2007); Holm, "A Simple Sequentially Rejective Multiple Test Procedure", 1979; power of the
paired t test as an approximation of the smallest detectable difference (Sakai, "Topic set size
design", 2016).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import Any

import numpy as np

from rabbench.scaling.fits import Estimate

Array = np.ndarray[Any, np.dtype[np.float64]]
Scores = Mapping[str, float]

LEVEL = 0.05  # of a test, and what an interval leaves out
POWER = 0.8
PERMUTATIONS = 9_999
BOOTSTRAPS = 1_999
EXACT = 13  # queries that differ, up to which all 2^n sign patterns are counted
BATCH = 256  # resamples held at once
SEED = 0


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two systems on the same queries; a difference is the first's mean less the second's.

    ``p`` is the two-sided permutation test's, ``adjusted`` Holm's over the family it was compared
    in. ``wins`` counts queries on which the first scores higher. ``detectable`` is the difference
    that four of five such samples of queries would show at 5 % (None without any spread).
    """

    first: str
    second: str
    difference: Estimate
    p: float
    adjusted: float
    exact: bool
    wins: int
    ties: int
    losses: int
    detectable: float | None

    @property
    def significant(self) -> bool:
        """Whether the difference holds after correction."""
        return self.adjusted < LEVEL


def paired(scores: Iterable[Scores]) -> tuple[list[str], Array]:
    """The queries that all have, and their scores: (Q, S)."""
    columns = list(scores)
    shared = [q for q in columns[0] if all(q in one for one in columns)] if columns else []
    matrix = [[one[query_id] for one in columns] for query_id in shared]
    return shared, np.asarray(matrix, dtype=float).reshape(len(shared), len(columns))


def resampled_means(scores: Array, *, draws: int = BOOTSTRAPS, seed: int = SEED) -> Array:
    """Means over queries drawn with replacement, the same draw for every system.

    Args:
        scores: (Q, S).
        draws: how many samples.
        seed: another for each set of queries, where several are put together.

    Returns:
        (draws, S).
    """
    rng = np.random.default_rng(seed)
    count = len(scores)
    found = []
    for start in range(0, draws, BATCH):
        size = min(BATCH, draws - start)
        drawn = rng.integers(0, count, size=(size, count))
        times = np.stack([np.bincount(one, minlength=count) for one in drawn])  # (B, Q)
        found.append(times @ scores / count)
    return np.concatenate(found)


def percentile_interval(value: float, draws: Array) -> Estimate:
    """A value with the 95 % percentile interval of its resamples; infinite draws stay infinite."""
    low, high = np.quantile(draws, [LEVEL / 2, 1 - LEVEL / 2], method="inverted_cdf")
    return Estimate(value, float(low), float(high))


def permutation_p_values(differences: Array) -> list[tuple[float, bool]]:
    """Two-sided p of each column under random signs, and whether all patterns were counted.

    Where the two systems do not differ, each query's difference is as likely to have the other
    sign. Queries without a difference change nothing, so only the others count for exactness.

    Args:
        differences: (Q, P), a column a pair.
    """
    sampled = _sampled(differences)  # one pass for all columns
    found = []
    for column in range(differences.shape[1]):
        differing = differences[:, column][differences[:, column] != 0]
        exact = len(differing) <= EXACT
        found.append((_counted(differing) if exact else float(sampled[column]), exact))
    return found


def _counted(differing: Array) -> float:
    """The share of all sign patterns whose sum is at least as far from 0 as the observed."""
    n = len(differing)
    patterns = (np.arange(2**n)[:, None] >> np.arange(n)) & 1  # (2^n, n)
    sums = np.abs((1 - 2 * patterns) @ differing)
    return float(np.mean(sums >= abs(differing.sum()) - _slack(differing)))


def _sampled(differences: Array) -> Array:
    """(1 + as far out) / (1 + drawn), which never is 0 (Phipson and Smyth, 2010)."""
    rng = np.random.default_rng(SEED)
    count, columns = differences.shape
    least = np.abs(differences.sum(0)) - _slack(differences)
    reached = np.zeros(columns)
    for start in range(0, PERMUTATIONS, BATCH):
        size = min(BATCH, PERMUTATIONS - start)
        signs = 1.0 - 2.0 * rng.integers(0, 2, size=(size, count), dtype=np.int8)
        reached += (np.abs(signs @ differences) >= least).sum(0)
    return (1 + reached) / (1 + PERMUTATIONS)


def _slack(differences: Array) -> Any:
    """Room for rounding, so that a sum equals itself in another order."""
    return 1e-12 * np.abs(differences).sum(0)


@lru_cache(maxsize=64)
def _detectable_effect(count: int) -> float:
    """The standardised difference that a paired t test over so many queries finds at 80 %."""
    from statsmodels.stats.power import TTestPower

    return float(TTestPower().solve_power(nobs=count, alpha=LEVEL, power=POWER))


def holm(ps: Sequence[float]) -> Array:
    """Holm's step-down adjustment of P p-values (1979): (P,), in the order given.

    As statsmodels' ``multipletests``, which runs a full garbage collection on each call: slow in a
    process that holds models, and a report corrects many families.
    """
    p = np.asarray(ps, dtype=float)
    order = np.argsort(p)
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(stepped)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def compare_systems(scores: Mapping[str, Scores]) -> list[Comparison]:
    """Every two systems, the higher mean first, best pairs first; Holm over all of them.

    Args:
        scores: each system's score of each query; queries that not all have are left out.

    Returns:
        Nothing where fewer than two systems or two queries are shared.
    """
    _, matrix = paired(scores.values())
    if len(matrix) < 2 or len(scores) < 2:
        return []
    names = list(scores)
    order = sorted(range(len(names)), key=lambda i: -matrix[:, i].mean())
    pairs = list(combinations(order, 2))
    differences = np.stack([matrix[:, a] - matrix[:, b] for a, b in pairs], axis=1)  # (Q, P)
    tested = permutation_p_values(differences)
    adjusted = holm([p for p, _ in tested])
    draws = resampled_means(differences)
    found = []
    for column, ((a, b), (p, exact)) in enumerate(zip(pairs, tested, strict=True)):
        mine = differences[:, column]
        spread = float(mine.std(ddof=1))
        found.append(
            Comparison(
                first=names[a],
                second=names[b],
                difference=percentile_interval(float(mine.mean()), draws[:, column]),
                p=p,
                adjusted=float(adjusted[column]),
                exact=exact,
                wins=int((mine > 0).sum()),
                ties=int((mine == 0).sum()),
                losses=int((mine < 0).sum()),
                detectable=_detectable_effect(len(mine)) * spread if spread > 0 else None,
            )
        )
    return found


def tied_with_best(comparisons: Sequence[Comparison]) -> list[str]:
    """The system with the best mean, and those that no test tells from it."""
    if not comparisons:
        return []
    best = comparisons[0].first
    against = [one for one in comparisons if one.first == best]
    return [best, *(one.second for one in against if not one.significant)]


def mean_ratio(over: Scores, under: Scores) -> Estimate | None:
    """The first's mean over the second's, with the paired bootstrap interval over queries.

    Returns:
        None where no two queries are shared, or the second's mean is 0.
    """
    _, matrix = paired([over, under])
    if len(matrix) < 2 or matrix[:, 1].mean() <= 0:
        return None
    draws = resampled_means(matrix)  # (R, 2)
    nothing = np.full(len(draws), math.inf)
    parts = np.divide(draws[:, 0], draws[:, 1], out=nothing, where=draws[:, 1] > 0)
    return percentile_interval(float(matrix[:, 0].mean() / matrix[:, 1].mean()), parts)
