"""What holds on any machine: ratios within a run, and orders of growth, of several runs.

A ratio of two systems, measured in turns in one run, has no unit and no machine; neither has the
order in which a cost grows. Ratios of other work (another query length) are not set side by side.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from rabbench.report.comparison.costs import SHAPE
from rabbench.report.comparison.runs import LeftOut, Side
from rabbench.report.cost.ledger import judged_measures
from rabbench.report.cost.tables import pairs_text, table_by_length
from rabbench.report.cost.text import DECIDING, NOUNS, POWERS, order_text
from rabbench.report.labels import STUDENT, TEACHER, Labels, measures_of, name_of, rank
from rabbench.report.page import Cell, KeyFigure, Row, Table
from rabbench.report.render import line
from rabbench.report.wording import join_words, times
from rabbench.scaling.fits import NOISE_FREE, Fit, fit_sweeps, is_dense
from rabbench.scaling.ratios import Ratio, cost_ratios
from rabbench.stats.intervals import Estimate
from rabbench.types import PHASES

RatioKey = tuple[str, str, str, str]
"""Label of the one system, name of the other, measure and pair convention."""


@dataclass(frozen=True)
class RatioComparison:
    """One ratio of one cost, in each side that has it: ``columns`` by side, then length."""

    over: str
    under: str
    measure: str
    pairs: str
    columns: Mapping[str, Mapping[int, Ratio]]

    @property
    def name(self) -> str:
        """“FLOPs (dense pairs) of a pair: teacher over rabtriever”."""
        pairs = pairs_text(self.pairs)[1]
        return f"{name_of(self.measure)}{pairs} of a pair: {self.over} over {self.under}"

    @property
    def shared(self) -> list[int]:
        """The document lengths that every side has."""
        return sorted(set.intersection(*map(set, self.columns.values())))

    def factors(self, *, with_query: bool) -> dict[str, dict[int, Estimate]]:
        """By side and length: the pair alone, or with the query's encoding where it adds up."""
        return {
            side: {
                length: factor
                for length, ratio in column.items()
                if (factor := ratio.with_query if with_query else ratio.score) is not None
            }
            for side, column in self.columns.items()
        }

    def at_end(self) -> dict[str, Estimate]:
        """By side, at the longest document that all have, the query counted in where it adds up."""
        end = self.shared[-1]
        return {side: c[end].with_query or c[end].score for side, c in self.columns.items()}


def match_ratios(sides: Sequence[Side], labels: Labels) -> Iterator[RatioComparison | LeftOut]:
    """Teacher over student in each of its forms, and what of it is not set side by side."""
    by_shape: dict[RatioKey, dict[tuple[str, ...], dict[str, dict[int, Ratio]]]] = {}
    for side in sides:
        for ratio in cost_ratios(side.costs):
            over, pairs = labels.of(ratio.over_system, ratio.key), str(ratio.key.get("pairs", ""))
            key = (over, ratio.under_system, ratio.measure, pairs)
            shape = tuple(str(ratio.key.get(name)) for name in SHAPE)
            columns = by_shape.setdefault(key, {}).setdefault(shape, {})
            columns.setdefault(side.label, {})[ratio.doc_len] = ratio
    measures = measures_of(measure for _, _, measure, _ in by_shape)
    for key in sorted(by_shape, key=lambda key: measures.index(key[2])):
        for columns in by_shape[key].values():
            comparison = RatioComparison(*key, columns)
            if len(columns) > 1:
                yield comparison
            elif len(by_shape[key]) > 1:
                reason = "measured at another shape than in the other runs"
                yield LeftOut(f"ratio {comparison.name}", tuple(columns), reason)


def ratio_tables(comparisons: Sequence[RatioComparison]) -> list[Table]:
    """A table a ratio: a line for each length, a column for each side; dense counts only.

    The query's encoding is counted in where it adds up; the pair alone is then in a folded table.
    Peak memory, in which the weights are, is left to where the memory of the work is not known.
    """
    tables = []
    measures = judged_measures(comparison.measure for comparison in comparisons)
    for comparison in comparisons:
        if comparison.pairs != "causal" and comparison.measure in measures:
            alone, whole = (_factor_table(comparison, with_query=q) for q in (False, True))
            if whole.rows:
                tables.append(whole)
                caption = f"{alone.caption} alone"
                alone = replace(alone, id=f"{alone.id}-alone", caption=caption, folded=True)
            tables.append(alone)
    return tables


def _factor_table(comparison: RatioComparison, *, with_query: bool) -> Table:
    cells = [
        (side, length, Cell.estimate(factor, "factor"))
        for side, column in comparison.factors(with_query=with_query).items()
        for length, factor in column.items()
    ]
    caption = comparison.name + (", the query’s encoding counted in" if with_query else "")
    id_ = f"factor-{comparison.over}-{comparison.under}-{comparison.measure}"
    return table_by_length(id_ + pairs_text(comparison.pairs)[0], caption, cells)


def main_ratios(comparisons: Sequence[RatioComparison]) -> list[RatioComparison]:
    """Teacher over student in FLOPs and in time, at dense counts, with a length that all have."""
    main = {
        ratio.measure: ratio
        for ratio in reversed(comparisons)
        if (ratio.over, ratio.under) == (TEACHER, STUDENT)
        if ratio.pairs != "causal" and ratio.shared
    }
    return [main[measure] for measure in DECIDING if measure in main]


def ratio_sentences(main: Sequence[RatioComparison]) -> list[str]:
    """Teacher over student in every run, in FLOPs and in time."""
    if not main:
        return []
    at, parts = main[0].shared[-1], []
    for ratio in main:
        end = ratio.shared[-1]
        where = "" if at == end else f", at {end:,} tokens,"
        cells = {side: Cell.estimate(factor, "factor") for side, factor in ratio.at_end().items()}
        factors = [f"{line(cell)} in {side}" for side, cell in cells.items()]
        parts.append(f"{NOUNS[ratio.measure]}{where} {join_words(factors)}")
    return [
        f"At {at:,} tokens, the longest that these runs share, the teacher over the student for a "
        f"pair, its query’s encoding counted in: {'; '.join(parts)}."
    ]


def key_figures(main: Sequence[RatioComparison]) -> list[KeyFigure]:
    """Teacher over student in each run, at the longest document that all have."""
    if not main:
        return []
    measure, end = name_of(main[0].measure), main[0].shared[-1]
    note = f"{measure} of a pair at {end:,} tokens, teacher over student"
    return [KeyFigure(times(f.value), side, note) for side, f in main[0].at_end().items()]


FitsBySide = Mapping[tuple[str, str, str], Mapping[str, Fit]]
"""By system's label, measure and phase, then side: the fit of a cost; of FLOPs the dense count."""


def fit_costs(sides: Sequence[Side], labels: Labels) -> FitsBySide:
    """Every cost's fit in every side that measured it."""
    by_side: dict[tuple[str, str, str], dict[str, Fit]] = {}
    for side in sides:
        for fit in fit_sweeps(side.costs):
            if is_dense(fit.key) and fit.values:
                key = labels.of(fit.system, fit.key), fit.measure, fit.phase
                by_side.setdefault(key, {})[side.label] = fit
    return by_side


def compare_orders(sides: Sequence[Side], fits: FitsBySide) -> tuple[Table, list[str]]:
    """The order of growth of each cost in each side, and sentences on counts and times that differ.

    A coefficient stands only beside counts: a time's belongs to its machine.
    """
    measures = judged_measures(measure for _, measure, _ in fits)
    shared = {k: f for k, f in fits.items() if len(f) > 1 and k[1] in measures}
    phases = list[str](PHASES)

    def place(key: tuple[str, str, str]) -> tuple[object, ...]:
        label, measure, phase = key
        system = next(iter(shared[key].values())).system
        return rank(system), label, measures.index(measure), phases.index(phase)

    rows: list[Row] = []
    sentences = []
    for key in sorted(shared, key=place):
        (label, measure, phase), by_side = key, shared[key]
        cells = [_order_cell(by_side.get(side.label)) for side in sides]
        rows.append([label, name_of(measure), phase, *cells])
        judged = {fit.order for fit in by_side.values()} - {"not judged"}
        if len(judged) > 1 and measure in DECIDING and phase != "query":
            orders = join_words([f"{fit.order} in {side}" for side, fit in by_side.items()])
            sentences.append(f"{label}, {phase}, {name_of(measure)}: {orders}.")
    caption = "How each cost grows with document length, in each run"
    columns = ("system", "cost", "phase", *(side.label for side in sides))
    return Table("orders", caption, columns, rows), sentences


def _order_cell(fit: Fit | None) -> Cell:
    """The order, under it the coefficient of a count, or how steep a measured cost is at its end.

    No time and no bytes of memory: those belong to a machine, and this table knows none.
    """
    if fit is None:
        return Cell()
    order, end = order_text(fit), fit.lengths[-1]
    if fit.measure in NOISE_FREE and fit.exact and fit.leading is not None:
        rate = fit.unit + POWERS.get(fit.order, "")
        below = Cell(value=fit.leading.value, role="amount", unit=rate)
    elif order != fit.order:
        below = Cell(value=end, role="count", lead="to", note="tokens")
    elif fit.order in {"linear", "quadratic"}:
        note = f"at {end:,} tokens"
        below = Cell(value=fit.exponents[-1], role="digits", lead="exponent", note=note)
    else:
        below = Cell(value=fit.n_points, role="count", note=f"lengths to {end:,} tokens")
    return Cell(value=order, role="order", below=[below])
