"""A plan in words: totals first, then where the time goes, then what was assumed."""

from __future__ import annotations

from collections.abc import Iterator

from rabbench.plan.budget import said
from rabbench.plan.record import Plan


def render_plan(plan: Plan) -> Iterator[str]:
    """The lines that ``rabbench plan`` prints."""
    counted = [row for row in plan.rows if row.measure == "flops"]
    dense = [row for row in counted if row.params.get("pairs", "dense") == "dense"]
    flops = sum(row.value or 0.0 for row in dense)
    yield f"wall time      {said(plan.wall_s, 'time')}"
    yield f"peak memory    {said(plan.peak_bytes, 'memory')}"
    yield f"index          {said(plan.index_bytes, 'index')}"
    yield f"download       {said(plan.download_bytes, 'download')}"
    if flops:
        yield f"FLOPs          {flops:.3g}, once through every phase and length"
    yield ""
    for system, seconds in plan.by_system().items():
        yield f"  {system:<20} {said(seconds, 'time')}"
    if plan.assumptions:
        yield ""
        yield from (f"assumed: {line}" for line in plan.assumptions)
