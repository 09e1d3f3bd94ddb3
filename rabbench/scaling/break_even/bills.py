"""The terms of a total: what each phase of a system costs at one length, and the load it meets.

Reads rows; compares nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rabbench.config.scaling import Load
from rabbench.scaling.fits import NOISE_FREE, comparable, samples, sweep_key
from rabbench.types import Measurement

NEEDS: Mapping[str, tuple[str, ...]] = {
    "teacher": ("score",),
    "teacher-cached": ("index", "score"),
    "rabtriever": ("index", "query", "score"),
    "rabtriever-chunked": ("index", "query", "score"),
}
"""The phases that a total is made of: a system without one of them has no total."""

STUDENTS = ("rabtriever", "rabtriever-chunked")
MEASURES = ("flops", "latency")
GB = 1e9  # bytes, as storage is sold

Parts = tuple[Fraction, Fraction]


@dataclass(frozen=True, kw_only=True)
class Bill:
    """What each phase of one system costs at one document length: the terms of a total.

    ``phases`` in ``unit`` for a document, a query and a pair, with the phases of ``NEEDS``;
    ``missing`` says why one of them has no value. ``draws`` are the raw samples of a noisy phase.
    """

    system: str
    measure: str
    unit: str
    doc_len: int
    key: Mapping[str, Any]
    phases: Mapping[str, float]
    missing: Mapping[str, str] = field(default_factory=dict)
    draws: Mapping[str, NDArray[np.float64]] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, kw_only=True)
class Storage:
    """What a system's index of all N documents occupies; ``per_month`` by the load's price."""

    system: str
    doc_len: int
    key: Mapping[str, Any]
    bytes_per_doc: float
    bytes: float
    per_month: float | None


def bills(rows: Iterable[Measurement]) -> list[Bill]:
    """The bill of every teacher and student, measure, sweep and length that was scored.

    A query's cost does not depend on the document, so any length's serves; a causal count that
    equals the dense one has no row of its own, so the dense one serves.
    """
    costs = [row for row in rows if row.system in NEEDS and "doc_len" in row.params]
    scored = [row for row in costs if row.phase == "score" and row.measure in MEASURES]
    found = [_bill(row, costs) for row in scored]
    return sorted(found, key=lambda one: (one.measure, one.system, str(one.key), one.doc_len))


def _bill(score: Measurement, costs: Sequence[Measurement]) -> Bill:
    length, pairs = score.params["doc_len"], score.params.get("pairs")
    values: dict[str, float] = {}
    missing: dict[str, str] = {}
    draws = {}
    for phase in NEEDS[score.system]:
        fitting = [
            row
            for row in costs
            if (row.system, row.phase, row.measure) == (score.system, phase, score.measure)
            and (phase == "query" or row.params["doc_len"] == length)
            and comparable(score.params, row.params)
        ]
        fitting = [score] if phase == "score" else fitting
        fitting.sort(
            key=lambda row: (
                row.value is None,
                row.params["doc_len"] != length,
                row.params.get("pairs") != pairs,
            )
        )
        if not fitting or fitting[0].value is None:
            missing[phase] = fitting[0].status if fitting else "no row"
            continue
        values[phase] = fitting[0].value
        if score.measure not in NOISE_FREE:
            draws[phase] = samples(fitting[0])
    return Bill(
        system=score.system,
        measure=score.measure,
        unit=score.unit,
        doc_len=int(length),
        key=sweep_key(score),
        phases=values,
        missing=missing,
        draws=draws,
    )


def total(bill: Bill, load: Load, queries: int) -> float | None:
    """The cost of this many queries in the bill's unit; None where a phase was not measured."""
    if bill.missing:
        return None
    fixed, each = parts(bill, load)
    return float(fixed + queries * each)


def terms(bill: Bill, load: Load) -> tuple[float, float] | None:
    """What is spent once and what every query costs; None where a phase was not measured."""
    if bill.missing:
        return None
    fixed, each = parts(bill, load)
    return float(fixed), float(each)


def parts(bill: Bill, load: Load) -> Parts:
    """What is spent once and what every query costs, exactly."""
    cost = {phase: Fraction(value) for phase, value in bill.phases.items()}
    trained = load.training(bill.measure) if bill.system in STUDENTS else None
    fixed = Fraction(trained or 0) + load.n_docs * cost.get("index", Fraction(0))
    return fixed, cost.get("query", Fraction(0)) + load.k * cost["score"]


def storages(rows: Iterable[Measurement], load: Load | None = None) -> list[Storage]:
    """What each system's index occupies at each length, and costs if the load has a price."""
    load, found = load or Load(), []
    for row in rows:
        if row.measure != "index_size" or row.value is None or "doc_len" not in row.params:
            continue
        kept = row.value * load.n_docs
        price = None if load.price_gb_month is None else kept / GB * load.price_gb_month
        found.append(
            Storage(
                system=row.system,
                doc_len=int(row.params["doc_len"]),
                key=sweep_key(row),
                bytes_per_doc=row.value,
                bytes=kept,
                per_month=price,
            )
        )
    return found
