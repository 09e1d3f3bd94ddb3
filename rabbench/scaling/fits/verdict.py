"""The order that the evidence carries, and its words.

Goes by the constants below; computes no fit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import astuple

from rabbench.scaling.fits.model import Fit, Model, Order
from rabbench.stats.intervals import UNKNOWN

ALPHA, SURE = 0.05, 0.01  # below SURE an F test stands where AICc, severe at small n, objects
FLAT, FLATTISH = 0.05, 0.1  # average exponent: constant anyway; constant if no growth is seen
HOPELESS = 5.0  # a factor of growth that noise cannot exclude: beyond it no number is worth saying
SLIGHT = 0.1  # share of the cost below which a quadratic term needs the evidence of SURE
MATTERS = 0.25  # share of the cost at the largest length in which a quadratic term may hide
MISFIT = 0.25  # largest relative residual of a fit that a verdict may rest on


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
        reason = f"no a + b·L + c·L² fits: it misses a value by {_at_most(misfit)}"
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


def _at_most(share: float) -> str:
    return _percent(share) if share < HOPELESS else f"more than {_percent(HOPELESS)}"


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
        remark += f"; {_crossover(fit)}"
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


def _crossover(fit: Fit) -> str:
    """Where the quadratic term passes the linear one, and the local exponent."""
    length, exponent = (fit.crossover or UNKNOWN).value, (fit.exponent or UNKNOWN).value
    only = "only " if length > fit.lengths[-1] else ""
    return (
        f"the quadratic term passes the linear one {only}at {max(length, 0):,.0f} tokens, the "
        f"local exponent is {exponent:.2f} at {fit.lengths[-1]:,}"
    )
