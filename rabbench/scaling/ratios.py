"""A teacher's cost of a pair over a student's, length by length.

Reads rows, runs nothing. A ratio of times has a bootstrap interval, one of counts is exact.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from rabbench.scaling.break_even import REFERENCES, STUDENTS
from rabbench.scaling.fits import NOISE_FREE, matching_row, samples, sweep_key
from rabbench.stats.intervals import Estimate, median_ratio
from rabbench.types import Measurement

ADDITIVE = ("flops", "latency", "energy")
"""Costs where the query's and the pair's share can be added."""


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """One factor of the online cost of a pair; ``over`` is the over-system's cost.

    ``with_query`` counts the under-system's query encoding in full, as if it scored one document
    a query; None where it has no query phase or the measure does not add up.
    """

    over_system: str
    under_system: str
    measure: str
    doc_len: int
    key: Mapping[str, Any]
    over: float
    score: Estimate
    with_query: Estimate | None


def cost_ratios(
    rows: Iterable[Measurement],
    *,
    references: Sequence[str] = REFERENCES,
    students: Sequence[str] = STUDENTS,
) -> list[Ratio]:
    """The factor for every measure and length that a reference and a student both have."""
    measured = [row for row in rows if row.value is not None and "doc_len" in row.params]
    scored = [row for row in measured if row.phase == "score" and row.value and row.unit != "1"]
    scored.sort(key=lambda row: (row.measure, str(sweep_key(row)), row.params["doc_len"]))
    pairs = [
        (row, matching_row(row, measured, system=student, phase="score"))
        for reference, student in product(references, students)
        for row in scored
        if row.system == reference
    ]
    return [_ratio(row, pair, measured) for row, pair in pairs if pair is not None and pair.value]


def _ratio(over: Measurement, under: Measurement, rows: Sequence[Measurement]) -> Ratio:
    query = None
    if over.measure in ADDITIVE:
        query = matching_row(over, rows, system=under.system, phase="query")
    return Ratio(
        over_system=over.system,
        under_system=under.system,
        measure=over.measure,
        doc_len=int(over.params["doc_len"]),
        key=sweep_key(over),
        over=over.value or 0.0,
        score=estimate_ratio(over, under),
        with_query=None if query is None else estimate_ratio(over, under, query),
    )


def estimate_ratio(over: Measurement, *under: Measurement) -> Estimate:
    """The ratio over / Σ under; its interval from repeated runs, each row's resampled."""
    if over.measure in NOISE_FREE:
        value = (over.value or 0.0) / sum(row.value or 0.0 for row in under)
        return Estimate(value, value, value)
    return median_ratio(samples(over), *map(samples, under))
