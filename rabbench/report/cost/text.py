"""Sentences and key figures of a sweep: growth of each cost, teacher over student, indexing.

Reads fits and ratios; every sentence rests on one of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from rabbench.report.page import Cell, KeyFigure
from rabbench.report.render import interval_text
from rabbench.report.wording import amount, percent, times
from rabbench.scaling.fits import Fit, comparable, is_dense
from rabbench.scaling.labels import (
    CACHED,
    CHUNKED,
    SEPARATOR,
    STUDENT,
    TEACHER,
    Labels,
    group_by,
    name_of,
)
from rabbench.scaling.ratios import Ratio
from rabbench.stats.intervals import UNKNOWN

SYSTEM_NOUNS = {
    TEACHER: "the teacher",
    CACHED: "the cached teacher",
    STUDENT: "the student",
    CHUNKED: "the chunked student",
}
SUBJECTS = (TEACHER, CACHED, STUDENT)  # of the sentences on a pair's cost
NOUNS = {"flops": "FLOPs", "latency": "time"}
CLOCKS = {"flops": "by count", "latency": "by the clock"}
DECIDING = tuple(NOUNS)  # the costs that sentences are about
MOST_SWEEPS = 3  # of one system; the ledger has them all
MOST_SENTENCES = 3
POWERS = {"constant": "", "linear": "/token", "quadratic": "/token²"}
LOWER = ("constant", "linear")


Cost = TypeVar("Cost", Fit, Ratio)


@dataclass(frozen=True)
class CostText:
    """Sentences about the costs of one results file."""

    fits: Sequence[Fit]
    ratios: Sequence[Ratio]
    labels: Labels

    def findings(self) -> list[str]:
        """Every sentence about cost; empty where there was no sweep."""
        scored = {fit.system for fit in self.fits if fit.phase == "score" and fit.values}
        sentences = [
            f"Scoring one pair with {_subject(system, label)} {_growth(sweep)}."
            for system in (SUBJECTS if scored & set(SUBJECTS) else sorted(scored))
            for label, sweep in list(self._sweeps(system).items())[:MOST_SWEEPS]
            if sweep
        ]
        indexing = self._indexing(STUDENT)
        if indexing:
            sentences.append(
                f"The student reads a document once, offline: its indexing {indexing}."
            )
        return [*sentences, *self._factor_sentences(), *self._chunked()]

    def opening(self) -> list[str]:
        """The growth of a pair's cost, and the factor of teacher over student."""
        return [*self._opening_growth(), *self._opening_factor()]

    def key_figures(self) -> list[KeyFigure]:
        """The few numbers that stand at the top, of the first sweep where there are several."""
        figures = []
        for system, noun in ((TEACHER, "Teacher"), (STUDENT, "Student")):
            for fit in [f for f in self._first_sweep(system) if f.order != "not judged"][:1]:
                label = f"{noun}’s {name_of(fit.measure)} per pair"
                quadratic = fit.order == "quadratic"
                note = f"its term is {weight(fit)}" if quadratic else "in document length"
                note += ", exact count" if fit.exact else ", measured"
                figures.append(KeyFigure(fit.order, label, note))
        for ratio in deciding(next(iter(self._ratios_by_sweep(STUDENT).values()), [])):
            noun, alone = NOUNS[ratio.measure], times(ratio.score.value)
            label = f"the {noun} per pair, teacher over student at {ratio.doc_len:,} tokens"
            if ratio.with_query is None:
                figures.append(KeyFigure(alone, label))
                continue
            note = f"with the query’s encoding counted in; {alone} for the scoring step alone"
            figures.append(KeyFigure(times(ratio.with_query.value), label, note))
        return figures

    def _sweeps(self, system: str) -> dict[str, list[Fit]]:
        """FLOPs and time of a pair for each sweep of a system, of FLOPs the dense count."""
        scored = [
            fit
            for fit in self.fits
            if (fit.system, fit.phase) == (system, "score") and fit.values and is_dense(fit.key)
        ]
        by_sweep = group_by(scored, lambda fit: self.labels.of(system, fit.key))
        return {label: deciding(fits) for label, fits in sorted(by_sweep.items())}

    def _first_sweep(self, system: str) -> list[Fit]:
        return next(iter(self._sweeps(system).values()), [])

    def _ratios_by_sweep(self, student: str) -> dict[str, list[Ratio]]:
        """The ratios over a student by the other side's sweep, the longest documents first."""
        ratios = [r for r in self.ratios if r.under_system == student and is_dense(r.key)]
        ratios.sort(key=lambda ratio: ratio.doc_len, reverse=True)
        by_sweep = group_by(ratios, lambda ratio: self.labels.of(ratio.over_system, ratio.key))
        return dict(sorted(by_sweep.items()))

    def _indexing(self, system: str) -> str:
        """“is quadratic in document length (1.2 TFLOP at …), and keeps 4 KiB of it”."""
        index = [f for f in self.fits if (f.system, f.phase) == (system, "index") and f.values]
        cost = next((fit for fit in index if fit.key.get("pairs") == "dense"), None)
        size = next((fit for fit in index if fit.measure == "index_size"), None)
        if cost is None:
            return ""
        bytes_ = f", and keeps {amount(size.values[-1], 'B')} of it" if size else ""
        flops = f"{amount(cost.values[-1], cost.unit)} at {cost.lengths[-1]:,} tokens"
        if cost.quadratic_share is not None:
            flops += f", {percent(cost.quadratic_share)} of it the quadratic term"
        if cost.order == "not judged":
            return f"takes {flops}{bytes_}"
        return f"is {order_text(cost)} in document length ({flops}){bytes_}"

    def _factor_sentences(self) -> list[str]:
        """The factors at the largest length, a sentence for each sweep."""
        sentences = []
        for label, ratios in list(self._ratios_by_sweep(STUDENT).items())[:MOST_SWEEPS]:
            ends = _at_end(ratios)
            online = [ratio for ratio in ends if ratio.with_query]
            query = f"; {_factors(online)} when the query’s encoding is counted in"
            if ends:
                needs = f"{_subject(ends[0].over_system, label)} needs {_factors(ends, alone=True)}"
                pair = f"of the student per pair{query if online else ''}"
                sentences.append(f"At {ends[0].doc_len:,} tokens {needs} {pair}.")
        return sentences

    def _chunked(self) -> list[str]:
        """The cost of reading a document in windows, and the factor over that student."""
        indexing = self._indexing(CHUNKED)
        if not indexing:
            return []
        sentence = f"Read in windows ({CHUNKED}), indexing a document {indexing}"
        ratios = next(iter(self._ratios_by_sweep(CHUNKED).values()), [])
        ends = _at_end([ratio for ratio in ratios if ratio.over_system == TEACHER])
        if ends:
            factors, length = _factors(ends, alone=True), ends[0].doc_len
            sentence += f"; a pair then costs the teacher {factors} at {length:,} tokens"
        return [f"{sentence}."]

    def _opening_growth(self) -> list[str]:
        """“Scoring a pair is quadratic in document length with the teacher and constant with …”."""
        sweeps = list(filter(None, map(self._first_sweep, (TEACHER, STUDENT))))
        fits = [fit for sweep in sweeps for fit in sweep]
        if not fits:
            return []
        if all(fit.order == "not judged" for fit in fits):
            reason = fits[0].remark
            return [f"How the cost of a pair grows with document length is not judged: {reason}."]
        clauses: list[str] = []
        twice = True
        for sweep in sweeps:
            agreed = len({fit.order for fit in sweep}) == 1
            orders = " but ".join(f"{fit.order} {CLOCKS[fit.measure]}" for fit in sweep)
            length = "" if clauses else " in document length"
            order = sweep[0].order if agreed else orders
            clauses.append(f"{order}{length} with {SYSTEM_NOUNS[sweep[0].system]}")
            twice = twice and agreed and len(sweep) == len(DECIDING)
        clocks = ", by count and by the clock" if twice else ""
        weights = [
            f"; at {fit.lengths[-1]:,} tokens the quadratic term is "
            f"{percent(fit.quadratic_share)} of the teacher’s {NOUNS[fit.measure]}"
            for fit in self._first_sweep(TEACHER)
            if fit.quadratic_share is not None
        ]
        return [f"Scoring a pair is {' and '.join(clauses)}{clocks}{''.join(weights[:1])}."]

    def _opening_factor(self) -> list[str]:
        """Teacher over student for a pair at the longest document, of the first sweep."""
        ends = _at_end(next(iter(self._ratios_by_sweep(STUDENT).values()), []))
        encoded = ", its query encoded" if all(ratio.with_query for ratio in ends) else ""
        return [
            f"At {ratio.doc_len:,} tokens a pair costs {SYSTEM_NOUNS[ratio.over_system]} "
            f"{_factors(ends)} of the student{encoded}."
            for ratio in ends[:1]
        ]


def deciding(costs: Sequence[Cost]) -> list[Cost]:
    """The first of FLOPs and the first of time, as far as there are."""
    first = {cost.measure: cost for cost in reversed(costs)}
    return [first[measure] for measure in DECIDING if measure in first]


def opening_sentences(
    cost: Sequence[str], quality: Sequence[str], training: Sequence[str]
) -> list[str]:
    """Of sentences, the most telling first, those that open a report; of training if alone."""
    room = MOST_SENTENCES - min(len(quality), 1) if cost else 0
    sentences = [*cost[:room], *quality[: MOST_SENTENCES - min(len(cost), room)]]
    return (sentences or list(training))[:MOST_SENTENCES]


def order_text(fit: Fit) -> str:
    """The order of growth; of a cost that bends down only a bound."""
    return "at most linear" if fit.order == "linear" and fit.leading is None else fit.order


def weight(fit: Fit) -> str:
    """“2.1 % of the cost at 512 tokens”: the quadratic term so far."""
    return f"{percent(fit.quadratic_share or 0.0)} of the cost at {fit.lengths[-1]:,} tokens"


def unexplained(fit: Fit, fits: Iterable[Fit]) -> str:
    """A remark on a quadratic time where the count of the same work is not; empty elsewhere."""
    if (fit.measure, fit.order) != ("latency", "quadratic"):
        return ""
    for count in fits:
        same = (count.system, count.phase) == (fit.system, fit.phase)
        dense = count.measure == "flops" and is_dense(count.key)
        if same and dense and comparable(count.key, fit.key) and count.order in LOWER:
            return f"its FLOPs are {count.order}: the machine bends it, not the work"
    return ""


def _at_end(ratios: Sequence[Ratio]) -> list[Ratio]:
    """The ratios of FLOPs and time at the largest length; ``ratios`` begin with it."""
    return deciding([ratio for ratio in ratios if ratio.doc_len == ratios[0].doc_len])


def _factors(ratios: Sequence[Ratio], *, alone: bool = False) -> str:
    """“340× the FLOPs and 90× the time”, with the query's encoding or of the pair ``alone``."""
    factors = [(ratio.score if alone else ratio.with_query or ratio.score) for ratio in ratios]
    nouns = [NOUNS[ratio.measure] for ratio in ratios]
    parts = zip(factors, nouns, strict=True)
    return " and ".join(f"{times(factor.value)} the {noun}" for factor, noun in parts)


def _subject(system: str, label: str) -> str:
    """“the teacher”, “the student (rabtriever, eager)”, or a system by its label."""
    if system not in SUBJECTS:
        return label
    parts = (label if system == STUDENT else label.removeprefix(system)).split(SEPARATOR)
    detail = ", ".join(filter(None, parts))
    return f"{SYSTEM_NOUNS[system]} ({detail})" if detail else SYSTEM_NOUNS[system]


def _growth(sweep: Sequence[Fit]) -> str:
    """“is quadratic in document length, counted and timed: …”, or each cost for itself."""
    judged = [fit for fit in sweep if fit.order != "not judged" and fit.leading is not None]
    if len(judged) == 2 and judged[0].order == judged[1].order:
        details = "; ".join(map(_detail, judged))
        return f"is {judged[0].order} in document length, by count and by the clock: {details}"
    clauses = []
    for fit in sweep:
        where = "in FLOPs" if fit.measure == "flops" else "in measured time"
        if fit in judged:
            detail = "; ".join(filter(None, [_detail(fit), unexplained(fit, sweep)]))
            clauses.append(f"{fit.order} in document length {where} ({detail})")
        else:
            clauses.append(f"not judged {where} ({fit.remark})")
    return f"is {', and '.join(clauses)}"


def _detail(fit: Fit) -> str:
    """The coefficient with its interval and meaning, without the order."""
    leading = fit.leading or UNKNOWN
    low, high = fit.lengths[0], fit.lengths[-1]
    value = amount(leading.value, fit.unit)
    if fit.order == "constant":
        same = f" at {low:,} tokens as at {high:,}"
        return f"{value}{same}" if fit.exact else f"{value}, {fit.remark}"
    estimate = Cell.estimate(leading, "amount", fit.unit)
    bounds = "exact count" if fit.exact else f"95 % interval {interval_text(estimate) or 'exact'}"
    text = f"{value}{POWERS[fit.order].replace('/', ' per ')} ({bounds})"
    if fit.order == "linear":
        return text if fit.exact else f"{text}, {fit.remark}"
    text += f", {weight(fit)}"
    if fit.crossover is not None and fit.crossover.value > 0:
        only = "only " if fit.crossover.value > high else ""
        text += f", passing the linear term {only}at L* = {fit.crossover.value:,.0f} tokens"
    return text
