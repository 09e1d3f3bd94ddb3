"""The terms of a total: what each phase of a system costs at one length, and the load it meets.

Reads rows; compares nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from rabbench.config.scaling import Load
from rabbench.scaling.fits import NOISE_FREE, matching_row, samples, sweep_key
from rabbench.stats.intervals import Array
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
    draws: Mapping[str, Array] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, kw_only=True)
class Storage:
    """What a system's index of all N documents occupies; ``per_month`` by the load's price."""

    system: str
    doc_len: int
    key: Mapping[str, Any]
    bytes: float
    per_month: float | None


def bills(rows: Iterable[Measurement]) -> list[Bill]:
    """The bill of every teacher and student, measure, sweep and length that was scored.

    Another phase's row is that of ``matching_row``.
    """
    costs = [row for row in rows if row.system in NEEDS and "doc_len" in row.params]
    scores = [row for row in costs if row.phase == "score" and row.measure in MEASURES]
    systems = [_bill(row, costs) for row in scores]
    return sorted(
        systems, key=lambda bill: (bill.measure, bill.system, str(bill.key), bill.doc_len)
    )


def _bill(score: Measurement, costs: Sequence[Measurement]) -> Bill:
    values: dict[str, float] = {}
    missing: dict[str, str] = {}
    draws = {}
    for phase in NEEDS[score.system]:
        place = {"system": score.system, "phase": phase}
        row = score if phase == "score" else matching_row(score, costs, **place)
        if row is None or row.value is None:
            missing[phase] = row.status if row else "no row"
            continue
        values[phase] = row.value
        if score.measure not in NOISE_FREE:
            draws[phase] = samples(row)
    return Bill(
        system=score.system,
        measure=score.measure,
        unit=score.unit,
        doc_len=int(score.params["doc_len"]),
        key=sweep_key(score),
        phases=values,
        missing=missing,
        draws=draws,
    )


def total(bill: Bill, load: Load, queries: int) -> float | None:
    """The cost of this many queries in the bill's unit; None where a phase was not measured."""
    if bill.missing:
        return None
    fixed, each = exact_terms(bill, load)
    return float(fixed + queries * each)


def terms(bill: Bill, load: Load) -> tuple[float, float] | None:
    """What is spent once and what every query costs; None where a phase was not measured."""
    if bill.missing:
        return None
    fixed, each = exact_terms(bill, load)
    return float(fixed), float(each)


def exact_terms(bill: Bill, load: Load) -> tuple[Fraction, Fraction]:
    """What is spent once and what every query costs, exactly."""
    phases = {phase: Fraction(value) for phase, value in bill.phases.items()}
    fixed, each = combine_phases(phases, load)
    return fixed + Fraction(training(bill, load)), each


def combine_phases(phases: Mapping[str, Any], load: Load) -> tuple[Any, Any]:
    """The fixed term without training, and that of a query, from numbers or arrays of them."""
    each = phases.get("query", 0) + load.k * phases["score"]
    return load.n_docs * phases.get("index", 0), each


def training(bill: Bill, load: Load) -> float:
    """What training costs in the bill's unit: 0 for a teacher, or where it was not given."""
    return (load.training(bill.measure) or 0.0) if bill.system in STUDENTS else 0.0


def storages(rows: Iterable[Measurement], load: Load | None = None) -> list[Storage]:
    """What each system's index occupies at each length, and costs if the load has a price."""
    load = load or Load()
    price = load.price_gb_month
    return [
        Storage(
            system=row.system,
            doc_len=int(row.params["doc_len"]),
            key=sweep_key(row),
            bytes=row.value * load.n_docs,
            per_month=None if price is None else row.value * load.n_docs / GB * price,
        )
        for row in rows
        if row.measure == "index_size" and row.value is not None and "doc_len" in row.params
    ]
