"""Fits and nested models as data; params and measures by which rows are grouped.

Decides and computes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from rabbench.stats.intervals import Estimate

Order = Literal["constant", "linear", "quadratic", "not judged"]
ORDERS: tuple[Order, ...] = ("constant", "linear", "quadratic")
Triple = tuple[float, float, float]

KEYS = ("model", "attention", "dtype", "device", "pairs", "query_len", "n_docs", "k", "trained")
"""The params that distinguish two sweeps of a system."""

NOISE_FREE = ("flops", "index_size")
RESOLUTION = 1 << 20  # bytes: allocators and page counts differ that much from run to run
EXACT = 1e-9  # largest relative residual of an exact polynomial


@dataclass(frozen=True, kw_only=True)
class Model:
    """One of the nested models; ``p`` is the F test against the next lower one."""

    order: Order
    coefficients: tuple[Estimate, ...]
    aicc: float
    p: float | None
    residual: float


@dataclass(frozen=True, kw_only=True)
class Fit:
    """The growth of one cost of one phase of one system.

    ``c`` belongs to the full model a + b·L + c·L² whatever the order;
    ``coefficients`` and ``leading`` (the highest one, with interval) belong to the order's model.
    ``exponents`` is d log F / d log L at each length, ``exponent`` that at the largest by the full
    model, ``crossover`` L* = b/c, ``growth`` F(largest)/F(smallest) as fitted, ``residual`` the
    largest relative one, ``sampling`` c by bootstrap, ``covariance`` that of ``coefficients`` times
    t², t the 97.5 % quantile of Student's t. ``failed``: lengths without a value.
    ``remark`` is the verdict without order and coefficient. ``reads_at_most``: tokens of a document
    that a truncating system reads; longer documents are left out.
    """

    system: str
    phase: str
    measure: str
    unit: str
    key: Mapping[str, Any]
    lengths: tuple[int, ...]
    values: tuple[float, ...]
    order: Order = "not judged"
    verdict: str = ""
    remark: str = ""
    exact: bool = False
    coefficients: Triple | None = None
    covariance: tuple[Triple, Triple, Triple] | None = None
    c: Estimate | None = None
    leading: Estimate | None = None
    sampling: Estimate | None = None
    models: tuple[Model, ...] = ()
    exponents: tuple[float, ...] = ()
    exponent: Estimate | None = None
    crossover: Estimate | None = None
    growth: Estimate | None = None
    residual: float | None = None
    failed: tuple[tuple[int, str], ...] = ()
    reads_at_most: int | None = None

    @property
    def n_points(self) -> int:
        """How many lengths the fit rests on."""
        return len(set(self.lengths))

    def share(self, c: float) -> float:
        """The part of the cost at the largest length that a quadratic coefficient makes up."""
        return min(max(c * self.lengths[-1] ** 2 / self.values[-1], 0.0), 1.0)

    @property
    def quadratic_share(self) -> float | None:
        """The share that the quadratic term makes up at the largest length; None without one."""
        if self.order != "quadratic" or self.leading is None:
            return None
        return self.share(self.leading.value)

    def predict(self, length: float) -> float:
        """The cost at a length by ``coefficients``; NaN without them."""
        a, b, c = self.coefficients or (math.nan,) * 3
        return a + b * length + c * length**2

    def band(self, length: float) -> tuple[float, float]:
        """The 95 % confidence interval of the curve at a length; NaN without a covariance."""
        powers = np.array([1.0, length, length**2])
        spread = powers @ np.array(self.covariance or np.full((3, 3), math.nan)) @ powers
        middle, half = self.predict(length), math.sqrt(max(float(spread), 0.0))
        return middle - half, middle + half
