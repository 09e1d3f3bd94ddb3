"""Estimates with their 95 % intervals: by resampling queries, by Student's t over seeds.

Knows numbers; knows no system, no metric and no report. All resampling is over queries, paired
(every system meets the same ones), and seeded, so that equal scores give equal figures.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[np.float64]]
Scores = Mapping[str, float]

LEVEL = 0.05  # of a test, and what an interval leaves out
BOOTSTRAPS = 1_999
BATCH = 256  # resamples held at once
SEED = 0


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval; equal bounds mean exact, infinite ones unknown."""

    value: float
    low: float = -math.inf
    high: float = math.inf


UNKNOWN = Estimate(math.nan)


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
