"""Costs and factors of teacher over student by document length, as tables.

Knows measurement rows; every row with a document length stands in one of the tables, by its value
or by the status that it has instead. A factor of times has a bootstrap interval.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from rabbench.report.labels import (
    CACHED,
    CHUNKED,
    LONGEST,
    PAPER,
    PHASE_WORDS,
    STUDENT,
    TEACHER,
    Labels,
    is_cost,
    measures_of,
    name_of,
    rank,
)
from rabbench.report.page import Cell, Column, Row, Table
from rabbench.report.wording import amount, times
from rabbench.scaling.fits import NOISE_FREE, comparable, samples, sweep_key
from rabbench.stats.intervals import Estimate, median_interval, median_ratio
from rabbench.types import PHASES, Measurement

ADDITIVE = ("flops", "latency", "energy")
"""Costs where the query's and the pair's share can be added."""

SWEEP_PARAMS = ("model", "device", "dtype", "attention")
PAPER_TEXT = (
    f"The paper measured one pair answered online with {PAPER.model} on {PAPER.hardware}: "
    f"{amount(PAPER.teacher_s, 's')} for its teacher and {amount(PAPER.student_s, 's')} for its "
    f"student, a factor of {times(PAPER.factor)} ({PAPER.source}). Machine, model and documents "
    "differ from those here, so the factors can agree in kind only, not in size."
)


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """One factor of the online cost of a pair; ``over`` is the over-system's cost.

    ``with_query`` counts the under-system's query encoding in full, as if it scored one document
    a query; None where it has no query phase or the measure does not add up.
    """

    over_system: str
    under_system: str
    measure: str
    doc_len: int
    key: Mapping[str, Any]
    over: float
    score: Estimate
    with_query: Estimate | None


def ratios(
    rows: Iterable[Measurement], *, over: str = TEACHER, under: str = STUDENT
) -> list[Ratio]:
    """The factor of online cost for every measure and length that both systems have."""
    measured = [row for row in rows if row.value is not None and "doc_len" in row.params]
    under_rows = [row for row in measured if row.system == under]
    factors = []
    for row in measured:
        if row.system != over or row.phase != "score" or not row.value or row.unit == "1":
            continue
        pair = _match(row, under_rows, "score")
        if pair is None or not pair.value:
            continue
        query = _match(row, under_rows, "query") if row.measure in ADDITIVE else None
        factors.append(
            Ratio(
                over_system=over,
                under_system=under,
                measure=row.measure,
                doc_len=int(row.params["doc_len"]),
                key=sweep_key(row),
                over=row.value,
                score=estimate_ratio(row, pair),
                with_query=None if query is None else estimate_ratio(row, pair, query),
            )
        )
    return sorted(factors, key=lambda ratio: (ratio.measure, str(ratio.key), ratio.doc_len))


def all_ratios(rows: Sequence[Measurement]) -> list[Ratio]:
    """Both teachers over both students."""
    pairs = product((TEACHER, CACHED), (STUDENT, CHUNKED))
    return [ratio for over, under in pairs for ratio in ratios(rows, over=over, under=under)]


def _match(row: Measurement, under: Sequence[Measurement], phase: str) -> Measurement | None:
    """The under-system's row of the same measure and sweep.

    A causal count that equals the dense one has no row of its own, so ``pairs`` only ranks; a
    query's cost does not depend on the document, so there ``doc_len`` only ranks.
    """

    def mismatches(candidate: Measurement) -> list[bool]:
        return [candidate.params.get(name) != row.params.get(name) for name in ("doc_len", "pairs")]

    candidates = [
        candidate
        for candidate in under
        if (candidate.phase, candidate.measure) == (phase, row.measure)
        and comparable(row.params, candidate.params)
        and (phase == "query" or candidate.params["doc_len"] == row.params["doc_len"])
    ]
    return min(candidates, key=mismatches, default=None)


def estimate_ratio(over: Measurement, *under: Measurement) -> Estimate:
    """The ratio over / Σ under; its interval from repeated runs, each row's resampled."""
    if over.measure in NOISE_FREE:
        value = (over.value or 0.0) / sum(row.value or 0.0 for row in under)
        return Estimate(value, value, value)
    return median_ratio(samples(over), *map(samples, under))


def length_tables(
    rows: Iterable[Measurement], ratios: Sequence[Ratio], labels: Labels
) -> dict[str, list[Table]]:
    """By measure, a table for each phase: a line a length, a column a sweep; then the factors."""
    costs = [row for row in rows if is_cost(row)]
    tables: dict[str, list[Table]] = {}
    for measure in measures_of(row.measure for row in costs):
        by_phase = {
            phase: [row for row in costs if (row.measure, row.phase) == (measure, phase)]
            for phase in reversed(PHASES)
        }
        tables[measure] = [
            _phase_table(of_phase, labels, pairs)
            for of_phase in by_phase.values()
            for pairs in _conventions(of_phase)
        ]
        for pairs in _conventions(by_phase["score"]):
            of_pairs = [
                r for r in ratios if r.measure == measure and r.key.get("pairs", pairs) == pairs
            ]
            tables[measure] += [_factor_table(of_pairs, labels, pairs)] if of_pairs else []
    return tables


def _conventions(rows: Sequence[Measurement]) -> list[str]:
    """The kinds of pairs that these rows count, dense first; one without a name for others."""
    names = {str(row.params["pairs"]) for row in rows if "pairs" in row.params}
    return sorted(names, reverse=True) or [""][: len(rows)]


def _phase_table(rows: Sequence[Measurement], labels: Labels, pairs: str) -> Table:
    """One cost of one phase; rows without a convention count for the first."""
    measure, phase, first = rows[0].measure, rows[0].phase, _conventions(rows)[0]
    columns: dict[str, dict[int, Cell]] = {}
    for row in sorted(rows, key=lambda row: row_order(row, labels)):
        if row.params.get("pairs", first) == pairs:
            column = columns.setdefault(labels.of(row.system, row.params), {})
            length, cell = int(row.params["doc_len"]), row_cell(row)
            first_cell = column.setdefault(length, cell)
            if first_cell is not cell:
                column[length] = replace(first_cell, below=[*first_cell.below, cell])
    suffix, brackets = pairs_text(pairs)
    caption = f"{name_of(measure)}{brackets}, {PHASE_WORDS[phase]}"
    paper = phase == "score" and pairs != "causal"
    return table_by_length(f"{measure}-{phase}{suffix}", caption, columns, paper=paper)


def _factor_table(ratios: Sequence[Ratio], labels: Labels, pairs: str) -> Table:
    """Factors of a pair's cost; a column a comparison, with the query where it adds up."""
    columns: dict[str, dict[int, Cell]] = {}
    for ratio in ratios:
        name = f"{labels.of(ratio.over_system, ratio.key)} / {ratio.under_system}"
        factors = {name: ratio.score, f"{name}, its query encoded": ratio.with_query}
        for heading, factor in factors.items():
            if factor is not None:
                columns.setdefault(heading, {})[ratio.doc_len] = Cell.estimate(factor, "factor")
    measure = ratios[0].measure
    suffix, brackets = pairs_text(pairs)
    caption = f"{name_of(measure)}{brackets} of a pair, over the student’s"
    return table_by_length(f"{measure}-factor{suffix}", caption, columns, paper=pairs != "causal")


def table_by_length(
    id_: str, caption: str, columns: Mapping[str, Mapping[int, Cell]], *, paper: bool = False
) -> Table:
    """A line for each document length; a column holds its cells by length."""
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


def is_dense(key: Mapping[str, Any]) -> bool:
    """Whether a sweep counts every query–key pair, or no pairs at all."""
    return bool(key.get("pairs", "dense") == "dense")


def row_order(row: Measurement, labels: Labels) -> tuple[tuple[int, str], str, int, int]:
    """By system, sweep, phase and document length."""
    phase = PHASES.index(row.phase) if row.phase in PHASES else len(PHASES)
    label = labels.of(row.system, row.params)
    return rank(row.system), label, phase, int(row.params.get("doc_len", 0))


def pairs_text(pairs: str) -> tuple[str, str]:
    """A convention of counting as the end of an id, and in brackets."""
    return (f"-{pairs}", f" ({pairs} pairs)") if pairs else ("", "")


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
