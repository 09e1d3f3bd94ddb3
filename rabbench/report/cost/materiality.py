"""How much an order says: what a quadratic term weighs so far, and whether the work explains it.

Reads fits; a cost may be quadratic to the digit and show nothing of it at the lengths measured, or
bend by the clock though its operations do not.
"""

from __future__ import annotations

from collections.abc import Iterable

from rabbench.report.wording import percent
from rabbench.scaling.fits import Fit, comparable
from rabbench.stats.intervals import UNKNOWN

LOWER = ("constant", "linear")


def weight(fit: Fit) -> str:
    """“2.1 % of the cost at 512 tokens”: what the quadratic term has come to."""
    share = percent(fit.share((fit.leading or UNKNOWN).value))
    return f"{share} of the cost at {fit.lengths[-1]:,} tokens"


def brief(fit: Fit) -> str:
    """“c·L² is 2.1 % at 512 tokens”; of a measured linear cost what it can be at most."""
    at = f"at {fit.lengths[-1]:,} tokens"
    if fit.order == "quadratic" and fit.leading is not None:
        return f"c·L² is {percent(fit.share(fit.leading.value))} {at}"
    if fit.order == "linear" and not fit.exact and fit.c is not None and fit.c.high > 0:
        return f"c·L² at most {percent(fit.share(fit.c.high))} {at}"
    return ""


def unexplained(fit: Fit, fits: Iterable[Fit]) -> str:
    """Why a time is quadratic where the count of the same work is not; empty elsewhere."""
    if (fit.measure, fit.order) != ("latency", "quadratic"):
        return ""
    for count in fits:
        same = (count.system, count.phase) == (fit.system, fit.phase)
        dense = count.measure == "flops" and count.key.get("pairs", "dense") == "dense"
        if same and dense and comparable(count.key, fit.key) and count.order in LOWER:
            return f"its FLOPs are {count.order}: the machine bends it, not the work"
    return ""
