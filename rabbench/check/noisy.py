"""The noisy tier: latency, memory and energy as ratios within one run, by rank tests.

A ratio must exceed the baseline's by a margin: the policy's floor, or three standard deviations of
the benchmark's own noise where that is more. Absolute figures are compared on one machine only, and
only where that is asked for. A regression is called only where each of several runs shows it: a
single run may have met a bad moment. Knows rows; runs nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from statistics import fmean, geometric_mean
from typing import Any

from rabbench.check.model import ALPHA, MEANT, SURE, CheckResult, CheckStatus
from rabbench.check.ratios import ABSOLUTE, LengthRuns, PhaseSweep, build_sweeps, choose_references
from rabbench.check.reading import Reading, row_place, tier
from rabbench.config.check import Policy
from rabbench.stats import ranks
from rabbench.stats.ranks import OneSidedTests

SAME_KIND = ("threads", "gpus")
AGAIN = "give several runs (DIR DIR …)"
MORE = f"measure with more --rounds or --points, or {AGAIN}"


def check_noisy(
    base: Sequence[Reading], head: Sequence[Reading], policy: Policy, *, absolute: bool = False
) -> Iterator[CheckResult]:
    """Compare each noisy measure of each phase of the baseline over all its lengths.

    ``absolute`` compares the figures themselves, which only one machine allows.
    """
    rows = [row for row in base[0].rows.values() if tier(row) == "noisy" and row.value is not None]
    machines = {reading.environment.get("machine") for reading in (*base, *head)}
    elsewhere = len(machines) != 1 or None in machines
    refusal = _refusal(base, head, absolute=absolute, elsewhere=elsewhere)
    floor = policy.elsewhere if elsewhere else policy.floor
    references = () if absolute else policy.references or choose_references(rows)
    sweeps = build_sweeps(rows, base, head, references=references, floor=floor, absolute=absolute)
    for sweep in sweeps:
        if refusal:
            yield _result(sweep, "missing", message=refusal)
        else:
            alike = [similar for similar in sweeps if similar.row.measure == sweep.row.measure]
            yield _judge(sweep, policy, floor, noise=_noise(sweep, alike))


def _refusal(
    base: Sequence[Reading], head: Sequence[Reading], *, absolute: bool, elsewhere: bool
) -> str:
    """Why these runs cannot be compared at all; empty where they can."""
    before = base[0].environment
    for after in (reading.environment for reading in (*base[1:], *head)):
        if absolute and elsewhere:
            return (
                f"another machine ({after.get('machine')}, the baseline's is "
                f"{before.get('machine')}): absolute figures compare within one machine only; "
                "leave --absolute out, or measure the baseline here"
            )
        for name in SAME_KIND:
            if after.get(name) != before.get(name):
                return (
                    f"another kind of machine: {name} {after.get(name)!r}, the baseline's "
                    f"{before.get(name)!r}; ratios carry over between machines of one kind only: "
                    "measure the baseline on such a machine (--update --reason TEXT)"
                )
    return ""


def _noise(sweep: PhaseSweep, alike: Sequence[PhaseSweep]) -> float:
    """The relative change that equal things may show: within runs, from run to run, by length."""
    sides = [side for point in sweep.points.values() for side in (point.base, point.head)]
    log_ratios = (
        chain.from_iterable(map(ranks.within_runs, sides)),
        chain.from_iterable(map(ranks.between_runs, sides)),
        ranks.between_lengths(sweep.changes),
        chain.from_iterable(ranks.between_lengths(similar.changes) for similar in alike),
    )
    return math.expm1(max(ranks.three_sigma([*ratios]) for ratios in log_ratios))


def _judge(sweep: PhaseSweep, policy: Policy, floor: float, *, noise: float) -> CheckResult:
    """The verdict on one sweep, worst first: missing, regression, unclear, pass."""
    if sweep.missing:
        more = f" (and {len(sweep.missing) - 1} more)" if len(sweep.missing) > 1 else ""
        return _result(sweep, "missing", message=sweep.missing[0] + more)
    points, margin = sweep.points, 1 + max(floor, noise)
    whole = ranks.signed_rank(sweep.changes, margin)
    tests = {length: ranks.mann_whitney(*point.pooled, margin) for length, point in points.items()}
    where, p = _significant_growth(points, margin, whole, tests)
    if where:
        message = f"worse by more than the margin {where}, {_most(points)}"
        if min(len(point.head) for point in points.values()) > 1:
            message = f"{message}, in every run; {MEANT}"
            return _result(sweep, "regression", margin=margin, p=p, message=message)
        message = f"{message}, but in one run only; repeat it: {AGAIN}"
        return _result(sweep, "unclear", margin=margin, p=p, message=message)
    if noise > policy.ceiling:
        message = (
            f"equal samples differ by up to {1 + noise:.3g}× here; above {1 + policy.ceiling:.3g}× "
            f"a comparison says nothing: quieten the machine, or {MORE}"
        )
        return _result(sweep, "unclear", margin=margin, message=message)
    p = min(whole.below, max(sides.below for sides in tests.values()))
    exceeding = sorted(length for length, point in points.items() if point.change > margin)
    if exceeding:
        lengths = _list(exceeding)
        message = f"not surely beyond the margin at {lengths} tokens, {_most(points)}: {MORE}"
        return _result(sweep, "unclear", margin=margin, p=p, message=message)
    if p >= SURE:
        n = min(min(map(len, point.pooled)) for point in points.values())
        message = f"{len(points)} lengths of {n} samples cannot show that nothing changed: {MORE}"
        return _result(sweep, "unclear", margin=margin, p=p, message=message)
    improved = all(point.change < 1 / margin for point in points.values())
    message = "better at every length; --update holds it to that" if improved else ""
    return _result(sweep, "pass", margin=margin, p=p, message=message)


def _significant_growth(
    points: Mapping[int, LengthRuns],
    margin: float,
    whole: OneSidedTests,
    tests: Mapping[int, OneSidedTests],
) -> tuple[str, float]:
    """Where the growth beyond the margin is shown, by its test and in each run; and the p."""
    least = {length: point.least_change for length, point in points.items()}
    if whole.above < ALPHA and geometric_mean(least.values()) > margin:
        return "over all lengths", whole.above
    lengths = [at for at, sides in tests.items() if sides.above < ALPHA and least[at] > margin]
    if not lengths:
        return "", 1.0
    return f"at {_list(sorted(lengths))} tokens", min(tests[at].above for at in lengths)


def _most(points: Mapping[int, LengthRuns]) -> str:
    """The length that changed most for the worse."""
    length = max(points, key=lambda at: points[at].change)
    return f"most at {length:,}: {points[length].change:.2f}×"


def _list(lengths: Sequence[int]) -> str:
    return ", ".join(f"{length:,}" for length in lengths)


def _result(
    sweep: PhaseSweep,
    status: CheckStatus,
    *,
    message: str,
    margin: float | None = None,
    p: float | None = None,
) -> CheckResult:
    """A sweep's result; its figures are the geometric means over all lengths."""
    row = sweep.row
    figures: dict[str, Any] = {}
    if sweep.points and not sweep.missing:
        medians = [point.medians for point in sweep.points.values()]
        base, head = (geometric_mean(side) for side in zip(*medians, strict=True))
        if row.better == "higher":
            base, head = 1 / base, 1 / head
        chance = fmean(ranks.superiority(*point.pooled) for point in sweep.points.values())
        figures = {"base": base, "head": head, "change": head / base, "chance": chance}
    return CheckResult(
        tier="noisy",
        system=row.system,
        phase=row.phase,
        measure=row.measure,
        where=row_place(row.params, without={"doc_len"}),
        status=status,
        unit=row.unit if sweep.over == ABSOLUTE else "×",
        better=row.better,
        over="" if sweep.over == ABSOLUTE else sweep.over,
        margin=margin,
        p=p,
        message=message,
        **figures,
    )
