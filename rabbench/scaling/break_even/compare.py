"""Two totals against each other: the first query at which the student's is the lower one.

Counts are compared exactly, as fractions; times with the interval that their repeated runs give.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

import numpy as np

from rabbench.config.scaling import Load
from rabbench.scaling.break_even.bills import (
    STUDENTS,
    Bill,
    bills,
    combine_phases,
    exact_terms,
    training,
)
from rabbench.scaling.fits import NOISE_FREE, comparable
from rabbench.stats.intervals import Estimate, percentile_interval, resampled_medians
from rabbench.types import Measurement

REFERENCES = ("teacher", "teacher-cached")


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
    fixed, each = exact_terms(student, load)
    reference_fixed, reference_each = exact_terms(reference, load)
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

    def terms(bill: Bill) -> tuple[Any, Any]:
        fixed, each = combine_phases({phase: next(medians) for phase in bill.draws}, load)
        return fixed + training(bill, load), each

    (fixed, each), (reference_fixed, reference_each) = terms(student), terms(reference)
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
