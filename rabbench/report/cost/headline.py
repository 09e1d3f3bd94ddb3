"""The opening of a report: what the fits and factors say, in plain sentences.

Reads fits and ratios; says only what a row or a fit backs.
"""

from __future__ import annotations

from collections.abc import Sequence

from rabbench.report.cost.factors import Ratio
from rabbench.report.cost.materiality import unexplained, weight
from rabbench.report.labels import CACHED, CHUNKED, SEPARATOR, STUDENT, TEACHER, Labels, name_of
from rabbench.report.page import KeyFigure
from rabbench.report.wording import amount, interval, percent, times
from rabbench.scaling.fits import Fit
from rabbench.stats.intervals import UNKNOWN

SUBJECTS = {
    TEACHER: "the teacher",
    CACHED: "the teacher over a cached document",
    STUDENT: "the student",
}
DECIDING = ("flops", "latency")
MOST_SWEEPS = 3  # of one system; the ledger has them all
POWERS = {"constant": "", "linear": " per token", "quadratic": " per token²"}


def verdict(fits: Sequence[Fit], ratios: Sequence[Ratio], labels: Labels) -> list[str]:
    """The sentences about cost; empty where there was no sweep."""
    scoring = [fit for fit in fits if fit.phase == "score" and fit.values]
    named: Sequence[str] = list(SUBJECTS)
    if not any(fit.system in named for fit in scoring):
        named = sorted({fit.system for fit in scoring})
    sentences = []
    for system in named:
        mine = sweeps([fit for fit in scoring if fit.system == system], labels)
        for label, sweep in list(mine.items())[:MOST_SWEEPS]:
            deciding = [sweep[measure] for measure in DECIDING if measure in sweep]
            if deciding:
                who = _subject(system, label)
                sentences.append(f"Scoring one pair with {who} {_growth(deciding)}.")
    whole = [ratio for ratio in ratios if ratio.under_system == STUDENT]
    return [
        *sentences,
        *_offline(fits),
        *_factor_sentences(whole, labels),
        *_chunked(fits, ratios),
    ]


def sweeps(fits: Sequence[Fit], labels: Labels) -> dict[str, dict[str, Fit]]:
    """Fits by sweep, then measure; of FLOPs the dense count."""
    found: dict[str, dict[str, Fit]] = {}
    for fit in fits:
        if fit.key.get("pairs", "dense") == "dense":
            found.setdefault(labels.of(fit.system, fit.key), {}).setdefault(fit.measure, fit)
    return dict(sorted(found.items()))


def _subject(system: str, label: str) -> str:
    """“the teacher”, “the student (rabtriever, eager)”, or a system by its label."""
    if system not in SUBJECTS:
        return label
    named = label if system == STUDENT else label.removeprefix(system)
    detail = ", ".join(filter(None, named.split(SEPARATOR)))
    return f"{SUBJECTS[system]} ({detail})" if detail else SUBJECTS[system]


def _offline(fits: Sequence[Fit]) -> list[str]:
    """What the student pays once a document for being cheap per pair."""
    said = _indexing(fits, STUDENT)
    return [f"The student reads a document once, offline: its indexing {said}."] if said else []


def _indexing(fits: Sequence[Fit], system: str) -> str:
    """“is quadratic in document length (1.2 TFLOP at …), and keeps 4 KiB of it”."""
    index = [fit for fit in fits if (fit.system, fit.phase) == (system, "index") and fit.values]
    cost = next((f for f in index if f.key.get("pairs") == "dense"), None)
    kept = next((fit for fit in index if fit.measure == "index_size"), None)
    if cost is None:
        return ""
    bytes_ = f", and keeps {amount(kept.values[-1], 'B')} of it" if kept else ""
    spent = f"{amount(cost.values[-1], cost.unit)} at {cost.lengths[-1]:,} tokens"
    if cost.order == "quadratic" and cost.leading is not None:
        spent += f", {percent(cost.share(cost.leading.value))} of it the quadratic term"
    if cost.order == "not judged":
        return f"takes {spent}{bytes_}"
    return f"is {_order(cost)} in document length ({spent}){bytes_}"


def _order(fit: Fit) -> str:
    bends_down = fit.order == "linear" and fit.leading is None
    return "at most linear" if bends_down else fit.order


def _chunked(fits: Sequence[Fit], ratios: Sequence[Ratio]) -> list[str]:
    """What reading a document in windows changes, and its factor."""
    indexing = _indexing(fits, CHUNKED)
    if not indexing:
        return []
    said = f"Read in windows ({CHUNKED}), indexing a document {indexing}"
    mine = [r for r in ratios if (r.over_system, r.under_system) == (TEACHER, CHUNKED)]
    mine = [r for r in mine if r.key.get("pairs", "dense") == "dense"]
    longest = max((ratio.doc_len for ratio in mine), default=0)
    at = {ratio.measure: ratio for ratio in reversed(mine) if ratio.doc_len == longest}
    parts = [
        f"{times(at[measure].score.value)} the {word}"
        for measure, word in (("flops", "FLOPs"), ("latency", "time"))
        if measure in at
    ]
    if parts:
        said += f"; a pair then costs the teacher {' and '.join(parts)} at {longest:,} tokens"
    return [f"{said}."]


def _growth(sweep: Sequence[Fit]) -> str:
    """“is quadratic in document length, counted and timed: …”, or each cost for itself."""
    judged = [fit for fit in sweep if fit.order != "not judged" and fit.leading is not None]
    if len(judged) == 2 and judged[0].order == judged[1].order:
        both = "; ".join(_detail(fit) for fit in judged)
        return f"is {judged[0].order} in document length, by count and by the clock: {both}"
    said = []
    for fit in sweep:
        what = "in FLOPs" if fit.measure == "flops" else "in measured time"
        if fit in judged:
            detail = "; ".join(filter(None, [_detail(fit), unexplained(fit, sweep)]))
            said.append(f"{fit.order} in document length {what} ({detail})")
        else:
            said.append(f"not judged {what} ({fit.remark})")
    return f"is {', and '.join(said)}"


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
    if fit.order == "linear" and not fit.exact:
        return f"{known}, {fit.remark}"
    if fit.order == "quadratic":
        known += f", {weight(fit)}"
        if fit.crossover is not None and fit.crossover.value > 0:
            only = "only " if fit.crossover.value > high else ""
            known += f", passing the linear term {only}at L* = {fit.crossover.value:,.0f} tokens"
    return known


def _factor_sentences(ratios: Sequence[Ratio], labels: Labels) -> list[str]:
    """The factors at the largest length, a sentence for each sweep."""
    sentences = []
    for label, found in list(last(ratios, labels).items())[:MOST_SWEEPS]:
        length = max(ratio.doc_len for ratio in found.values())
        parts, counted = [], []
        for measure, word in (("flops", "the FLOPs"), ("latency", "the time")):
            ratio = found.get(measure)
            if ratio is not None and ratio.doc_len == length:
                parts.append(f"{times(ratio.score.value)} {word}")
                if ratio.with_query is not None:
                    counted.append(f"{times(ratio.with_query.value)} {word}")
        if parts:
            who = _subject(next(iter(found.values())).over_system, label)
            said = f"At {length:,} tokens {who} needs {' and '.join(parts)}"
            query = f"; {' and '.join(counted)} when the query’s encoding is counted in"
            sentences.append(f"{said} of the student per pair{query if counted else ''}.")
    return sentences


def last(ratios: Sequence[Ratio], labels: Labels) -> dict[str, dict[str, Ratio]]:
    """By sweep and measure, the ratio at the largest length; of FLOPs the dense count."""
    found: dict[str, dict[str, Ratio]] = {}
    for ratio in ratios:
        if ratio.key.get("pairs", "dense") == "dense":
            of_sweep = found.setdefault(labels.of(ratio.over_system, ratio.key), {})
            held = of_sweep.get(ratio.measure)
            if held is None or ratio.doc_len > held.doc_len:
                of_sweep[ratio.measure] = ratio
    return dict(sorted(found.items()))


def key_figures(fits: Sequence[Fit], ratios: Sequence[Ratio], labels: Labels) -> list[KeyFigure]:
    """The few numbers that stand at the top, of the first sweep where there are several."""
    found = []
    for system, who in ((TEACHER, "Teacher"), (STUDENT, "Student")):
        mine = [f for f in fits if f.system == system and f.phase == "score" and f.values]
        sweep = next(iter(sweeps(mine, labels).values()), {})
        judged = [sweep[m] for m in DECIDING if m in sweep and sweep[m].order != "not judged"]
        if judged:
            how = "exact count" if judged[0].exact else "measured"
            label = f"{who}’s {name_of(judged[0].measure)} per pair"
            bends = judged[0].order == "quadratic"
            what = f"its term is {weight(judged[0])}" if bends else "in document length"
            found.append(KeyFigure(judged[0].order, label, f"{what}, {how}"))
    whole = [ratio for ratio in ratios if ratio.under_system == STUDENT]
    at_last = next(iter(last(whole, labels).values()), {})
    for measure in DECIDING:
        ratio = at_last.get(measure)
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
