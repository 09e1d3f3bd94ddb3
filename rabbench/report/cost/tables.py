"""Costs and factors of teacher over student by document length, as tables.

Knows measurement rows; every row with a document length stands in one of the tables, by its value
or by the status that it has instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from rabbench.report.labels import LONGEST, PAPER, PHASE_WORDS
from rabbench.report.page import Cell, Column, Row, Table
from rabbench.report.wording import amount, times
from rabbench.scaling.fits import samples
from rabbench.scaling.labels import (
    STUDENT,
    TEACHER,
    Item,
    Labels,
    group_by,
    measures_of,
    name_of,
    pairs_text,
    rank,
)
from rabbench.scaling.ratios import Ratio
from rabbench.stats.intervals import median_interval
from rabbench.types import PHASES, Measurement

SWEEP_PARAMS = ("model", "device", "dtype", "attention")
PAPER_TEXT = (
    f"The paper measured one pair answered online with {PAPER.model} on {PAPER.hardware}: "
    f"{amount(PAPER.teacher_s, 's')} for its teacher and {amount(PAPER.student_s, 's')} for its "
    f"student, a factor of {times(PAPER.factor)} ({PAPER.source}). Machine, model and documents "
    "differ from those here, so the factors can agree in kind only, not in size."
)


def length_tables(
    costs: Sequence[Measurement], ratios: Sequence[Ratio], labels: Labels
) -> dict[str, list[Table]]:
    """By measure, a table for each phase: a line a length, a column a sweep; then the factors."""
    costs = sorted(costs, key=lambda row: row_order(row, labels))
    by_place = group_by(costs, lambda row: (row.measure, row.phase))
    by_measure = group_by(ratios, lambda ratio: ratio.measure)
    tables: dict[str, list[Table]] = {}
    for measure in measures_of(row.measure for row in costs):
        tables[measure] = [
            _phase_table(rows, labels, pairs)
            for phase in reversed(PHASES)
            for pairs, rows in by_pairs(by_place.get((measure, phase), ()), "params")
        ]
        tables[measure] += [
            _factor_table(of_pairs, labels, pairs)
            for pairs, of_pairs in by_pairs(by_measure.get(measure, ()), "key")
        ]
    return tables


def by_pairs(items: Sequence[Item], params: str) -> list[tuple[str, list[Item]]]:
    """Items by the kind of query–key pairs that their ``params`` count, dense first.

    Those that count no pairs stand with the first, or alone under an empty name.
    """
    names = {str(getattr(item, params).get("pairs", "")) for item in items}
    first = max(names, default="")
    groups = group_by(items, lambda item: str(getattr(item, params).get("pairs", first)))
    return sorted(groups.items(), key=lambda group: group[0], reverse=True)


def _phase_table(rows: Sequence[Measurement], labels: Labels, pairs: str) -> Table:
    """One cost of one phase."""
    measure, phase = rows[0].measure, rows[0].phase
    suffix, brackets = pairs_text(pairs)
    caption = f"{name_of(measure)}{brackets}, {PHASE_WORDS[phase]}"
    cells = [
        (labels.of(row.system, row.params), int(row.params["doc_len"]), row_cell(row))
        for row in rows
    ]
    paper = phase == "score" and pairs != "causal"
    return table_by_length(f"{measure}-{phase}{suffix}", caption, cells, paper=paper)


def _factor_table(ratios: Sequence[Ratio], labels: Labels, pairs: str) -> Table:
    """Factors of a pair's cost; a column a comparison, with the query where it adds up."""
    cells = []
    for ratio in ratios:
        name = f"{labels.of(ratio.over_system, ratio.key)} / {ratio.under_system}"
        factors = {name: ratio.score, f"{name}, its query encoded": ratio.with_query}
        for heading, factor in factors.items():
            if factor is not None:
                cells.append((heading, ratio.doc_len, Cell.estimate(factor, "factor")))
    measure = ratios[0].measure
    suffix, brackets = pairs_text(pairs)
    caption = f"{name_of(measure)}{brackets} of a pair, over the student’s"
    return table_by_length(f"{measure}-factor{suffix}", caption, cells, paper=pairs != "causal")


def table_by_length(
    id_: str, caption: str, cells: Iterable[tuple[str, int, Cell]], *, paper: bool = False
) -> Table:
    """Cells by heading and document length; further ones of one place stand below the first."""
    columns: dict[str, dict[int, Cell]] = {}
    for heading, length, cell in cells:
        column = columns.setdefault(heading, {})
        above = column.get(length)
        column[length] = replace(above, below=[*above.below, cell]) if above else cell
    lengths = sorted({length for column in columns.values() for length in column})
    rows = [[n, *(column.get(n) for column in columns.values())] for n in lengths]
    return Table(id_, caption, ["document tokens", *columns], rows, paper=paper)


def row_cell(row: Measurement) -> Cell:
    """A row's value; a time with the interval of its median."""
    cell = Cell.of_row(row)
    if row.measure != "latency" or row.value is None:
        return cell
    median = median_interval(samples(row))
    return replace(cell, low=median.low, high=median.high)


def row_order(row: Measurement, labels: Labels) -> tuple[tuple[int, str], str, int, int]:
    """By system, sweep, phase and document length."""
    phase = PHASES.index(row.phase) if row.phase in PHASES else len(PHASES)
    label = labels.of(row.system, row.params)
    return rank(row.system), label, phase, int(row.params.get("doc_len", 0))


def limit_table(rows: Iterable[Measurement], labels: Labels) -> Table:
    """The longest documents that memory and time allow, where a length failed."""
    lines = [
        (labels.of(row.system, row.params), row.phase, int(row.value), row.params.get("fails_at"))
        for row in rows
        if row.measure == LONGEST and row.value is not None
    ]
    columns = ("system", "phase", "longest that fits, tokens", "shortest that does not")
    caption = "Longest documents that fit on this machine"
    return Table("limits", caption, columns, lines)


def paper_table(ratios: Iterable[Ratio]) -> Table:
    """The paper's factor, then ours for each length; empty where no pair was timed by both."""
    unknown, unmeasured = Cell(words="not given"), Cell(words="not measured")
    rows: list[Row] = []
    for ratio in ratios:
        if (ratio.measure, ratio.over_system, ratio.under_system) == ("latency", TEACHER, STUDENT):
            sweep = ", ".join(str(ratio.key[name]) for name in SWEEP_PARAMS if name in ratio.key)
            cells: Row = (unmeasured, unmeasured)
            if ratio.with_query is not None:
                online = ratio.with_query
                student = Cell(value=ratio.over / online.value, role="amount", unit="s")
                cells = (student, Cell.estimate(online, "factor"))
            score = Cell.estimate(ratio.score, "factor")
            rows.append((f"here: {sweep}", ratio.doc_len, ratio.over, *cells, score))
    if rows:
        claim = f"the paper: {PAPER.model}, {PAPER.hardware}"
        factor = Cell(value=PAPER.factor, role="factor")
        rows.insert(0, (claim, unknown, PAPER.teacher_s, PAPER.student_s, factor, unknown))
    times_of = [Column(name, unit="s") for name in ("teacher", "student, its query encoded")]
    factors = ("factor", "factor of the scoring step alone")
    columns: list[Column | str] = ["measured", "document tokens", *times_of, *factors]
    caption = "One pair online, teacher over student: the paper’s and ours"
    return Table("paper-factor", caption, columns, rows, grouped=True, folded=True)
