"""What holds on any machine: ratios within a run, and orders of growth, of several runs.

Tables and sentences; ``scaling.matching`` matches the ratios and fits the costs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rabbench.report.cost.ledger import judged_measures
from rabbench.report.cost.tables import table_by_length
from rabbench.report.cost.text import DECIDING, NOUNS, POWERS, order_text
from rabbench.report.page import Cell, KeyFigure, Row, Table
from rabbench.report.render import line
from rabbench.report.wording import times
from rabbench.scaling.fits import NOISE_FREE, Fit
from rabbench.scaling.labels import STUDENT, TEACHER, join_words, name_of, pairs_text, rank
from rabbench.scaling.matching import FitsBySide, RatioComparison
from rabbench.scaling.sides import Side
from rabbench.types import PHASES


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
