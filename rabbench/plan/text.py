"""A plan in words: totals first, then where the time goes, then what was assumed."""

from __future__ import annotations

from collections.abc import Iterator

from rabbench.plan.budget import LIMITS, render_amount
from rabbench.plan.record import Plan


def render_plan(plan: Plan) -> Iterator[str]:
    """The lines that ``rabbench plan`` prints."""
    flops = sum(
        row.value or 0.0
        for row in plan.rows
        if row.measure == "flops" and row.params.get("pairs", "dense") == "dense"
    )
    titles = ("wall time", "peak memory", "index", "download")
    for title, (limit, key) in zip(titles, LIMITS.items(), strict=True):
        yield f"{title:<14} {render_amount(getattr(plan, key), limit)}"
    if flops:
        yield f"FLOPs          {flops:.3g}, once through every phase and length"
    yield ""
    for system, seconds in plan.by_system().items():
        yield f"  {system:<20} {render_amount(seconds, 'time')}"
    if plan.assumptions:
        yield ""
        yield from (f"assumed: {line}" for line in plan.assumptions)
