"""The opening of a report: what the fits and factors say, in plain sentences, and what to doubt.

Reads rows, fits and ratios; says only what a row or a fit backs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from rabbench.complexity import Fit
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
    sentences = []
    for system, subject in ((TEACHER, "the teacher"), (STUDENT, "the student")):
        of_system = _first_sweep([fit for fit in scoring if fit.system == system])
        said = [_said(fit) for fit in of_system if fit.values or fit.failed]
        if said:
            who = labels.of(system, of_system[0].key)
            sentences.append(
                f"Scoring one query–document pair with {subject} ({who}): {'; '.join(said)}."
            )
    if not sentences:
        for fit in scoring:
            who = labels.of(fit.system, fit.key)
            sentences.append(f"Scoring one pair with {who}: {_said(fit)}.")
    return [*sentences, *_factor_sentence(ratios)]


def _first_sweep(fits: Sequence[Fit]) -> list[Fit]:
    """One fit a measure: densely counted FLOPs, and the first sweep where there are several."""
    chosen: dict[str, Fit] = {}
    for fit in fits:
        if fit.key.get("pairs", "dense") == "dense":
            chosen.setdefault(fit.measure, fit)
    return [chosen[measure] for measure in DECIDING if measure in chosen]


def _said(fit: Fit) -> str:
    what = "in FLOPs" if fit.measure == "flops" else "in measured time"
    if fit.order == "not judged" or fit.leading is None:
        return f"{what} {fit.verdict}"
    low, high = fit.lengths[0], fit.lengths[-1]
    value = amount(fit.leading.value, fit.unit)
    known = f"{value}{POWERS[fit.order]}"
    if fit.order == "constant":
        if fit.exact:
            return f"constant {what} ({value} at {low:,} tokens as at {high:,})"
        return f"constant {what} ({fit.verdict.partition(': ')[2]})"
    range_ = "exact count" if fit.exact else f"95 % interval {interval(fit.leading, fit.unit)}"
    if fit.order == "quadratic":
        turn = ""
        if fit.crossover is not None and fit.crossover.value > 0:
            turn = f", the quadratic term passing the linear one at {fit.crossover.value:,.0f} tokens"
        return f"quadratic in document length {what} ({known}, {range_}{turn})"
    return f"{fit.verdict.partition(':')[0]} in document length {what} ({known}, {range_})"


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
    for measure, ratio in _last(ratios).items():
        if measure in DECIDING:
            noun = "FLOPs" if measure == "flops" else "time"
            counted = ratio.with_query
            note = f"{times(counted.value)} with the query encoded" if counted else ""
            label = f"{noun} per pair at {ratio.doc_len:,} tokens"
            found.append(KeyFigure(times(ratio.score.value), f"teacher / student {label}", note))
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
        ties = row.params.get("tie_share")
        if isinstance(ties, (int, float)) and ties > MANY_TIES:
            where = row.params.get("dataset", "")
            found.append(
                f"{labels.of(row.system, row.params)} gives equal scores in {100 * ties:.0f} % of "
                f"the queries of {where}: its figures hang on the rule that breaks ties."
            )
    return list(dict.fromkeys(found))


def _failures(rows: Sequence[Measurement]) -> list[str]:
    """One sentence per kind of failure; ``unsupported`` is a property, not a failure."""
    lost = Counter(
        (row.system, row.phase, row.measure, row.status, str(row.params.get("message", "")))
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


def unsupported(rows: Iterable[Measurement]) -> list[str]:
    """What could not be measured by nature, one line each."""
    found = {
        f"{row.system}, {row.phase}: {name_of(row.measure)} is not measured "
        f"({row.params.get('message', 'unsupported')})."
        for row in rows
        if row.status == "unsupported" and is_cost(row)
    }
    return sorted(found)
