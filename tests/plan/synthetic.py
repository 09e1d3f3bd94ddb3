"""Plans, rows and results with figures that can be checked by hand."""

from __future__ import annotations

from typing import Any

from rabbench.plan import Plan, Step
from rabbench.types import Measurement, Results


def build_plan(**changes: Any) -> Plan:
    """Two hours, of which the teacher takes 50 minutes; 9 GB of memory."""
    fields: dict[str, Any] = {
        "command": "scaling",
        "rows": (),
        "steps": (
            Step(work="start", system="all", seconds=3600.0),
            Step(work="latency", system="teacher", seconds=3000.0),
            Step(work="latency", system="dense", seconds=600.0),
        ),
        "peak_bytes": 9_000_000_000,
        "index_bytes": 10,
        "download_bytes": 0,
    }
    return Plan(**{**fields, **changes})


def row(measure: str, value: float, unit: str, **changes: Any) -> Measurement:
    """A row of the teacher's score at 512 tokens."""
    fields: dict[str, Any] = {"system": "teacher", "phase": "score"}
    params = {"doc_len": 512, "attention": "sdpa", "model": "m", **changes.pop("params", {})}
    return Measurement(
        measure=measure,
        value=value,
        unit=unit,
        better="lower",
        params=params,
        **{**fields, **changes},
    )


def results(*rows: Measurement) -> Results:
    """The results of a sweep."""
    return Results(command="scaling", config={}, environment={}, rows=rows)
