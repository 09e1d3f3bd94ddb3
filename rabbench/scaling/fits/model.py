"""Fits and nested models as data, the order that their evidence carries, and its words.

Goes by the constants below; computes no fit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Any, Literal

import numpy as np

from rabbench.stats.intervals import UNKNOWN, Estimate

Order = Literal["constant", "linear", "quadratic", "not judged"]
ORDERS: tuple[Order, ...] = ("constant", "linear", "quadratic")
Triple = tuple[float, float, float]

NOISE_FREE = ("flops", "index_size")
RESOLUTION = 1 << 20  # bytes: allocators and page counts differ that much from run to run
EXACT = 1e-9  # largest relative residual of an exact polynomial

ALPHA, SURE = 0.05, 0.01  # below SURE an F test stands where AICc, severe at small n, objects
FLAT, FLATTISH = 0.05, 0.1  # average exponent: constant anyway; constant if no growth is seen
HOPELESS = 5.0  # a factor of growth that noise cannot exclude: beyond it no number is worth saying
SLIGHT = 0.1  # share of the cost below which a quadratic term needs the evidence of SURE
MATTERS = 0.25  # share of the cost at the largest length in which a quadratic term may hide
MISFIT = 0.25  # largest relative residual of a fit that a verdict may rest on


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


def _is_supported(models: Sequence[Model], k: int) -> bool:
    """Whether the evidence carries order k over k - 1: the F test, and AICc unless p < SURE."""
    p = models[k].p
    return p is not None and p < ALPHA and (p < SURE or models[k].aicc < models[k - 1].aicc)


def has_bend(fit: Fit) -> bool:
    """Whether the evidence carries a quadratic term, of either sign.

    One that has come to little at the largest length must be sure: noise gives every twentieth
    linear cost a significant one, and it is small.
    """
    c, p = fit.c or UNKNOWN, fit.models[2].p
    slight = c.value > 0 and fit.share(c.value) < SLIGHT
    return _is_supported(fit.models, 2) and not (slight and (p is None or p >= SURE))


def choose_order(fit: Fit, bent: bool) -> tuple[Order, str]:
    """The order and why, by the constants above."""
    low, high = fit.lengths[0], fit.lengths[-1]
    growth, c, b = fit.growth or UNKNOWN, fit.c or UNKNOWN, fit.models[1].coefficients[1]
    grows = _is_supported(fit.models, 1)
    worst = max(abs(math.log(max(bound, 1e-9))) for bound in (growth.low, min(growth.high, 1e9)))
    flatness = worst / math.log(high / low)  # bound on the average exponent
    change = f"{_percent(math.expm1(worst))} over a {high / low:.3g}-fold range of lengths"
    hidden = cost_share(fit, c.high)
    misfit = fit.models[2 if bent else 1].residual
    if flatness < FLAT or (not bent and not grows and flatness < FLATTISH):
        return "constant", f"changes by less than {change} ({low:,} to {high:,} tokens)"
    if not bent and not grows:
        reason = f"no growth is certain, but {change} cannot be excluded"
        if worst > math.log(HOPELESS):
            reason = "the values scatter too much to say how they grow"
        return "not judged", f"{reason}; more repetitions or longer documents would decide"
    if misfit > MISFIT:
        misses = _percent(misfit) if misfit < HOPELESS else f"more than {_percent(HOPELESS)}"
        reason = f"no a + b·L + c·L² fits: it misses a value by {misses}"
        return "not judged", f"{reason}; see the values by length"
    if bent and c.value > 0:
        return "quadratic", f"the quadratic term is {cost_share(fit, c.value)}"
    if c.high < 0:
        return "linear", "at most linear: it bends downward (c < 0), sub-quadratic or saturating"
    if fit.share(c.high) > MATTERS:
        longer = f"--max-doc-len {max(b.value / c.high, 2.0 * high):,.0f}"
        reason = f"linear fits, but a quadratic term of up to {hidden} cannot be excluded"
        if fit.share(c.high) >= 1:
            reason = "linear fits, but the values scatter too much to exclude a quadratic term"
        return "not judged", f"{reason}; {longer} or more repetitions would decide"
    return "linear", f"a quadratic term is at most {hidden}"


def _percent(share: float) -> str:
    return f"{100 * share:,.0f} %" if share > 0.1 else f"{100 * share:.2g} %"


def cost_share(fit: Fit, c: float) -> str:
    """“24 % of the cost at 4,096 tokens”: what a quadratic coefficient makes up."""
    return f"{_percent(fit.share(c))} of the cost at {fit.lengths[-1]:,} tokens"


def render_verdict(fit: Fit, remark: str) -> str:
    """The verdict: order, leading coefficient with interval, and the remark."""
    if fit.leading is None:
        return remark
    if fit.order == "not judged" or (fit.order == "constant" and not fit.exact):
        return f"{fit.order}: {remark}"
    if fit.order == "quadratic":
        # Where the quadratic term passes the linear one, and the local exponent.
        length, exponent = (fit.crossover or UNKNOWN).value, (fit.exponent or UNKNOWN).value
        only = "only " if length > fit.lengths[-1] else ""
        remark += (
            f"; the quadratic term passes the linear one {only}at {max(length, 0):,.0f} tokens, "
            f"the local exponent is {exponent:.2f} at {fit.lengths[-1]:,}"
        )
    value, low, high = astuple(fit.leading)
    name, per = {"constant": ("", ""), "linear": ("b = ", "/token")}.get(
        fit.order, ("c = ", "/token²")
    )
    if fit.exact:
        whole = abs(value - round(value)) < 1e-6 * abs(value)
        text = f"exactly {name}{value:,.0f}" if whole else f"exactly {name}{value:,.6g}"
        return f"{fit.order}: {text} {fit.unit}{per}; {remark}"
    text = f"{name}{value:.3g} (95 % interval {low:.3g} to {high:.3g}) {fit.unit}{per}"
    return f"{fit.order}: {text}; {remark}"
