"""The verdict in three sentences: how cost grows, what that comes to, and who ranks how well.

Chooses and shortens; what each rests on stands in the findings, which are complete.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rabbench.report.cost.factors import Ratio
from rabbench.report.cost.headline import DECIDING, last, sweeps
from rabbench.report.labels import CACHED, STUDENT, TEACHER, Labels
from rabbench.report.wording import percent, times
from rabbench.scaling.fits import Fit

MOST = 3
WHO = {TEACHER: "the teacher", STUDENT: "the student"}
CLOCKS = {"flops": "by count", "latency": "by the clock"}


def three(cost: Sequence[str], quality: Sequence[str], training: Sequence[str]) -> list[str]:
    """The sentences that open a report: of cost and of quality where there are both.

    Args:
        cost: sentences about cost, the most telling first.
        quality: about quality, the most telling first.
        training: about a training.
    """
    room = MOST - min(len(quality), 1) if cost else 0
    chosen = [*cost[:room], *quality[: MOST - min(len(cost), room)]]
    return (chosen or list(training))[:MOST]


def growth(fits: Sequence[Fit], labels: Labels) -> str:
    """“Scoring a pair is quadratic in document length with the teacher and constant with …”."""
    found: dict[str, list[Fit]] = {}
    for system in WHO:
        mine = [f for f in fits if (f.system, f.phase) == (system, "score") and f.values]
        sweep = next(iter(sweeps(mine, labels).values()), {})
        found[system] = [sweep[measure] for measure in DECIDING if measure in sweep]
    found = {system: sweep for system, sweep in found.items() if sweep}
    if not found:
        return ""
    judged = [fit for sweep in found.values() for fit in sweep if fit.order != "not judged"]
    if not judged:
        why = next(fit.remark for sweep in found.values() for fit in sweep)
        return f"How the cost of a pair grows with document length is not judged: {why}."
    agreed = all(len({fit.order for fit in sweep}) == 1 for sweep in found.values())
    both = agreed and all(len(sweep) == 2 for sweep in found.values())
    clauses = [f"{_orders(sweep)} with {WHO[system]}" for system, sweep in found.items()]
    first, *rest = clauses
    head, _, tail = first.partition(" with ")
    said = " and ".join([f"{head} in document length with {tail}", *rest])
    how = ", by count and by the clock" if both else ""
    return f"Scoring a pair is {said}{how}{_weight(found)}."


def _orders(found: Sequence[Fit]) -> str:
    """“quadratic”, or what each way of measuring says."""
    if len({fit.order for fit in found}) == 1:
        return found[0].order
    return " but ".join(f"{fit.order} {CLOCKS[fit.measure]}" for fit in found)


def _weight(found: Mapping[str, Sequence[Fit]]) -> str:
    """What the teacher's quadratic term comes to at the longest document; empty without one."""
    for fit in found.get(TEACHER, ()):
        if fit.order == "quadratic" and fit.leading is not None:
            share = percent(fit.share(fit.leading.value))
            noun = "FLOPs" if fit.measure == "flops" else "time"
            at = f"at {fit.lengths[-1]:,} tokens"
            return f"; {at} the quadratic term is {share} of the teacher’s {noun}"
    return ""


def factor(ratios: Sequence[Ratio], labels: Labels) -> str:
    """What a pair costs the teacher over the student at the longest document."""
    whole = [ratio for ratio in ratios if ratio.under_system == STUDENT]
    found = next(
        (
            sweep
            for system in (TEACHER, CACHED)
            for sweep in last([r for r in whole if r.over_system == system], labels).values()
        ),
        {},
    )
    if not found:
        return ""
    length = max(ratio.doc_len for ratio in found.values())
    parts, counted = [], True
    for measure, word in (("flops", "FLOPs"), ("latency", "time")):
        ratio = found.get(measure)
        if ratio is not None and ratio.doc_len == length:
            online = ratio.with_query or ratio.score
            counted = counted and ratio.with_query is not None
            parts.append(f"{times(online.value)} the {word}")
    if not parts:
        return ""
    uncached = next(iter(found.values())).over_system == TEACHER
    who = "the teacher" if uncached else "the cached teacher"
    query = ", its query encoded" if counted else ""
    return f"At {length:,} tokens a pair costs {who} {' and '.join(parts)} of the student{query}."
