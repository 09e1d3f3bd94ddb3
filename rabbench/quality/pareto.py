"""Which systems no other beats in both cost and quality, and how sure that is.

Knows costs and resampled qualities as numbers; knows no system and no unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[np.float64]]


def on_front(costs: Sequence[float], qualities: Array) -> Any:
    """Whether each is on the front: nothing costs no more and is no worse, and better in one.

    Args:
        costs: (S,) of each system; less is better.
        qualities: (…, S) of each system; more is better.

    Returns:
        (…, S), booleans.
    """
    cost = np.asarray(costs, dtype=float)
    # [..., i, j]: j beats i
    no_dearer, cheaper = cost[None, :] <= cost[:, None], cost[None, :] < cost[:, None]
    mine, other = qualities[..., :, None], qualities[..., None, :]
    beaten = no_dearer & (other >= mine) & (cheaper | (other > mine))
    return ~beaten.any(axis=-1)


def shares(costs: Sequence[float], draws: Array) -> Array:
    """How often each is on the front over resamples of the queries: (draws, S) → (S,)."""
    found: Array = on_front(costs, draws).mean(axis=0)
    return found
