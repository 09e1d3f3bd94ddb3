"""What holds on any machine: ratios within a run, and orders of growth, of several runs.

A ratio of two systems, measured in turns in one run, has no unit and no machine; neither has the
order in which a cost grows. Ratios of other work (another query length) are not set side by side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

from rabbench.report.comparison.costs import SHAPE, CostComparison
from rabbench.report.comparison.runs import LeftOut, Side
from rabbench.report.cost.tables import Ratio, ratios
from rabbench.report.cost.text import DECIDING
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
from rabbench.report.page import Cell, Row, Table
from rabbench.report.wording import join_words
from rabbench.scaling.fits import NOISE_FREE, Fit, fit_sweeps
from rabbench.stats.intervals import Estimate
from rabbench.types import PHASES

RatiosByLength = dict[int, Ratio]


@dataclass(frozen=True, kw_only=True)
class RatioComparison:
    """One ratio of one cost, in each side that has it: ``columns`` by the side's label."""

    over: str
    under: str
    measure: str
    pairs: str
    columns: dict[str, RatiosByLength]

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


def compare_ratios(
    sides: Sequence[Side], costs: CostComparison
) -> tuple[list[RatioComparison], list[LeftOut]]:
    """Teacher over student in each of its forms, and what of it is not set side by side."""
    works: dict[tuple[str, ...], dict[tuple[str, ...], dict[str, RatiosByLength]]] = {}
    for side, over, under in product(sides, (TEACHER, CACHED), (STUDENT, CHUNKED)):
        rows = [row for row in side.results.rows if is_cost(row)]
        for ratio in ratios(rows, over=over, under=under):
            label, pairs = costs.label_of(over, ratio.key), str(ratio.key.get("pairs", ""))
            shape = tuple(str(ratio.key.get(name)) for name in SHAPE)
            by_shape = works.setdefault((label, under, ratio.measure, pairs), {})
            columns = by_shape.setdefault(shape, {})
            columns.setdefault(side.label, {})[ratio.doc_len] = ratio
    comparisons, left_out = [], []
    for (over, under, measure, pairs), by_shape in works.items():
        for columns in by_shape.values():
            comparison = RatioComparison(
                over=over, under=under, measure=measure, pairs=pairs, columns=columns
            )
            if len(columns) > 1:
                comparisons.append(comparison)
            elif len(by_shape) > 1:
                reason = "measured at another shape than in the other runs"
                left_out.append(LeftOut(f"ratio {comparison.name}", (*columns,), reason))
    order = measures_of(comparison.measure for comparison in comparisons)
    comparisons.sort(key=lambda comparison: order.index(comparison.measure))
    return comparisons, left_out


def ratio_tables(comparisons: Sequence[RatioComparison]) -> list[Table]:
    """A table a ratio: a line for each length, a column for each side; dense counts only.

    The query's encoding is counted in where it adds up; the pair alone is then in a folded table.
    Peak memory, in which the weights are, is left to where the memory of the work is not known.
    """
    tables = []
    measures = {comparison.measure for comparison in comparisons}
    twice = {"peak_memory"} if "working_memory" in measures else set()
    for comparison in comparisons:
        if comparison.pairs == "causal" or comparison.measure in twice:
            continue
        columns = comparison.columns.items()
        alone = {side: {n: r.score for n, r in ratio.items()} for side, ratio in columns}
        whole = {
            side: {n: r.with_query for n, r in ratio.items() if r.with_query is not None}
            for side, ratio in columns
        }
        id_, name = f"factor-{comparison.id}", comparison.name
        if any(whole.values()):
            tables.append(_length_table(id_, f"{name}, the query’s encoding counted in", whole))
            folded = _length_table(f"{id_}-alone", f"{name} alone", alone)
            tables.append(replace(folded, folded=True))
        else:
            tables.append(_length_table(id_, name, alone))
    return tables


def _length_table(id_: str, caption: str, columns: Mapping[str, Mapping[int, Estimate]]) -> Table:
    lengths = sorted({length for column in columns.values() for length in column})
    rows: list[Row] = [
        (n, *(Cell.estimate(column.get(n), "factor") for column in columns.values()))
        for n in lengths
    ]
    return Table(id_, caption, ("document tokens", *columns), rows)


FitsBySide = Mapping[tuple[str, str, str], Mapping[str, Fit]]
"""By system's label, measure and phase, then side: the fit of a cost; of FLOPs the dense count."""


def fit_costs(sides: Sequence[Side], costs: CostComparison) -> FitsBySide:
    """Every cost's fit in every side that measured it."""
    by_side: dict[tuple[str, str, str], dict[str, Fit]] = {}
    for side in sides:
        for fit in fit_sweeps([row for row in side.results.rows if is_cost(row)]):
            if fit.key.get("pairs", "dense") == "dense" and fit.values:
                label = costs.label_of(fit.system, fit.key)
                by_side.setdefault((label, fit.measure, fit.phase), {})[side.label] = fit
    return by_side


def compare_orders(sides: Sequence[Side], fits: FitsBySide) -> tuple[Table | None, list[str]]:
    """The order of growth of each cost in each side, and sentences on counts and times that differ.

    A coefficient stands only beside counts: a time's belongs to its machine.
    """
    twice = {"peak_memory"} if any(m == "working_memory" for _, m, _ in fits) else set()
    shared = {key: f for key, f in fits.items() if len(f) > 1 and key[1] not in twice}
    measures = measures_of(measure for _, measure, _ in shared)
    phases: tuple[str, ...] = PHASES

    def place(key: tuple[str, str, str]) -> tuple[object, ...]:
        label, measure, phase = key
        system = next(iter(shared[key].values())).system
        return rank(system), label, measures.index(measure), phases.index(phase)

    rows: list[Row] = []
    differing = []
    for key in sorted(shared, key=place):
        (label, measure, phase), by_side = key, shared[key]
        cells = [_order_cell(by_side.get(side.label)) for side in sides]
        rows.append((label, name_of(measure), phase, *cells))
        judged = {fit.order for fit in by_side.values()} - {"not judged"}
        if len(judged) > 1 and measure in DECIDING and phase != "query":
            orders = join_words([f"{fit.order} in {side}" for side, fit in by_side.items()])
            differing.append(f"{label}, {phase}, {name_of(measure)}: {orders}.")
    if not rows:
        return None, []
    caption = "How each cost grows with document length, in each run"
    columns = ("system", "cost", "phase", *(side.label for side in sides))
    return Table("orders", caption, columns, rows), differing


def _order_cell(fit: Fit | None) -> Cell:
    """The order, under it the coefficient of a count, or how steep a measured cost is at its end.

    No time and no bytes of memory: those belong to a machine, and this table knows none.
    """
    if fit is None:
        return Cell()
    order, end = fit.order, f"{fit.lengths[-1]:,} tokens"
    if fit.measure in NOISE_FREE and fit.exact and fit.leading is not None:
        per = {"linear": "/token", "quadratic": "/token²"}.get(fit.order, "")
        below = Cell(value=fit.leading.value, role="amount", unit=fit.unit + per)
    elif fit.order == "linear" and fit.leading is None:
        return Cell(
            value="at most linear",
            role="order",
            below=[Cell(value=fit.lengths[-1], role="count", lead="to", note="tokens")],
        )
    elif fit.order in {"linear", "quadratic"}:
        below = Cell(value=fit.exponents[-1], role="digits", lead="exponent", note=f"at {end}")
    else:
        below = Cell(value=fit.n_points, role="count", note=f"lengths to {end}")
    return Cell(value=order, role="order", below=[below])
