"""The break-even section: the query from which the student costs less, in words, tables and maps.

Reads what ``scaling.break_even`` works out, of one sweep's dense counts or times at a time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from rabbench.report.cost.tables import table_by_length
from rabbench.report.cost.text import NOUNS, SYSTEM_NOUNS
from rabbench.report.labels import PAPER_TRAINING, Labels, name_of, rank
from rabbench.report.page import Cell, Column, Figure, KeyFigure, Row, Section, Table, figure_data
from rabbench.report.plots.heatmap import Heatmap, draw_heatmap
from rabbench.report.wording import amount
from rabbench.scaling.break_even import (
    STUDENTS,
    Bill,
    BreakEven,
    Load,
    bills,
    break_even,
    pair_bills,
    storages,
    terms,
    total,
)
from rabbench.scaling.fits import is_dense
from rabbench.types import Measurement

MILESTONES = (1, 100, 10_000)
N_DOCS, CANDIDATES = (100, 1_000, 10_000, 100_000), (10, 100, 1_000)
QUERIES = (1, 10, 100, 1_000, 10_000, 100_000, 1_000_000)  # at which a map's data hold the ratio
PAPER_TEXT = f"For orientation only, from the paper and counted nowhere here: {PAPER_TRAINING}."
MAP_NOTE = "The strong line is the break-even; shades and thin lines are factors of ten."

Pair = tuple[Bill, Bill]
"""A student's bill and that of the system that it is compared with."""


def read_load(config: Mapping[str, Any]) -> Load:
    """The load that the results' configuration names under ``breakeven``; else the default."""
    load = config.get("breakeven")
    return Load.from_config(load if isinstance(load, Mapping) else {})


class BreakEvenReport:
    """Sentences, tables and maps about break-even from these rows, under this load."""

    def __init__(self, rows: Sequence[Measurement], load: Load, labels: Labels) -> None:
        self.rows, self.load, self.labels = rows, load, labels
        self.bills = [bill for bill in bills(rows) if is_dense(bill.key)]
        self.pairs: list[Pair] = sorted(
            pair_bills(self.bills), key=lambda pair: (rank(pair[0].system), rank(pair[1].system))
        )

    def findings(self) -> list[str]:
        """The break-even of each student at the largest length; empty where none was compared."""
        sentences: list[str] = []
        for student in STUDENTS:
            pairs = self._deciding(student)
            if not pairs:
                continue
            by_reference: dict[str, list[BreakEven]] = {}
            for pair in pairs:
                by_reference.setdefault(pair[1].system, []).append(break_even(*pair, self.load))
            clauses = f"{SYSTEM_NOUNS[student]} costs less "
            clauses += "; ".join(map(compared_clause, by_reference.values()))
            if sentences:
                sentences.append(f"Likewise {clauses}.")
            else:
                load = self._load_text(pairs[0][0].doc_len)
                sentences.append(f"{load}, {clauses}. {self._training()}")
        return sentences

    def opening(self) -> list[str]:
        """The break-even of the first student and other system, in time if measured."""
        return [
            f"{self._load_text(student.doc_len)}, {SYSTEM_NOUNS[student.system]} costs less "
            f"{compared_clause([break_even(student, reference, self.load)])}, its training "
            f"{'counted in' if self.load.training(student.measure) else 'left out'}."
            for student, reference in self._in_time()[:1]
        ]

    def key_figures(self) -> list[KeyFigure]:
        """The break-even against the first other system at the largest length, in brief."""
        figures = []
        for student, reference in self._in_time()[:1]:
            queries = break_even(student, reference, self.load).queries
            if queries is not None and math.isfinite(queries.value):
                nouns = SYSTEM_NOUNS[student.system], SYSTEM_NOUNS[reference.system]
                note = (
                    f"in {NOUNS[student.measure]}, {self.load.n_docs:,} documents of "
                    f"{student.doc_len:,} tokens, {self.load.k:,} scored a query"
                )
                label = f"from which {nouns[0]} costs less than {nouns[1]}"
                figures.append(KeyFigure(f"{ordinal(queries.value)} query", label, note))
        return figures

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
        folded = [*earlier, self._totals(), *self._by_load()]
        return replace(
            section,
            text=(text, PAPER_TEXT),
            figures=self._maps(slots) if draw else (),
            tables=[last, *(replace(table, folded=True) for table in folded)],
        )

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

    def _deciding(self, student: str) -> list[Pair]:
        """Of each measure and other system the pair at the largest length, of one sweep."""

        def place(pair: Pair) -> tuple[int, bool]:
            return pair[0].doc_len, pair[1].key.get("attention") == "sdpa"

        last: dict[tuple[str, str], Pair] = {}
        for pair in self._complete():
            key = pair[0].measure, pair[1].system
            if pair[0].system == student and (key not in last or place(pair) > place(last[key])):
                last[key] = pair
        longest = max((pair[0].doc_len for pair in last.values()), default=0)
        return [pair for pair in last.values() if pair[0].doc_len == longest]

    def _complete(self) -> list[Pair]:
        """The pairs of which every phase was measured."""
        return [pair for pair in self.pairs if not (pair[0].missing or pair[1].missing)]

    def _in_time(self) -> list[Pair]:
        """The deciding pairs of the first student, in time where it was measured."""
        pairs = self._deciding(STUDENTS[0]) or self._deciding(STUDENTS[1])
        return [pair for pair in pairs if pair[0].measure == "latency"] or pairs

    def _by_length(self) -> list[Table]:
        """A table a measure: the break-even at every length, a column a comparison."""
        tables = []
        for measure, noun in NOUNS.items():
            cells = []
            for student, reference in self.pairs:
                if student.measure == measure:
                    label = self.labels.of(reference.system, reference.key)
                    cell = query_cell(break_even(student, reference, self.load))
                    cells.append((f"{student.system} below {label}", student.doc_len, cell))
            caption = (
                f"Break-even in {noun}: the first query from which the total is lower, "
                f"N = {self.load.n_docs:,}, k = {self.load.k:,}"
            )
            tables += [table_by_length(f"break-even-{measure}", caption, cells)] if cells else []
        return tables

    def _totals(self) -> Table:
        """The terms of the total and a few totals, at the largest length of each sweep."""
        last = {(bill.system, str(bill.key), bill.measure): bill for bill in self.bills}
        sizes = {
            (size.system, self.labels.of(size.system, size.key), size.doc_len): size
            for size in storages(self.rows, self.load)
        }
        priced = self.load.price_gb_month is not None
        rows: list[Row] = []
        for bill in sorted(last.values(), key=lambda b: (rank(b.system), str(b.key), b.measure)):
            label = self.labels.of(bill.system, bill.key)
            size = sizes.get((bill.system, label, bill.doc_len))
            once, each = terms(bill, self.load) or (None, None)
            values = [once, each, *(total(bill, self.load, queries) for queries in MILESTONES)]
            head = (label, name_of(bill.measure), bill.doc_len)
            price = [size.per_month if size else None] if priced else []
            cells = [_cost_cell(value, bill.unit) for value in values]
            rows.append([*head, *cells, size.bytes if size else None, *price])
        columns = ["system", "cost", "tokens", "once", "each query"]
        columns += [f"after {n:,} {'query' if n == 1 else 'queries'}" for n in MILESTONES]
        heads = [*map(Column, columns), Column("index kept", unit="B")]
        heads += [Column("its price a month")] if priced else []
        caption = f"Totals with N = {self.load.n_docs:,} and k = {self.load.k:,}"
        return Table("totals", caption, heads, rows, grouped=True)

    def _by_load(self) -> list[Table]:
        """The break-even by N and k, in time where it was measured."""
        rows: list[Row] = []
        for student, reference in self._in_time():
            for n_docs in N_DOCS:
                cells = [
                    query_cell(
                        break_even(student, reference, replace(self.load, n_docs=n_docs, k=k))
                    )
                    if k <= n_docs
                    else None
                    for k in CANDIDATES
                ]
                rows.append([SYSTEM_NOUNS[reference.system], n_docs, *cells])
        if not rows:
            return []
        first = self._in_time()[0][0]
        caption = (
            f"Break-even by load: {SYSTEM_NOUNS[first.system]} at {first.doc_len:,} tokens, in "
            f"{NOUNS[first.measure]}"
        )
        columns = ["below", "N documents", *(f"k = {k:,}" for k in CANDIDATES)]
        return [Table("break-even-load", caption, columns, rows)]

    def _maps(self, slots: Mapping[str, int]) -> list[Figure]:
        """A map over queries and length for each other system."""
        figures = []
        for first, reference in self._in_time():
            series = [
                pair
                for pair in self._complete()
                if (pair[0].system, pair[0].measure) == (first.system, first.measure)
                and (pair[1].system, pair[1].key) == (reference.system, reference.key)
            ]
            if len(series) > 1:
                figures.append(_map(series, self.load, slots))
        return figures


def _map(series: Sequence[Pair], load: Load, slots: Mapping[str, int]) -> Figure:
    """The map of one comparison; ``series`` are its pairs by length."""
    student, reference = series[0][0].system, series[0][1].system
    nouns = SYSTEM_NOUNS[student], SYSTEM_NOUNS[reference]
    id_ = f"fig-break-even-{reference}"
    title = f"{nouns[1]}’s total over {nouns[0]}’s, in {NOUNS[series[0][0].measure]}"
    title = title[0].upper() + title[1:]
    results = [break_even(*pair, load) for pair in series]
    ends = [f"{when(result)} at {result.doc_len:,} tokens" for result in (results[0], results[-1])]
    alt = (
        f"{title}, against document length and number of queries, both logarithmic. The student "
        f"costs less {'; '.join(ends)}."
    )
    heatmap = Heatmap(
        lengths=[result.doc_len for result in results],
        ratios=[partial(_ratio, pair, load) for pair in series],
        crossings=[
            result.queries.value if result.kind in {"always", "from"} and result.queries else None
            for result in results
        ],
        above=(nouns[0], slots[student]),
        below=(nouns[1], slots[reference]),
    )
    columns = [("document tokens", ""), ("first query from which the student costs less", "")]
    columns += [
        (f"total over total, {n:,} {'query' if n == 1 else 'queries'}", "") for n in QUERIES
    ]
    points = zip(heatmap.lengths, heatmap.ratios, heatmap.crossings, strict=True)
    rows = [[length, first, *map(ratio, QUERIES)] for length, ratio, first in points]
    svg = draw_heatmap(id_, heatmap, alt)
    return Figure(id_, title, alt, svg, figure_data(columns, rows), MAP_NOTE)


def _ratio(pair: Pair, load: Load, queries: int) -> float:
    student, reference = (total(bill, load, queries) for bill in pair)
    return (reference or 0.0) / student if student else math.inf


def _cost_cell(value: float | None, unit: str) -> Cell:
    if value is None:
        return Cell(words="not measured")
    return Cell(value=value, role="duration" if unit == "s" else "amount", unit=unit)


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
