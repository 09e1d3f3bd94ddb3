"""The opening of a report: what the fits and factors say, in plain sentences, and what to doubt.

Reads rows, fits and ratios; says only what a row or a fit backs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from rabbench.complexity import UNKNOWN, Fit
from rabbench.records import Measurement
from rabbench.report.factors import Ratio
from rabbench.report.labels import Labels, is_cost, name_of
from rabbench.report.page import KeyFigure
from rabbench.report.units import amount, interval, times

TEACHER, STUDENT = "teacher", "rabtriever"
DECIDING = ("flops", "latency")
MANY_TIES = 0.1  # share of queries with ties at which a ranking deserves a warning
POWERS = {"constant": "", "linear": " per token", "quadratic": " per token²"}


def verdict(fits: Sequence[Fit], ratios: Sequence[Ratio], labels: Labels) -> list[str]:
    """The sentences about cost; empty where there was no sweep."""
    scoring = [fit for fit in fits if fit.phase == "score" and fit.measure in DECIDING]
    named = [(TEACHER, "the teacher"), (STUDENT, "the student")]
    if not any(fit.system in {TEACHER, STUDENT} for fit in scoring):
        named = [(system, system) for system in sorted({fit.system for fit in scoring})]
    sentences = []
    for system, subject in named:
        sweep = _first_sweep([fit for fit in scoring if fit.system == system and fit.values])
        if sweep:
            shown = labels.of(system, sweep[0].key)
            who = subject if shown in {subject, f"{subject[4:]}"} else f"{subject} ({shown})"
            sentences.append(f"Scoring one pair with {who} {_growth(sweep)}.")
    return [*sentences, *_factor_sentence(ratios)]


def _growth(sweep: Sequence[Fit]) -> str:
    """“is quadratic in document length, counted and timed: …”, or each cost for itself."""
    judged = [fit for fit in sweep if fit.order != "not judged" and fit.leading is not None]
    if len(judged) == 2 and judged[0].order == judged[1].order:
        both = "; ".join(_detail(fit) for fit in judged)
        return f"is {judged[0].order} in document length, by count and by the clock: {both}"
    said = []
    for fit in sweep:
        what = "in FLOPs" if fit.measure == "flops" else "in measured time"
        detail = _detail(fit) if fit in judged else fit.remark
        said.append(f"{fit.order} in document length {what} ({detail})")
    return f"is {', and '.join(said)}"


def _first_sweep(fits: Sequence[Fit]) -> list[Fit]:
    """One fit a measure: densely counted FLOPs, and the first sweep where there are several."""
    chosen: dict[str, Fit] = {}
    for fit in fits:
        if fit.key.get("pairs", "dense") == "dense":
            chosen.setdefault(fit.measure, fit)
    return [chosen[measure] for measure in DECIDING if measure in chosen]


def _detail(fit: Fit) -> str:
    """The coefficient with its interval and what it means, without the order."""
    leading = fit.leading or UNKNOWN
    low, high = fit.lengths[0], fit.lengths[-1]
    value = amount(leading.value, fit.unit)
    if fit.order == "constant" and fit.exact:
        return f"{value} at {low:,} tokens as at {high:,}"
    if fit.order == "constant":
        return f"{value}, {fit.remark}"
    sure = "exact count" if fit.exact else f"95 % interval {interval(leading, fit.unit)}"
    known = f"{value}{POWERS[fit.order]} ({sure})"
    if fit.crossover is not None and fit.crossover.value > 0:
        known += f", the quadratic term passing the linear one at {fit.crossover.value:,.0f} tokens"
    return known


def _factor_sentence(ratios: Sequence[Ratio]) -> list[str]:
    last = _last(ratios)
    if not last:
        return []
    length = max(ratio.doc_len for ratio in last.values())
    parts, counted = [], []
    for measure, word in (("flops", "the FLOPs"), ("latency", "the time")):
        ratio = last.get(measure)
        if ratio is not None and ratio.doc_len == length:
            parts.append(f"{times(ratio.score.value)} {word}")
            if ratio.with_query is not None:
                counted.append(f"{times(ratio.with_query.value)} {word}")
    if not parts:
        return []
    query = f"; {' and '.join(counted)} when the query's encoding is counted in" if counted else ""
    return [f"At {length:,} tokens the teacher needs {' and '.join(parts)} per pair{query}."]


def _last(ratios: Sequence[Ratio]) -> dict[str, Ratio]:
    """Each measure's ratio at its largest length, densely counted, of the first sweep."""
    last: dict[str, Ratio] = {}
    for ratio in ratios:
        if ratio.key.get("pairs", "dense") != "dense":
            continue
        held = last.get(ratio.measure)
        if held is None or ratio.doc_len > held.doc_len:
            last[ratio.measure] = ratio
    return last


def key_figures(fits: Sequence[Fit], ratios: Sequence[Ratio]) -> list[KeyFigure]:
    """The few numbers that stand at the top."""
    found = []
    for system, who in ((TEACHER, "Teacher"), (STUDENT, "Student")):
        for fit in _first_sweep([f for f in fits if f.system == system and f.phase == "score"]):
            if fit.measure == "flops" or fit.order != "not judged":
                how = "exact count" if fit.exact else "measured"
                label = f"{who}’s {name_of(fit.measure)} per pair"
                found.append(KeyFigure(fit.order, label, f"in document length, {how}"))
                break
    last = _last(ratios)
    for measure in DECIDING:
        ratio = last.get(measure)
        if ratio is None:
            continue
        noun = "FLOPs" if measure == "flops" else "time"
        label = f"the {noun} per pair, teacher over student at {ratio.doc_len:,} tokens"
        if ratio.with_query is None:
            found.append(KeyFigure(times(ratio.score.value), label))
        else:
            alone = f"{times(ratio.score.value)} for the scoring step alone"
            note = f"with the query’s encoding counted in; {alone}"
            found.append(KeyFigure(times(ratio.with_query.value), label, note))
    return found


def warnings(rows: Sequence[Measurement], labels: Labels) -> list[str]:
    """What a reader must know before believing the rest."""
    found = []
    if labels.untrained:
        names = ", ".join(sorted(labels.untrained))
        found.append(
            f"{names}: the predictor is untrained; its ranking is meaningless, its cost is not."
        )
    found += _failures(rows)
    for row in rows:
        ties = row.params.get("tied_queries")
        if isinstance(ties, (int, float)) and ties > MANY_TIES:
            where = row.params.get("dataset", "")
            found.append(
                f"{row.system} gives equal scores in {100 * ties:.0f} % of "
                f"the queries of {where}: its figures hang on the rule that breaks ties."
            )
    return list(dict.fromkeys(found))


def _failures(rows: Sequence[Measurement]) -> list[str]:
    """One sentence per kind of failure; ``unsupported`` is a property, not a failure."""
    lost = Counter(
        (row.system, row.phase, row.measure, row.status, _why(row))
        for row in rows
        if row.status not in {"ok", "unsupported"}
    )
    sentences = []
    for (system, phase, measure, status, message), count in lost.items():
        points = "1 point" if count == 1 else f"{count} points"
        why = f": {message}" if message else ""
        sentences.append(
            f"{system}, {phase}, {name_of(measure)}: {points} not measured ({status}){why}"
        )
    return sentences


def _why(row: Measurement) -> str:
    return str(row.params.get("message") or row.params.get("error") or "")


def unsupported(rows: Iterable[Measurement]) -> list[str]:
    """What could not be measured by nature, one line each."""
    found = {
        f"{row.system}, {row.phase}: {name_of(row.measure)} is not measured "
        f"({row.params.get('message', 'unsupported')})."
        for row in rows
        if row.status == "unsupported" and is_cost(row)
    }
    return sorted(found)
