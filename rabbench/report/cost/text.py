"""Sentences and key figures of a sweep: growth of each cost, teacher over student, indexing.

Reads fits and ratios; every sentence rests on one of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from rabbench.report.labels import CACHED, CHUNKED, SEPARATOR, STUDENT, TEACHER, Labels, name_of
from rabbench.report.page import KeyFigure
from rabbench.report.wording import amount, interval, percent, times
from rabbench.scaling.fits import Fit, comparable, is_dense
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


@dataclass(frozen=True)
class CostText:
    """Sentences about the costs of one results file."""

    fits: Sequence[Fit]
    ratios: Sequence[Ratio]
    labels: Labels

    def findings(self) -> list[str]:
        """Every sentence about cost; empty where there was no sweep."""
        scored = {fit.system for fit in self.fits if fit.phase == "score" and fit.values}
        sentences = []
        for system in SUBJECTS if scored & set(SUBJECTS) else sorted(scored):
            for label, sweep in list(self._sweeps(system).items())[:MOST_SWEEPS]:
                deciding = [sweep[measure] for measure in DECIDING if measure in sweep]
                if deciding:
                    subject = _subject(system, label)
                    sentences.append(f"Scoring one pair with {subject} {_growth(deciding)}.")
        indexing = self._indexing(STUDENT)
        if indexing:
            sentences.append(
                f"The student reads a document once, offline: its indexing {indexing}."
            )
        return [*sentences, *self._factor_sentences(), *self._chunked()]

    def opening(self) -> list[str]:
        """The growth of a pair's cost, and the factor of teacher over student."""
        return list(filter(None, [self._opening_growth(), self._opening_factor()]))

    def key_figures(self) -> list[KeyFigure]:
        """The few numbers that stand at the top, of the first sweep where there are several."""
        figures = []
        for system, noun in ((TEACHER, "Teacher"), (STUDENT, "Student")):
            for fit in [f for f in self._deciding(system) if f.order != "not judged"][:1]:
                label = f"{noun}’s {name_of(fit.measure)} per pair"
                quadratic = fit.order == "quadratic"
                note = f"its term is {weight(fit)}" if quadratic else "in document length"
                note += ", exact count" if fit.exact else ", measured"
                figures.append(KeyFigure(fit.order, label, note))
        last = next(iter(last_ratios(self._over_student, self.labels).values()), {})
        for ratio in (last[measure] for measure in DECIDING if measure in last):
            noun = NOUNS[ratio.measure]
            label = f"the {noun} per pair, teacher over student at {ratio.doc_len:,} tokens"
            alone = times(ratio.score.value)
            if ratio.with_query is None:
                figures.append(KeyFigure(alone, label))
                continue
            note = f"with the query’s encoding counted in; {alone} for the scoring step alone"
            figures.append(KeyFigure(times(ratio.with_query.value), label, note))
        return figures

    @cached_property
    def _over_student(self) -> list[Ratio]:
        return [ratio for ratio in self.ratios if ratio.under_system == STUDENT]

    def _sweeps(self, system: str) -> dict[str, dict[str, Fit]]:
        """A system's fits of a pair's cost by sweep, then measure; of FLOPs the dense count."""
        sweeps: dict[str, dict[str, Fit]] = {}
        for fit in self.fits:
            scored = (fit.system, fit.phase) == (system, "score") and fit.values
            if scored and is_dense(fit.key):
                label = self.labels.of(system, fit.key)
                sweeps.setdefault(label, {}).setdefault(fit.measure, fit)
        return dict(sorted(sweeps.items()))

    def _deciding(self, system: str) -> list[Fit]:
        """FLOPs and time of a pair, of a system's first sweep."""
        sweep = next(iter(self._sweeps(system).values()), {})
        return [sweep[measure] for measure in DECIDING if measure in sweep]

    def _indexing(self, system: str) -> str:
        """“is quadratic in document length (1.2 TFLOP at …), and keeps 4 KiB of it”."""
        index = [f for f in self.fits if (f.system, f.phase) == (system, "index") and f.values]
        cost = next((fit for fit in index if fit.key.get("pairs") == "dense"), None)
        size = next((fit for fit in index if fit.measure == "index_size"), None)
        if cost is None:
            return ""
        bytes_ = f", and keeps {amount(size.values[-1], 'B')} of it" if size else ""
        flops = f"{amount(cost.values[-1], cost.unit)} at {cost.lengths[-1]:,} tokens"
        if cost.order == "quadratic" and cost.leading is not None:
            flops += f", {percent(cost.share(cost.leading.value))} of it the quadratic term"
        if cost.order == "not judged":
            return f"takes {flops}{bytes_}"
        return f"is {order_text(cost)} in document length ({flops}){bytes_}"

    def _factor_sentences(self) -> list[str]:
        """The factors at the largest length, a sentence for each sweep."""
        sentences = []
        by_sweep = last_ratios(self._over_student, self.labels)
        for label, last in list(by_sweep.items())[:MOST_SWEEPS]:
            length, ends = _at_end(last)
            online = [ratio for ratio in ends if ratio.with_query]
            query = f"; {_factors(online)} when the query’s encoding is counted in"
            if ends:
                needs = f"{_subject(ends[0].over_system, label)} needs {_factors(ends, alone=True)}"
                pair = f"of the student per pair{query if online else ''}"
                sentences.append(f"At {length:,} tokens {needs} {pair}.")
        return sentences

    def _chunked(self) -> list[str]:
        """The cost of reading a document in windows, and the factor over that student."""
        indexing = self._indexing(CHUNKED)
        if not indexing:
            return []
        sentence = f"Read in windows ({CHUNKED}), indexing a document {indexing}"
        ratios = [
            ratio
            for ratio in self.ratios
            if (ratio.over_system, ratio.under_system) == (TEACHER, CHUNKED) and is_dense(ratio.key)
        ]
        longest = max((ratio.doc_len for ratio in ratios), default=0)
        last = {ratio.measure: ratio for ratio in ratios[::-1] if ratio.doc_len == longest}
        factors = _factors(_at_end(last)[1], alone=True)
        if factors:
            sentence += f"; a pair then costs the teacher {factors} at {longest:,} tokens"
        return [f"{sentence}."]

    def _opening_growth(self) -> str:
        """“Scoring a pair is quadratic in document length with the teacher and constant with …”."""
        sweeps = {system: self._deciding(system) for system in (TEACHER, STUDENT)}
        sweeps = {system: fits for system, fits in sweeps.items() if fits}
        fits = [fit for sweep in sweeps.values() for fit in sweep]
        if not fits:
            return ""
        if all(fit.order == "not judged" for fit in fits):
            reason = fits[0].remark
            return f"How the cost of a pair grows with document length is not judged: {reason}."
        clauses: list[str] = []
        for system, sweep in sweeps.items():
            orders = [f"{fit.order} {CLOCKS[fit.measure]}" for fit in sweep]
            agreed = len({fit.order for fit in sweep}) == 1
            order = sweep[0].order if agreed else " but ".join(orders)
            length = "" if clauses else " in document length"
            clauses.append(f"{order}{length} with {SYSTEM_NOUNS[system]}")
        twice = all(
            len(sweep) == 2 and sweep[0].order == sweep[1].order for sweep in sweeps.values()
        )
        clocks = ", by count and by the clock" if twice else ""
        return f"Scoring a pair is {' and '.join(clauses)}{clocks}{self._opening_weight()}."

    def _opening_weight(self) -> str:
        """The teacher's quadratic term at the longest document; empty without one."""
        for fit in self._deciding(TEACHER):
            if fit.order == "quadratic" and fit.leading is not None:
                share, length = percent(fit.share(fit.leading.value)), f"{fit.lengths[-1]:,}"
                noun = NOUNS[fit.measure]
                return f"; at {length} tokens the quadratic term is {share} of the teacher’s {noun}"
        return ""

    def _opening_factor(self) -> str:
        """Teacher over student for a pair at the longest document."""
        for system in (TEACHER, CACHED):
            ratios = [ratio for ratio in self._over_student if ratio.over_system == system]
            for last in last_ratios(ratios, self.labels).values():
                length, ends = _at_end(last)
                if not ends:
                    return ""
                encoded = all(ratio.with_query is not None for ratio in ends)
                return (
                    f"At {length:,} tokens a pair costs {SYSTEM_NOUNS[system]} {_factors(ends)} of "
                    f"the student{', its query encoded' if encoded else ''}."
                )
        return ""


def opening_sentences(
    cost: Sequence[str], quality: Sequence[str], training: Sequence[str]
) -> list[str]:
    """Of sentences, the most telling first, those that open a report; of training if alone."""
    room = MOST_SENTENCES - min(len(quality), 1) if cost else 0
    sentences = [*cost[:room], *quality[: MOST_SENTENCES - min(len(cost), room)]]
    return (sentences or list(training))[:MOST_SENTENCES]


def last_ratios(ratios: Iterable[Ratio], labels: Labels) -> dict[str, dict[str, Ratio]]:
    """By sweep and measure, the ratio at the largest length; of FLOPs the dense count."""
    last: dict[str, dict[str, Ratio]] = {}
    for ratio in sorted(ratios, key=lambda ratio: ratio.doc_len, reverse=True):
        if is_dense(ratio.key):
            label = labels.of(ratio.over_system, ratio.key)
            last.setdefault(label, {}).setdefault(ratio.measure, ratio)
    return dict(sorted(last.items()))


def order_text(fit: Fit) -> str:
    """The order of growth; of a cost that bends down only a bound."""
    return "at most linear" if fit.order == "linear" and fit.leading is None else fit.order


def weight(fit: Fit) -> str:
    """“2.1 % of the cost at 512 tokens”: the quadratic term so far."""
    share = percent(fit.share((fit.leading or UNKNOWN).value))
    return f"{share} of the cost at {fit.lengths[-1]:,} tokens"


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


def _at_end(last: dict[str, Ratio]) -> tuple[int, list[Ratio]]:
    """The largest length, and the ratios of FLOPs and time there."""
    length = max((ratio.doc_len for ratio in last.values()), default=0)
    return length, [last[m] for m in DECIDING if m in last and last[m].doc_len == length]


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
    bounds = "exact count" if fit.exact else f"95 % interval {interval(leading, fit.unit)}"
    text = f"{value}{POWERS[fit.order].replace('/', ' per ')} ({bounds})"
    if fit.order == "linear":
        return text if fit.exact else f"{text}, {fit.remark}"
    text += f", {weight(fit)}"
    if fit.crossover is not None and fit.crossover.value > 0:
        only = "only " if fit.crossover.value > high else ""
        text += f", passing the linear term {only}at L* = {fit.crossover.value:,.0f} tokens"
    return text
