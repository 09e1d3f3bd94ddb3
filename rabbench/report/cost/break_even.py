"""The break-even section: the query from which the student costs less, in words, tables and maps.

Reads what ``scaling.break_even`` works out, of one sweep's dense counts or times at a time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from rabbench.config.scaling import Load
from rabbench.report.cost.tables import table_by_length
from rabbench.report.cost.text import NOUNS, SYSTEM_NOUNS
from rabbench.report.labels import PAPER_TRAINING
from rabbench.report.page import Cell, Column, Figure, KeyFigure, Row, Section, Table, figure_data
from rabbench.report.plots.heatmap import Heatmap, draw_heatmap
from rabbench.report.wording import amount
from rabbench.scaling.break_even import (
    STUDENTS,
    Bill,
    BreakEven,
    bills,
    break_even,
    pair_bills,
    storages,
    terms,
    total,
)
from rabbench.scaling.fits import is_dense
from rabbench.scaling.labels import Labels, group_by, name_of, rank
from rabbench.types import Measurement

MILESTONES = (1, 100, 10_000)
N_DOCS, CANDIDATES = (100, 1_000, 10_000, 100_000), (10, 100, 1_000)
QUERIES = (1, 10, 100, 1_000, 10_000, 100_000, 1_000_000)  # at which a map's data hold the ratio
PAPER_TEXT = f"For orientation only, from the paper and counted nowhere here: {PAPER_TRAINING}."
MAP_NOTE = "The strong line is the break-even; shades and thin lines are factors of ten."


class BillPair(NamedTuple):
    """The bills of a student and of what it is compared with, and their break-even."""

    student: Bill
    reference: Bill
    result: BreakEven

    def ratio(self, load: Load, queries: int) -> float:
        """The reference's total over the student's."""
        student, reference = (total(bill, load, queries) for bill in self[:2])
        return (reference or 0.0) / student if student else math.inf


class BreakEvenReport:
    """Sentences, tables and maps about break-even; ``config`` may name a load, ``breakeven``."""

    def __init__(
        self, rows: Sequence[Measurement], config: Mapping[str, Any], labels: Labels
    ) -> None:
        load = config.get("breakeven")
        self.load = load = Load.from_config(load if isinstance(load, Mapping) else {})
        self.rows, self.labels = rows, labels
        self.bills = [bill for bill in bills(rows) if is_dense(bill.key)]
        self.pairs = [BillPair(*pair, break_even(*pair, load)) for pair in pair_bills(self.bills)]
        self.pairs.sort(key=lambda pair: (rank(pair.student.system), rank(pair.reference.system)))
        self.complete = [pair for pair in self.pairs if pair.result.queries is not None]
        pairs = self._deciding(STUDENTS[0]) or self._deciding(STUDENTS[1])
        self.in_time = [pair for pair in pairs if pair.result.measure == "latency"] or pairs
        """The deciding pairs of the first student, in time where it was measured."""

    def _deciding(self, student: str) -> list[BillPair]:
        """Of each measure and reference the pair at the largest length, of one sweep."""

        def place(pair: BillPair) -> tuple[int, bool]:
            return pair.result.doc_len, pair.result.key.get("attention") == "sdpa"

        pairs = [pair for pair in self.complete if pair.result.student == student]
        groups = group_by(pairs, lambda pair: (pair.result.measure, pair.result.reference))
        last = [max(group, key=place) for group in groups.values()]
        longest = max((pair.result.doc_len for pair in last), default=0)
        return [pair for pair in last if pair.result.doc_len == longest]

    def findings(self) -> list[str]:
        """The break-even of each student at the largest length; empty where none was compared."""
        sentences: list[str] = []
        for pairs in filter(None, map(self._deciding, STUDENTS)):
            by_reference = group_by((p.result for p in pairs), lambda result: result.reference)
            clauses = "; ".join(map(compared_clause, by_reference.values()))
            text = f"{SYSTEM_NOUNS[pairs[0].student.system]} costs less {clauses}."
            load = self._load_text(pairs[0].result.doc_len)
            first = f"{load}, {text} {self._training()}"
            sentences.append(f"Likewise {text}" if sentences else first)
        return sentences

    def opening(self) -> list[str]:
        """The break-even of the first student and reference, in time if measured."""
        return [
            f"{self._load_text(result.doc_len)}, {SYSTEM_NOUNS[result.student]} costs less "
            f"{compared_clause([result])}, its training "
            f"{'counted in' if result.trained else 'left out'}."
            for _, _, result in self.in_time[:1]
        ]

    def key_figures(self) -> list[KeyFigure]:
        """The break-even against the first reference at the largest length, in brief."""
        return [
            KeyFigure(
                f"{ordinal(result.queries.value)} query",
                f"from which {SYSTEM_NOUNS[result.student]} costs less than "
                f"{SYSTEM_NOUNS[result.reference]}",
                f"in {NOUNS[result.measure]}, {self.load.n_docs:,} documents of "
                f"{result.doc_len:,} tokens, {self.load.k:,} scored a query",
            )
            for _, _, result in self.in_time[:1]
            if result.queries is not None and math.isfinite(result.queries.value)
        ]

    def section(self, slots: Mapping[str, int], *, draw: bool) -> Section:
        """Definition, tables and maps; empty where no student was measured beside a teacher."""
        section = Section(id="break-even", title="Break-even")
        if not self.pairs:
            return section
        load = self.load
        text = (
            f"The total of Q queries is training + N · index + Q · (query + k · score): all "
            f"N = {load.n_docs:,} documents are indexed once, whether they are asked about or "
            f"not, and k = {load.k:,} of them are scored for each query, priced one by one as "
            "measured. The first stage that picks the k costs all systems the same and is left "
            "out. The break-even is the smallest number of queries at which the student’s total "
            "is the lower one; intervals come from resampling the repeated runs, and maps are "
            "interpolated between the measured lengths. "
            f"{self._training()}"
        )
        *earlier, last = self._by_length()  # the break-even in time stays open, or in FLOPs alone
        folded = (*earlier, self._totals(), self._by_load())
        tables = [last, *(replace(table, folded=True) for table in folded)]
        figures = self._maps(slots) if draw else ()
        return replace(section, text=(text, PAPER_TEXT), figures=figures, tables=tables)

    def _load_text(self, doc_len: int) -> str:
        return (
            f"With {self.load.n_docs:,} documents of {doc_len:,} tokens indexed once and "
            f"{self.load.k:,} of them scored for each query"
        )

    def _training(self) -> str:
        costs = ((self.load.training_flops, "FLOP"), (self.load.training_s, "s"))
        measured = [amount(value, unit) for value, unit in costs if value is not None]
        if not measured:
            return "The student’s training is not measured and left out."
        missing = "time" if self.load.training_flops is not None else "FLOPs"
        rest = f"; what it took in {missing} is not measured and left out"
        sentence = f"The student’s training is counted in ({' and '.join(measured)})"
        return f"{sentence}{rest if len(measured) == 1 else ''}."

    def _by_length(self) -> list[Table]:
        """A table a measure: the break-even at every length, a column a comparison."""
        tables = []
        by_measure = group_by((pair.result for pair in self.pairs), lambda result: result.measure)
        for measure in (measure for measure in NOUNS if measure in by_measure):
            caption = (
                f"Break-even in {NOUNS[measure]}: the first query from which the total is lower, "
                f"N = {self.load.n_docs:,}, k = {self.load.k:,}"
            )
            cells = []
            for result in by_measure[measure]:
                label = self.labels.of(result.reference, result.key)
                heading = f"{result.student} below {label}"
                cells.append((heading, result.doc_len, query_cell(result)))
            tables.append(table_by_length(f"break-even-{measure}", caption, cells))
        return tables

    def _totals(self) -> Table:
        """The terms of the total and a few totals, at the largest length of each sweep."""
        last = {(bill.system, str(bill.key), bill.measure): bill for bill in self.bills}
        sizes = {
            (self.labels.of(size.system, size.key), size.doc_len): size
            for size in storages(self.rows, self.load)
        }
        rows: list[Row] = []
        for bill in sorted(last.values(), key=lambda b: (rank(b.system), str(b.key), b.measure)):
            label = self.labels.of(bill.system, bill.key)
            size = sizes.get((label, bill.doc_len))
            once, each = terms(bill, self.load) or (None, None)
            values = (once, each, *(total(bill, self.load, n) for n in MILESTONES))
            cells = [_cost_cell(value, bill.unit) for value in values]
            storage = (size.bytes, size.per_month) if size else (None, None)
            rows.append([label, name_of(bill.measure), bill.doc_len, *cells, *storage])
        names = ["system", "cost", "tokens", "once", "each query"]
        names += [f"after {_queries(n)}" for n in MILESTONES]
        columns = [*map(Column, names), Column("index kept", unit="B"), Column("its price a month")]
        if self.load.price_gb_month is None:
            columns, rows = columns[:-1], [row[:-1] for row in rows]
        caption = f"Totals with N = {self.load.n_docs:,} and k = {self.load.k:,}"
        return Table("totals", caption, columns, rows, grouped=True)

    def _by_load(self) -> Table:
        """The break-even by N and k, in time where it was measured."""

        def crossing(pair: BillPair, n_docs: int, k: int) -> Cell | None:
            if k > n_docs:
                return None
            return query_cell(break_even(*pair[:2], replace(self.load, n_docs=n_docs, k=k)))

        rows = [
            [SYSTEM_NOUNS[pair.result.reference], n, *(crossing(pair, n, k) for k in CANDIDATES)]
            for pair in self.in_time
            for n in N_DOCS
        ]
        columns = ["below", "N documents", *(f"k = {k:,}" for k in CANDIDATES)]
        caption = "Break-even by load"
        for _, _, result in self.in_time[:1]:
            where = f"at {result.doc_len:,} tokens, in {NOUNS[result.measure]}"
            caption += f": {SYSTEM_NOUNS[result.student]} {where}"
        return Table("break-even-load", caption, columns, rows)

    def _maps(self, slots: Mapping[str, int]) -> list[Figure]:
        """A map over queries and length for each reference."""

        def comparison(pair: BillPair) -> tuple[str, ...]:
            result = pair.result
            return result.student, result.measure, result.reference, str(result.key)

        series = group_by(self.complete, comparison)
        maps = [series[comparison(pair)] for pair in self.in_time]
        return [_map(pairs, self.load, slots) for pairs in maps if len(pairs) > 1]


def _map(pairs: Sequence[BillPair], load: Load, slots: Mapping[str, int]) -> Figure:
    """The map of one comparison; ``pairs`` are its lengths."""
    results = [pair.result for pair in pairs]
    first = results[0]
    nouns = SYSTEM_NOUNS[first.student], SYSTEM_NOUNS[first.reference]
    id_ = f"fig-break-even-{first.reference}"
    title = f"{nouns[1]}’s total over {nouns[0]}’s, in {NOUNS[first.measure]}"
    title = title[0].upper() + title[1:]
    ends = [f"{when(result)} at {result.doc_len:,} tokens" for result in (first, results[-1])]
    alt = (
        f"{title}, against document length and number of queries, both logarithmic. The student "
        f"costs less {'; '.join(ends)}."
    )
    heatmap = Heatmap(
        lengths=[result.doc_len for result in results],
        ratios=[partial(pair.ratio, load) for pair in pairs],
        crossings=[
            result.queries.value if result.kind in {"always", "from"} and result.queries else None
            for result in results
        ],
        above=(nouns[0], slots[first.student]),
        below=(nouns[1], slots[first.reference]),
    )
    names = ["document tokens", "first query from which the student costs less"]
    names += [f"total over total, {_queries(n)}" for n in QUERIES]
    points = zip(heatmap.lengths, heatmap.ratios, heatmap.crossings, strict=True)
    rows = [[length, crossing, *map(ratio, QUERIES)] for length, ratio, crossing in points]
    data = figure_data([(name, "") for name in names], rows)
    return Figure(id_, title, alt, draw_heatmap(id_, heatmap, alt), data, MAP_NOTE)


def _queries(count: int) -> str:
    return f"{count:,} {'query' if count == 1 else 'queries'}"


def _cost_cell(value: float | None, unit: str) -> Cell:
    words = "not measured" if value is None else ""
    return Cell(value=value, role="duration" if unit == "s" else "amount", unit=unit, words=words)


def query_cell(result: BreakEven) -> Cell:
    """“12 (11 to 13)”, “never”, or the reason why there is nothing."""
    if result.queries is None:
        return Cell(words=f"not measured ({result.why})")
    if result.kind == "until":
        return Cell(words=f"1 to {result.last:,} only")
    cell = Cell.estimate(result.queries, "count")
    return replace(cell, words="never") if math.isinf(result.queries.value) else cell


def when(result: BreakEven) -> str:
    """“from the 3rd query on”, for a sentence."""
    if result.queries is None:
        return f"at no known number of queries ({result.why} not measured)"
    if result.kind == "until":
        return f"for the first {result.last:,} queries only"
    if result.kind == "never":
        return "at no number of queries"
    query = "first" if result.queries.value == 1 else ordinal(result.queries.value)
    low, high = result.queries.low, result.queries.high
    text = f"from the {query} query on"
    if low == high or math.isinf(low):
        return text
    return f"{text} ({ordinal(low)} {'or later' if math.isinf(high) else f'to {ordinal(high)}'})"


def compared_clause(results: Sequence[BreakEven]) -> str:
    """“than the teacher from the 3rd query on in FLOPs and from the 4th (3rd to 5th) in time”."""
    nouns: dict[str, list[str]] = {}
    for result in results:
        nouns.setdefault(when(result), []).append(NOUNS[result.measure])
    clauses = [f"{clause} in {' as in '.join(alike)}" for clause, alike in nouns.items()]
    return f"than {SYSTEM_NOUNS[results[0].reference]} {' and '.join(clauses)}"


def ordinal(value: float) -> str:
    """1st, 2nd, 3rd, 4th, 11th, 1,002nd."""
    n = round(value)
    suffix = "th" if n % 100 in {11, 12, 13} else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n:,}{suffix}"
