"""How a cost grows with document length: fits of a + b·L + c·L² and verdicts in words.

Knows measurement rows and statistics; runs nothing, knows no system. It refuses a verdict that the
data cannot carry, and says what would.
"""

from __future__ import annotations

from rabbench.scaling.fits.model import EXACT, NOISE_FREE, ORDERS, RESOLUTION, Fit
from rabbench.scaling.fits.sweeps import (
    comparable,
    fit_sweep,
    fit_sweeps,
    is_dense,
    matching_row,
    samples,
    sweep_key,
)

__all__ = [
    "EXACT", "NOISE_FREE", "ORDERS", "RESOLUTION", "Fit",
    "comparable", "fit_sweep", "fit_sweeps", "is_dense", "matching_row", "samples", "sweep_key",
]  # fmt: skip
