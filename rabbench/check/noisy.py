"""The noisy tier: latency, memory and energy as ratios within one run, by rank tests.

A ratio must exceed the baseline's by a margin: the policy's floor, or three standard deviations of
the benchmark's own noise where that is more. Absolute figures are compared on one machine only, and
only where that is asked for. A regression is called only where each of several runs shows it: one
run on its own may have met a bad moment. Knows rows; runs nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from statistics import fmean, geometric_mean
from typing import Any

from rabbench.check.model import ALPHA, MEANT, SURE, CheckResult, Status
from rabbench.check.ratios import ABSOLUTE, Group, Point, chosen, groups
from rabbench.check.reading import Reading, located, tier
from rabbench.config.check import Policy
from rabbench.stats import ranks
from rabbench.stats.ranks import OneSidedTests
from rabbench.types import Measurement

SAME_KIND = ("threads", "gpus")
AGAIN = "give several runs (DIR DIR …)"
MORE = f"measure with more --rounds or --points, or {AGAIN}"


def _compared(row: Measurement) -> bool:
    return tier(row) == "noisy" and row.value is not None


def findings(
    base: Sequence[Reading], head: Sequence[Reading], policy: Policy, *, absolute: bool = False
) -> Iterator[CheckResult]:
    """Compare each noisy measure of each phase of the baseline over all its lengths.

    Args:
        base: the baseline's runs.
        head: the runs to judge.
        policy: floor, ceiling and references.
        absolute: compare the figures themselves, which only one machine allows.
    """
    rows = [row for row in base[0].rows.values() if _compared(row)]
    machines = {reading.environment.get("machine") for reading in (*base, *head)}
    elsewhere = len(machines) != 1 or None in machines
    refusal = _refusal(base, head, absolute=absolute, elsewhere=elsewhere)
    floor = policy.elsewhere if elsewhere else policy.floor
    references = () if absolute else policy.references or chosen(rows)
    found = groups(rows, base, head, references, floor, absolute=absolute)
    for group in found:
        if refusal:
            yield _finding(group, "missing", message=refusal)
        else:
            alike = [one for one in found if one.row.measure == group.row.measure]
            yield _judged(group, policy, floor, noise=_noise(group, alike))


def _refusal(
    base: Sequence[Reading], head: Sequence[Reading], *, absolute: bool, elsewhere: bool
) -> str:
    """Why these runs cannot be compared at all; empty where they can."""
    theirs = base[0].environment
    for ours in (reading.environment for reading in (*base[1:], *head)):
        if absolute and elsewhere:
            return (
                f"another machine ({ours.get('machine')}, the baseline's is "
                f"{theirs.get('machine')}): absolute figures compare within one machine only; "
                "leave --absolute out, or measure the baseline here"
            )
        for name in SAME_KIND:
            if ours.get(name) != theirs.get(name):
                return (
                    f"another kind of machine: {name} {ours.get(name)!r}, the baseline's "
                    f"{theirs.get(name)!r}; ratios carry over between machines of one kind only: "
                    "measure the baseline on such a machine (--update --reason TEXT)"
                )
    return ""


def _noise(group: Group, alike: Sequence[Group]) -> float:
    """The relative change that equal things may show: within runs, from run to run, by length."""
    sides = [side for point in group.points.values() for side in (point.base, point.head)]
    kinds = (
        chain.from_iterable(map(ranks.within_runs, sides)),
        chain.from_iterable(map(ranks.between_runs, sides)),
        ranks.between_lengths(group.changes),
        chain.from_iterable(ranks.between_lengths(one.changes) for one in alike),
    )
    return math.expm1(max(ranks.three_sigma([*kind]) for kind in kinds))


def _judged(group: Group, policy: Policy, floor: float, *, noise: float) -> CheckResult:
    """The verdict on one group, worst first: missing, regression, unclear, pass."""
    if group.missing:
        more = f" (and {len(group.missing) - 1} more)" if len(group.missing) > 1 else ""
        return _finding(group, "missing", message=group.missing[0] + more)
    points, margin = group.points, 1 + max(floor, noise)
    whole = ranks.signed_rank(group.changes, margin)
    each = {length: ranks.mann_whitney(*point.all, margin) for length, point in points.items()}
    beyond = sorted(length for length, point in points.items() if point.change > margin)
    at, p = _grown(points, margin, whole, each)
    if at:
        message = f"worse by more than the margin {at}, {_most(points)}"
        if min(len(point.head) for point in points.values()) > 1:
            message = f"{message}, in every run; {MEANT}"
            return _finding(group, "regression", margin=margin, p=p, message=message)
        message = f"{message}, but in one run only; repeat it: {AGAIN}"
        return _finding(group, "unclear", margin=margin, p=p, message=message)
    if noise > policy.ceiling:
        message = (
            f"equal samples differ by up to {1 + noise:.3g}× here; above {1 + policy.ceiling:.3g}× "
            f"a comparison says nothing: quieten the machine, or {MORE}"
        )
        return _finding(group, "unclear", margin=margin, message=message)
    below = [sides.below for sides in each.values()]
    p = min(whole.below, max(below))
    if beyond:
        message = f"not surely beyond the margin at {_list(beyond)} tokens, {_most(points)}: {MORE}"
        return _finding(group, "unclear", margin=margin, p=p, message=message)
    if p >= SURE:
        n = min(min(map(len, point.all)) for point in points.values())
        message = f"{len(points)} lengths of {n} samples cannot show that nothing changed: {MORE}"
        return _finding(group, "unclear", margin=margin, p=p, message=message)
    gained = all(point.change < 1 / margin for point in points.values())
    message = "better at every length; --update holds it to that" if gained else ""
    return _finding(group, "pass", margin=margin, p=p, message=message)


def _grown(
    points: Mapping[int, Point],
    margin: float,
    whole: OneSidedTests,
    each: Mapping[int, OneSidedTests],
) -> tuple[str, float]:
    """Where the growth beyond the margin is shown, by its test and in each run; and the p."""
    if whole.above < ALPHA and geometric_mean(one.least for one in points.values()) > margin:
        return "over all lengths", whole.above
    found = [at for at, sides in each.items() if sides.above < ALPHA and points[at].least > margin]
    if not found:
        return "", 1.0
    return f"at {_list(sorted(found))} tokens", min(each[at].above for at in found)


def _most(points: Mapping[int, Point]) -> str:
    """The length that changed most for the worse."""
    length = max(points, key=lambda at: points[at].change)
    return f"most at {length:,}: {points[length].change:.2f}×"


def _list(lengths: Sequence[int]) -> str:
    return ", ".join(f"{length:,}" for length in lengths)


def _finding(
    group: Group,
    status: Status,
    *,
    message: str,
    margin: float | None = None,
    p: float | None = None,
) -> CheckResult:
    """A group's finding; its figures are the geometric means over all lengths."""
    row = group.row
    figures: dict[str, Any] = {}
    if group.points and not group.missing:
        middles = [point.middles for point in group.points.values()]
        base, head = (geometric_mean(of) for of in zip(*middles, strict=True))
        if row.better == "higher":
            base, head = 1 / base, 1 / head
        figures = {"base": base, "head": head, "change": head / base}
        figures["chance"] = fmean(ranks.superiority(*point.all) for point in group.points.values())
    return CheckResult(
        tier="noisy",
        system=row.system,
        phase=row.phase,
        measure=row.measure,
        where=located(row.params, without={"doc_len"}),
        status=status,
        unit=row.unit if group.over == ABSOLUTE else "×",
        better=row.better,
        over="" if group.over == ABSOLUTE else group.over,
        margin=margin,
        p=p,
        message=message,
        **figures,
    )
