"""How many times more one system costs than another, per pair and document length.

Knows measurement rows and two systems' names; where latency has raw samples, the factor has a
bootstrap interval (the ratio of the medians, each resampled on its own).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rabbench.report.labels import STUDENT, TEACHER
from rabbench.scaling.fits import NOISE_FREE, comparable, samples, sweep_key
from rabbench.stats.intervals import Estimate
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
    of_under = [row for row in measured if row.system == under]
    found = []
    for row in measured:
        if row.system != over or row.phase != "score" or not row.value or row.unit == "1":
            continue
        pair = _match(row, of_under, "score")
        if pair is None or not pair.value:
            continue
        query = _match(row, of_under, "query") if row.measure in ADDITIVE else None
        found.append(
            Ratio(
                over_system=over,
                under_system=under,
                measure=row.measure,
                unit=row.unit,
                doc_len=int(row.params["doc_len"]),
                key=sweep_key(row),
                over=row.value,
                under=pair.value,
                score=_estimate(row, [pair]),
                with_query=None if query is None else _estimate(row, [pair, query]),
            )
        )
    return sorted(found, key=lambda one: (one.measure, str(one.key), one.doc_len))


def _match(row: Measurement, others: Sequence[Measurement], phase: str) -> Measurement | None:
    """The other system's row of the same measure and sweep.

    A causal count that equals the dense one has no row of its own, so ``pairs`` only ranks; a
    query's cost does not depend on the document, so there ``doc_len`` only ranks.
    """
    fitting = [o for o in others if (o.phase, o.measure) == (phase, row.measure)]
    fitting = [o for o in fitting if comparable(row.params, o.params)]
    if phase == "score":
        fitting = [o for o in fitting if o.params["doc_len"] == row.params["doc_len"]]
    ranked = ("doc_len", "pairs")
    fitting.sort(key=lambda o: [o.params.get(name) != row.params.get(name) for name in ranked])
    return fitting[0] if fitting else None


def _estimate(over: Measurement, under: Sequence[Measurement]) -> Estimate:
    """The ratio over / Σ under, with the interval that resampling the raw samples gives."""
    value = (over.value or 0.0) / sum(row.value or 0.0 for row in under)
    if over.measure in NOISE_FREE:
        return Estimate(value, value, value)
    drawn = [samples(row) for row in (over, *under)]
    if any(len(sample) < 2 for sample in drawn):
        return Estimate(value)

    from scipy import stats

    def ratio(first: Any, *rest: Any, axis: int = -1) -> Any:
        return np.median(first, axis=axis) / sum(np.median(one, axis=axis) for one in rest)

    rng = np.random.default_rng(0)
    options: Any = {"n_resamples": 999, "method": "percentile", "random_state": rng}
    found = stats.bootstrap(drawn, ratio, **options).confidence_interval
    return Estimate(value, float(found.low), float(found.high))
