"""Factors of one system's cost over another's, per pair and document length.

Knows measurement rows and two systems' names; a factor of times has a bootstrap interval.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rabbench.report.labels import STUDENT, TEACHER
from rabbench.scaling.fits import NOISE_FREE, comparable, samples, sweep_key
from rabbench.stats.intervals import Estimate, median_ratio
from rabbench.types import Measurement

ADDITIVE = ("flops", "latency", "energy")
"""Costs where the query's and the pair's share can be added."""


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """One factor ``over``/``under`` of the online cost of a pair.

    ``with_query`` counts the under-system's query encoding in full, as if it scored one document
    a query; None where it has no query phase or the measure does not add up.
    """

    over_system: str
    under_system: str
    measure: str
    unit: str
    doc_len: int
    key: Mapping[str, Any]
    over: float
    under: float
    score: Estimate
    with_query: Estimate | None


def ratios(
    rows: Iterable[Measurement], *, over: str = TEACHER, under: str = STUDENT
) -> list[Ratio]:
    """The factor of online cost for every measure and length that both systems have."""
    measured = [row for row in rows if row.value is not None and "doc_len" in row.params]
    under_rows = [row for row in measured if row.system == under]
    factors = []
    for row in measured:
        if row.system != over or row.phase != "score" or not row.value or row.unit == "1":
            continue
        pair = _match(row, under_rows, "score")
        if pair is None or not pair.value:
            continue
        query = _match(row, under_rows, "query") if row.measure in ADDITIVE else None
        factors.append(
            Ratio(
                over_system=over,
                under_system=under,
                measure=row.measure,
                unit=row.unit,
                doc_len=int(row.params["doc_len"]),
                key=sweep_key(row),
                over=row.value,
                under=pair.value,
                score=_estimate(row, pair),
                with_query=None if query is None else _estimate(row, pair, query),
            )
        )
    return sorted(factors, key=lambda ratio: (ratio.measure, str(ratio.key), ratio.doc_len))


def _match(row: Measurement, under: Sequence[Measurement], phase: str) -> Measurement | None:
    """The under-system's row of the same measure and sweep.

    A causal count that equals the dense one has no row of its own, so ``pairs`` only ranks; a
    query's cost does not depend on the document, so there ``doc_len`` only ranks.
    """

    def mismatches(candidate: Measurement) -> list[bool]:
        return [candidate.params.get(name) != row.params.get(name) for name in ("doc_len", "pairs")]

    candidates = [
        candidate
        for candidate in under
        if (candidate.phase, candidate.measure) == (phase, row.measure)
        and comparable(row.params, candidate.params)
        and (phase == "query" or candidate.params["doc_len"] == row.params["doc_len"])
    ]
    return min(candidates, key=mismatches, default=None)


def _estimate(over: Measurement, *under: Measurement) -> Estimate:
    """The ratio over / Σ under; its interval from repeated runs, each row's resampled."""
    if over.measure in NOISE_FREE:
        value = (over.value or 0.0) / sum(row.value or 0.0 for row in under)
        return Estimate(value, value, value)
    return median_ratio(samples(over), *map(samples, under))
