"""What holds on any machine: ratios within a run, and orders of growth, of several runs.

A ratio of two systems, measured in turns in one run, has no unit and no machine; neither has the
order in which a cost grows. Ratios of other work (another query length) are not set side by side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from rabbench.report.comparison.costs import SHAPE, Costs
from rabbench.report.comparison.runs import LeftOut, Side
from rabbench.report.cost.factors import Ratio, ratios
from rabbench.report.cost.headline import DECIDING
from rabbench.report.labels import (
    CACHED,
    CHUNKED,
    STUDENT,
    TEACHER,
    is_cost,
    measures_of,
    name_of,
    rank,
)
from rabbench.report.page import Table
from rabbench.report.wording import amount, between, join_words
from rabbench.scaling.fits import NOISE_FREE, Fit, fit_sweeps
from rabbench.stats.intervals import Estimate
from rabbench.types import PHASES

Column = dict[int, Ratio]
"""A ratio for each document length."""


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One ratio of one cost, in each side that has it: ``columns`` by the side's label."""

    over: str
    under: str
    measure: str
    pairs: str
    columns: dict[str, Column]

    @property
    def id(self) -> str:
        """For the table's anchor."""
        return "-".join(filter(None, [self.over, self.under, self.measure, self.pairs]))

    @property
    def name(self) -> str:
        """“FLOPs (dense pairs) of a pair: teacher over rabtriever”."""
        pairs = f" ({self.pairs} pairs)" if self.pairs else ""
        return f"{name_of(self.measure)}{pairs} of a pair: {self.over} over {self.under}"

    @property
    def shared(self) -> list[int]:
        """The document lengths that every side has."""
        return sorted(set.intersection(*(set(column) for column in self.columns.values())))


def compared(sides: Sequence[Side], costs: Costs) -> tuple[list[Compared], list[LeftOut]]:
    """Teacher over student in each of its forms, and what of it is not set side by side."""
    found: dict[tuple[str, ...], dict[tuple[str, ...], dict[str, Column]]] = {}
    for side in sides:
        rows = [row for row in side.results.rows if is_cost(row)]
        for over in (TEACHER, CACHED):
            for under in (STUDENT, CHUNKED):
                for one in ratios(rows, over=over, under=under):
                    named = costs.label_of(over, one.key)
                    pairs = str(one.key.get("pairs", ""))
                    shape = tuple(str(one.key.get(name)) for name in SHAPE)
                    of_work = found.setdefault((named, under, one.measure, pairs), {})
                    column = of_work.setdefault(shape, {}).setdefault(side.label, {})
                    column[one.doc_len] = one
    made, out = [], []
    for (over, under, measure, pairs), shapes in found.items():
        for columns in shapes.values():
            whole = Compared(over=over, under=under, measure=measure, pairs=pairs, columns=columns)
            if len(columns) > 1:
                made.append(whole)
            elif len(shapes) > 1:
                reason = "measured at another shape than in the other runs"
                out.append(LeftOut(f"ratio {whole.name}", (*columns,), reason))
    order = measures_of(one.measure for one in made)
    return sorted(made, key=lambda one: order.index(one.measure)), out


def tables(found: Sequence[Compared]) -> list[Table]:
    """A table a ratio: a line for each length, a column for each side; dense counts only.

    The query's encoding is counted in where it adds up; the pair alone is then in a folded table.
    Peak memory, in which the weights are, is left to where the memory of the work is not known.
    """
    made = []
    measures = {one.measure for one in found}
    for one in found:
        twice = one.measure == "peak_memory" and "working_memory" in measures
        if one.pairs == "causal" or twice:
            continue
        alone = {name: {n: r.score for n, r in of.items()} for name, of in one.columns.items()}
        whole = {
            name: {n: r.with_query for n, r in of.items() if r.with_query is not None}
            for name, of in one.columns.items()
        }
        if any(whole.values()):
            caption = f"{one.name}, the query’s encoding counted in"
            made.append(_by_length(f"factor-{one.id}", caption, whole))
            folded = _by_length(f"factor-{one.id}-alone", f"{one.name} alone", alone)
            made.append(replace(folded, folded=True))
        else:
            made.append(_by_length(f"factor-{one.id}", one.name, alone))
    return made


def _by_length(id_: str, caption: str, columns: Mapping[str, Mapping[int, Estimate]]) -> Table:
    lengths = sorted({length for column in columns.values() for length in column})
    lines = [
        (f"{n:,}", *(between(column[n]) if n in column else "–" for column in columns.values()))
        for n in lengths
    ]
    headings = ("document tokens", *columns)
    return Table(id_, caption, headings, lines, frozenset(range(len(headings))))


Grown = Mapping[tuple[str, str, str], Mapping[str, Fit]]
"""By system's label, measure and phase, then side: the fit of a cost; of FLOPs the dense count."""


def grown(sides: Sequence[Side], costs: Costs) -> Grown:
    """Every cost's fit in every side that measured it."""
    found: dict[tuple[str, str, str], dict[str, Fit]] = {}
    for side in sides:
        for fit in fit_sweeps([row for row in side.results.rows if is_cost(row)]):
            if fit.key.get("pairs", "dense") == "dense" and fit.values:
                label = costs.label_of(fit.system, fit.key)
                found.setdefault((label, fit.measure, fit.phase), {})[side.label] = fit
    return found


def orders(sides: Sequence[Side], found: Grown) -> tuple[Table | None, list[str]]:
    """The order of growth of each cost in each side, and sentences on counts and times that differ.

    A coefficient stands only beside counts: a time's belongs to its machine.
    """
    twice = {"peak_memory"} if any(one == "working_memory" for _, one, _ in found) else set()
    shared = {work: of for work, of in found.items() if len(of) > 1 and work[1] not in twice}
    systems = {label: next(iter(of.values())).system for (label, _, _), of in shared.items()}
    measures = measures_of(measure for _, measure, _ in shared)

    def place(work: tuple[str, str, str]) -> tuple[object, ...]:
        label, measure, phase = work
        return rank(systems[label]), label, measures.index(measure), [*PHASES].index(phase)  # type: ignore[arg-type]

    lines, differing = [], []
    for label, measure, phase in sorted(shared, key=place):
        of = shared[label, measure, phase]
        lines.append((label, name_of(measure), phase, *(_grown(of.get(s.label)) for s in sides)))
        judged = {one.order for one in of.values()} - {"not judged"}
        if len(judged) > 1 and measure in DECIDING and phase != "query":
            said = join_words([f"{one.order} in {name}" for name, one in of.items()])
            differing.append(f"{label}, {phase}, {name_of(measure)}: {said}.")
    if not lines:
        return None, []
    caption = "How each cost grows with document length, in each run"
    columns = ("system", "cost", "phase", *(side.label for side in sides))
    return Table("orders", caption, columns, lines), differing


def _grown(fit: Fit | None) -> str:
    """“quadratic”, under it the coefficient of a count, or how steep a measured cost is at its end.

    No time and no bytes of memory: those belong to a machine, and this table knows none.
    """
    if fit is None:
        return "–"
    end = f"at {fit.lengths[-1]:,} tokens"
    if fit.measure in NOISE_FREE and fit.exact and fit.leading is not None:
        per = {"linear": "/token", "quadratic": "/token²"}.get(fit.order, "")
        return f"{fit.order}\n{amount(fit.leading.value, fit.unit + per)}"
    if fit.order == "linear" and fit.leading is None:
        return f"at most linear\nto {fit.lengths[-1]:,} tokens"
    if fit.order in {"linear", "quadratic"}:
        return f"{fit.order}\nexponent {fit.exponents[-1]:.2f} {end}"
    return f"{fit.order}\n{fit.n_points} lengths to {fit.lengths[-1]:,} tokens"
