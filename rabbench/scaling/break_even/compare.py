"""Two totals against each other: the first query at which the student's is the lower one.

Counts are compared exactly, as fractions; times with the interval that their repeated runs give.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from rabbench.config.scaling import Load
from rabbench.scaling.break_even.bills import STUDENTS, Bill, Parts, bills, parts
from rabbench.scaling.fits import NOISE_FREE, comparable
from rabbench.stats.intervals import Estimate
from rabbench.types import Measurement

OTHERS = ("teacher", "teacher-cached")
DRAWS = 999

Kind = Literal["always", "from", "until", "never", "not measured"]


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
    kind, first, last = _solved(parts(student, load), parts(other, load))
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
        _drawn(bill, load, rng) for bill in (student, other)
    )
    debt, gain = fixed - other_fixed, other_each - each
    with np.errstate(divide="ignore", invalid="ignore"):
        paid = np.maximum(1, np.floor(debt / gain) + 1)
    cheaper_at_once = np.where(debt < gain, 1.0, np.inf)
    first = np.where(gain > 0, paid, cheaper_at_once)
    low, high = np.percentile(first, [2.5, 97.5], method="inverted_cdf")
    return float(low), float(high)


def _drawn(bill: Bill, load: Load, rng: np.random.Generator) -> tuple[Any, Any]:
    """``parts`` of resampled medians: two arrays of ``DRAWS``."""
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
