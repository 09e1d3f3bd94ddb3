"""The Pareto front of cost and quality, and how sure it is.

Knows costs and resampled qualities as numbers; knows no system and no unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rabbench.stats.intervals import Array


def on_front(costs: Sequence[float], qualities: Array) -> Any:
    """Whether each system is on the front: none costs no more, is no worse, and better in one.

    Args:
        costs: (S,) of each system; less is better.
        qualities: (…, S) of each system; more is better.

    Returns:
        (…, S), booleans.
    """
    cost = np.asarray(costs, dtype=float)
    # [..., i, j]: j dominates i
    no_dearer, cheaper = cost[None, :] <= cost[:, None], cost[None, :] < cost[:, None]
    quality_i, quality_j = qualities[..., :, None], qualities[..., None, :]
    dominated = no_dearer & (quality_j >= quality_i) & (cheaper | (quality_j > quality_i))
    return ~dominated.any(axis=-1)


def shares(costs: Sequence[float], draws: Array) -> Array:
    """The share of query resamples in which each system is on the front: (draws, S) → (S,)."""
    front_shares: Array = on_front(costs, draws).mean(axis=0)
    return front_shares
