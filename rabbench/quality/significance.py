"""Differences between systems by their scores of each query: tests, intervals, power.

Knows numbers per query by name; knows no system, no metric and no report. All resampling is over
queries, paired (every system meets the same ones), and seeded, so that equal scores give equal
figures.

Source: power of the paired t test as an approximation of the smallest detectable difference (Sakai,
"Topic set size design", 2016).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

import numpy as np

from rabbench.stats.intervals import (
    LEVEL,
    Estimate,
    QueryScores,
    paired,
    percentile_interval,
    resampled_means,
)
from rabbench.stats.permutation import holm, permutation_p_values

POWER = 0.8


@dataclass(frozen=True, kw_only=True)
class SystemPair:
    """Two systems on the same queries; a difference is the first's mean less the second's.

    ``p`` is the two-sided permutation test's, ``adjusted`` Holm's over all pairs that were compared
    with it. ``wins`` counts queries on which the first scores higher. ``detectable`` is the
    difference that four of five such samples of queries would show at 5 % (None without spread).
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


@lru_cache(maxsize=64)
def _detectable_effect(count: int) -> float:
    """The standardised difference that a paired t test over ``count`` queries finds at 80 %."""
    from statsmodels.stats.power import TTestPower

    return float(TTestPower().solve_power(nobs=count, alpha=LEVEL, power=POWER))


def compare_systems(scores: Mapping[str, QueryScores]) -> list[SystemPair]:
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
    p_values = permutation_p_values(differences)
    adjusted = holm([p for p, _ in p_values])
    draws = resampled_means(differences)
    system_pairs = []
    for column, ((a, b), (p, exact)) in enumerate(zip(pairs, p_values, strict=True)):
        difference = differences[:, column]
        spread = float(difference.std(ddof=1))
        system_pairs.append(
            SystemPair(
                first=names[a],
                second=names[b],
                difference=percentile_interval(float(difference.mean()), draws[:, column]),
                p=p,
                adjusted=float(adjusted[column]),
                exact=exact,
                wins=int((difference > 0).sum()),
                ties=int((difference == 0).sum()),
                losses=int((difference < 0).sum()),
                detectable=_detectable_effect(len(difference)) * spread if spread > 0 else None,
            )
        )
    return system_pairs


def tied_with_best(pairs: Sequence[SystemPair]) -> list[str]:
    """The system with the best mean, and those that do not differ from it significantly."""
    if not pairs:
        return []
    best = pairs[0].first
    return [best, *(p.second for p in pairs if p.first == best and not p.significant)]
