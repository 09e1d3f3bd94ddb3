"""When the student pays off: what answering costs in all, and from which query on it costs less.

Reads rows, runs nothing. Of one document length, for N documents, Q queries and k candidates each:

    total(Q) = training + N · index + Q · (query + k · score)

Every one of the N documents is indexed once, whether it is ever asked about or not; k of them are
scored for each query. The first stage that picks the k is the same for all and left out. Only a
student is trained; a cost of training that was not given is left out, and said to be. What an index
occupies is bytes, not work, and stands apart (``storages``).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from rabbench.complexity import NOISE_FREE, Estimate, comparable, key, samples
from rabbench.records import Measurement, UsageError

NEEDS: Mapping[str, tuple[str, ...]] = {
    "teacher": ("score",),
    "teacher-cached": ("index", "score"),
    "rabtriever": ("index", "query", "score"),
    "rabtriever-chunked": ("index", "query", "score"),
}
"""The phases that a total is made of: a system without one of them has no total."""

STUDENTS = ("rabtriever", "rabtriever-chunked")
OTHERS = ("teacher", "teacher-cached")
MEASURES = ("flops", "latency")
GB = 1e9  # bytes, as storage is sold
DRAWS = 999

Kind = Literal["always", "from", "until", "never", "not measured"]
Parts = tuple[Fraction, Fraction]


@dataclass(frozen=True, kw_only=True)
class Load:
    """What is to be answered.

    ``n_docs`` documents are indexed, ``k`` of them scored for each query. ``training_flops`` and
    ``training_s`` are what the student's training took (None: not measured, left out);
    ``price_gb_month`` is what a gigabyte (10⁹ bytes) of index costs a month, in any currency.
    """

    n_docs: int = 1000
    k: int = 100
    training_flops: float | None = None
    training_s: float | None = None
    price_gb_month: float | None = None

    def __post_init__(self) -> None:
        """Refuse a load that nobody can have."""
        if not 1 <= self.k <= self.n_docs:
            raise UsageError(
                f"k = {self.k} candidates of N = {self.n_docs} documents: there must be at least 1 "
                "and no more than there are documents"
            )
        for name in ("training_flops", "training_s", "price_gb_month"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < math.inf:
                raise UsageError(f"{name} = {value}: must be finite and not below 0")

    def training(self, measure: str) -> float | None:
        """The student's training in the unit of this measure; None where it is not known."""
        return {"flops": self.training_flops, "latency": self.training_s}.get(measure)


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
class BreakEven:
    """From which query on the student's total is below another system's.

    ``queries`` is the smallest whole number of queries at which it is, infinite where it never is,
    with the 95 % interval that resampling the repeated runs gives (equal bounds: exact).
    ``kind``: ``always`` from the first query, ``from`` that query on, ``until`` only for the first
    ``last`` queries, since each further one costs the student more, ``never``, or ``not measured``
    with ``why``. ``trained`` says whether the training is counted in.
    """

    student: str
    other: str
    measure: str
    doc_len: int
    key: Mapping[str, Any]
    kind: Kind
    queries: Estimate | None = None
    last: int | None = None
    trained: bool = False
    why: str = ""


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
        key=key(score),
        phases=values,
        missing=missing,
        draws=draws,
    )


def total(bill: Bill, load: Load, queries: int) -> float | None:
    """The cost of this many queries in the bill's unit; None where a phase was not measured."""
    if bill.missing:
        return None
    fixed, each = _parts(bill, load)
    return float(fixed + queries * each)


def _parts(bill: Bill, load: Load) -> Parts:
    """What is spent once and what every query costs, exactly."""
    cost = {phase: Fraction(value) for phase, value in bill.phases.items()}
    trained = load.training(bill.measure) if bill.system in STUDENTS else None
    fixed = Fraction(trained or 0) + load.n_docs * cost.get("index", Fraction(0))
    return fixed, cost.get("query", Fraction(0)) + load.k * cost["score"]


def break_even(student: Bill, other: Bill, load: Load) -> BreakEven:
    """The break-even of two bills of one measure and length."""
    known: dict[str, Any] = {
        "student": student.system,
        "other": other.system,
        "measure": student.measure,
        "doc_len": student.doc_len,
        "key": other.key,
        "trained": load.training(student.measure) is not None,
    }
    lacking = [
        f"{bill.system} {phase} ({status})"
        for bill in (student, other)
        for phase, status in bill.missing.items()
    ]
    if lacking:
        return BreakEven(kind="not measured", why=", ".join(lacking), **known)
    kind, first, last = _solved(_parts(student, load), _parts(other, load))
    low, high = _interval(student, other, load)
    queries = Estimate(first, min(low, first), max(high, first))
    return BreakEven(kind=kind, queries=queries, last=last, **known)


def _solved(student: Parts, other: Parts) -> tuple[Kind, float, int | None]:
    """How the totals lie, the first query at which the student's is below, and the last one."""
    debt = student[0] - other[0]  # what the student spends more before the first query
    gain = other[1] - student[1]  # what every query then saves
    if gain > 0:
        first = max(1, math.floor(debt / gain) + 1)
        return ("always" if first == 1 else "from"), first, None
    if debt >= gain:
        return "never", math.inf, None
    if gain == 0:
        return "always", 1, None
    return "until", 1, math.ceil(debt / gain) - 1


def _interval(student: Bill, other: Bill, load: Load) -> tuple[float, float]:
    """The 95 % percentile interval of the first cheaper query, each phase's runs resampled."""
    if student.measure in NOISE_FREE:
        return math.inf, -math.inf  # exact: the value is its own bound
    if any(len(bill.draws[phase]) < 2 for bill in (student, other) for phase in bill.phases):
        return -math.inf, math.inf
    rng = np.random.default_rng(0)
    (fixed, each), (other_fixed, other_each) = (
        _drawn_parts(bill, load, rng) for bill in (student, other)
    )
    debt, gain = fixed - other_fixed, other_each - each
    with np.errstate(divide="ignore", invalid="ignore"):
        paid = np.maximum(1, np.floor(debt / gain) + 1)
    cheaper_at_once = np.where(debt < gain, 1.0, np.inf)
    first = np.where(gain > 0, paid, cheaper_at_once)
    low, high = np.percentile(first, [2.5, 97.5], method="inverted_cdf")
    return float(low), float(high)


def _drawn_parts(bill: Bill, load: Load, rng: np.random.Generator) -> tuple[Any, Any]:
    """``_parts`` of resampled medians: two arrays of ``DRAWS``."""
    drawn = {
        phase: np.median(rng.choice(raw, size=(DRAWS, len(raw))), axis=1)
        for phase, raw in bill.draws.items()
    }
    trained = load.training(bill.measure) if bill.system in STUDENTS else None
    fixed = (trained or 0.0) + load.n_docs * drawn.get("index", np.zeros(DRAWS))
    return fixed, drawn.get("query", np.zeros(DRAWS)) + load.k * drawn["score"]


def matches(
    found: Sequence[Bill], *, students: Sequence[str] = STUDENTS, others: Sequence[str] = OTHERS
) -> Iterator[tuple[Bill, Bill]]:
    """Every student's bill with each comparable one of the others, by measure and length."""
    for other in found:
        if other.system not in others:
            continue
        for name in students:
            fitting = [
                bill
                for bill in found
                if (bill.system, bill.measure, bill.doc_len) == (name, other.measure, other.doc_len)
                and comparable(bill.key, other.key)
            ]
            fitting.sort(key=lambda bill: bill.key.get("pairs") != other.key.get("pairs"))
            if fitting:
                yield fitting[0], other


def break_evens(
    rows: Iterable[Measurement],
    load: Load | None = None,
    *,
    students: Sequence[str] = STUDENTS,
    others: Sequence[str] = OTHERS,
) -> list[BreakEven]:
    """The break-even of each student against each other system, at every measured length."""
    pairs = matches(bills(rows), students=students, others=others)
    return [break_even(student, other, load or Load()) for student, other in pairs]


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
                key=key(row),
                bytes_per_doc=row.value,
                bytes=kept,
                per_month=price,
            )
        )
    return found
