"""A plan in words: totals first, then where the time goes, then what was assumed."""

from __future__ import annotations

from collections.abc import Iterator

from rabbench.plan.budget import render_amount
from rabbench.plan.record import Plan


def render_plan(plan: Plan) -> Iterator[str]:
    """The lines that ``rabbench plan`` prints."""
    flops = sum(
        row.value or 0.0
        for row in plan.rows
        if row.measure == "flops" and row.params.get("pairs", "dense") == "dense"
    )
    yield f"wall time      {render_amount(plan.wall_s, 'time')}"
    yield f"peak memory    {render_amount(plan.peak_bytes, 'memory')}"
    yield f"index          {render_amount(plan.index_bytes, 'index')}"
    yield f"download       {render_amount(plan.download_bytes, 'download')}"
    if flops:
        yield f"FLOPs          {flops:.3g}, once through every phase and length"
    yield ""
    for system, seconds in plan.by_system().items():
        yield f"  {system:<20} {render_amount(seconds, 'time')}"
    if plan.assumptions:
        yield ""
        yield from (f"assumed: {line}" for line in plan.assumptions)
