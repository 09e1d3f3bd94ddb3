"""When the student pays off: what answering costs in all, and from which query on it costs less.

Reads rows, runs nothing. Of one document length, for N documents, Q queries and k candidates each:

    total(Q) = training + N · index + Q · (query + k · score)

Every document is indexed once, whether it is ever asked about or not. The first stage is the same
for all and left out, and so is a student's training where its cost was not given, which is said.
Counts are compared exactly, as fractions; times with the interval of their repeated runs.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal

import numpy as np

from rabbench.config.scaling import Load
from rabbench.scaling.fits import NOISE_FREE, comparable, matching_row, samples, sweep_key
from rabbench.stats.intervals import Array, Estimate, percentile_interval, resampled_medians
from rabbench.types import Measurement

NEEDS: Mapping[str, tuple[str, ...]] = {
    "teacher": ("score",),
    "teacher-cached": ("index", "score"),
    "rabtriever": ("index", "query", "score"),
    "rabtriever-chunked": ("index", "query", "score"),
}
"""The phases that a total is made of: a system without one of them has no total."""

STUDENTS = ("rabtriever", "rabtriever-chunked")
REFERENCES = ("teacher", "teacher-cached")
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
    fixed, each = _exact_terms(bill, load)
    return float(fixed + queries * each)


def terms(bill: Bill, load: Load) -> tuple[float, float] | None:
    """What is spent once and what every query costs; None where a phase was not measured."""
    if bill.missing:
        return None
    fixed, each = _exact_terms(bill, load)
    return float(fixed), float(each)


def _exact_terms(bill: Bill, load: Load) -> tuple[Fraction, Fraction]:
    """What is spent once and what every query costs, exactly."""
    phases = {phase: Fraction(value) for phase, value in bill.phases.items()}
    fixed, each = _combine_phases(phases, load)
    return fixed + Fraction(_training(bill, load)), each


def _combine_phases(phases: Mapping[str, Any], load: Load) -> tuple[Any, Any]:
    """The fixed term without training, and that of a query, from numbers or arrays of them."""
    each = phases.get("query", 0) + load.k * phases["score"]
    return load.n_docs * phases.get("index", 0), each


def _training(bill: Bill, load: Load) -> float:
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


@dataclass(frozen=True, kw_only=True)
class BreakEven:
    """From which query on the student's total is below that of a reference.

    ``queries`` is the smallest whole number of queries at which it is, infinite where it never is,
    with the 95 % interval that resampling the repeated runs gives (equal bounds: exact).
    ``kind``: ``always`` from the first query, ``from`` that query on, ``until`` only for the first
    ``last`` queries, since each further one costs the student more, ``never``, or ``not measured``
    with ``why``. ``trained`` says whether the training is counted in.
    """

    student: str
    reference: str
    measure: str
    doc_len: int
    key: Mapping[str, Any]
    kind: Literal["always", "from", "until", "never", "not measured"]
    queries: Estimate | None = None
    last: int | None = None
    trained: bool = False
    why: str = ""


def break_even(student: Bill, reference: Bill, load: Load) -> BreakEven:
    """The break-even of two bills of one measure and length."""
    head: dict[str, Any] = {
        "student": student.system,
        "reference": reference.system,
        "measure": student.measure,
        "doc_len": student.doc_len,
        "key": reference.key,
        "trained": load.training(student.measure) is not None,
    }
    lacking = [
        f"{bill.system} {phase} ({status})"
        for bill in (student, reference)
        for phase, status in bill.missing.items()
    ]
    if lacking:
        return BreakEven(kind="not measured", why=", ".join(lacking), **head)
    fixed, each = _exact_terms(student, load)
    reference_fixed, reference_each = _exact_terms(reference, load)
    kind, first, last = _solve(fixed - reference_fixed, reference_each - each)
    queries = _interval(student, reference, load, first)
    return BreakEven(kind=kind, queries=queries, last=last, **head)


def _solve(debt: Fraction, gain: Fraction) -> tuple[Any, float, int | None]:
    """How the totals lie, the first query at which the student's is below, and the last one.

    ``debt`` is what the student spends more before the first query, ``gain`` what each one saves.
    """
    if debt < gain:  # cheaper from the first query
        return ("always", 1, None) if gain >= 0 else ("until", 1, math.ceil(debt / gain) - 1)
    return ("from", math.floor(debt / gain) + 1, None) if gain > 0 else ("never", math.inf, None)


def _interval(student: Bill, reference: Bill, load: Load, first: float) -> Estimate:
    """The first cheaper query with its 95 % interval, each phase's runs resampled."""
    if student.measure in NOISE_FREE:
        return Estimate(first, first, first)
    runs = [*student.draws.values(), *reference.draws.values()]
    if any(len(samples) < 2 for samples in runs):
        return Estimate(first)
    medians = iter(resampled_medians(runs).T)

    def resampled_terms(bill: Bill) -> tuple[Any, Any]:
        fixed, each = _combine_phases({phase: next(medians) for phase in bill.draws}, load)
        return fixed + _training(bill, load), each

    (fixed, each), (reference_fixed, reference_each) = map(resampled_terms, (student, reference))
    debt, gain = fixed - reference_fixed, reference_each - each
    with np.errstate(divide="ignore", invalid="ignore"):
        paid = np.maximum(1, np.floor(debt / gain) + 1)
    draws = np.where(gain > 0, paid, np.where(debt < gain, 1.0, np.inf))
    bounds = percentile_interval(first, draws)
    return Estimate(first, min(bounds.low, first), max(bounds.high, first))


def pair_bills(
    every: Sequence[Bill],
    *,
    students: Sequence[str] = STUDENTS,
    references: Sequence[str] = REFERENCES,
) -> Iterator[tuple[Bill, Bill]]:
    """Every student's bill with each comparable one of a reference, by measure and length."""
    for reference in every:
        if reference.system not in references:
            continue
        for name in students:
            work = (name, reference.measure, reference.doc_len)
            candidates = [
                bill
                for bill in every
                if (bill.system, bill.measure, bill.doc_len) == work
                and comparable(bill.key, reference.key)
            ]
            if candidates:
                pairs = reference.key.get("pairs")
                yield min(candidates, key=lambda bill: bill.key.get("pairs") != pairs), reference


def break_evens(
    rows: Iterable[Measurement],
    load: Load | None = None,
    *,
    students: Sequence[str] = STUDENTS,
    references: Sequence[str] = REFERENCES,
) -> list[BreakEven]:
    """The break-even of each student against each reference, at every measured length."""
    pairs = pair_bills(bills(rows), students=students, references=references)
    return [break_even(student, reference, load or Load()) for student, reference in pairs]
