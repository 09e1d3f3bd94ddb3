"""The paired permutation test, and Holm's correction over a family of tests.

Sources: the paired permutation test as Smucker, Allan and Carterette recommend it for retrieval
(CIKM 2007); Holm, "A Simple Sequentially Rejective Multiple Test Procedure", 1979.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rabbench.stats.intervals import BATCH, SEED, Array

PERMUTATIONS = 9_999
EXACT = 13  # queries that differ, up to which all 2^n sign patterns are counted


def permutation_p_values(differences: Array) -> list[tuple[float, bool]]:
    """Two-sided p of each column under random signs, and whether all patterns were counted.

    Where the two systems do not differ, each query's difference is as likely to have the other
    sign. Queries without a difference change nothing, so only the rest count for exactness.

    Args:
        differences: (Q, P), a column a pair.
    """
    sampled = _sampled_p(differences)  # one pass for all columns
    p_values = []
    for column in range(differences.shape[1]):
        differing = differences[:, column][differences[:, column] != 0]
        exact = len(differing) <= EXACT
        p_values.append((_exact_p(differing) if exact else float(sampled[column]), exact))
    return p_values


def _exact_p(differing: Array) -> float:
    """The share of all sign patterns whose sum is at least as far from 0 as the observed."""
    n = len(differing)
    patterns = (np.arange(2**n)[:, None] >> np.arange(n)) & 1  # (2^n, n)
    sums = np.abs((1 - 2 * patterns) @ differing)
    return float(np.mean(sums >= abs(differing.sum()) - _slack(differing)))


def _sampled_p(differences: Array) -> Array:
    """(1 + as far out) / (1 + permutations), which never is 0 (Phipson and Smyth, 2010)."""
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


def holm(p_values: Sequence[float]) -> Array:
    """Holm's step-down adjustment of P p-values (1979): (P,), in the order given.

    As statsmodels' ``multipletests``, which runs a full garbage collection on each call: slow in a
    process that holds models, and a report corrects many families.
    """
    p = np.asarray(p_values, dtype=float)
    order = np.argsort(p)
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(stepped)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted
