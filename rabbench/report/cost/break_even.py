"""The break-even section: from which query on the student costs less, in words, tables and maps.

Reads what ``breakeven`` works out; every comparison is of one sweep's dense counts or times.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from rabbench.report import paper
from rabbench.report.cost import break_even_maps
from rabbench.report.cost.break_even_text import NOUNS, WHO, against, cell, ordinal
from rabbench.report.labels import Labels, name_of, rank
from rabbench.report.page import Figure, KeyFigure, Section, Table
from rabbench.report.wording import amount, duration
from rabbench.scaling.break_even import (
    STUDENTS,
    Bill,
    Load,
    bills,
    break_even,
    pair_bills,
    storages,
    terms,
    total,
)
from rabbench.types import Measurement

MILESTONES = (1, 100, 10_000)
N_DOCS, CANDIDATES = (100, 1_000, 10_000, 100_000), (10, 100, 1_000)
PAPER = f"For orientation only, from the paper and counted nowhere here: {paper.TRAINING}."
Pair = tuple[Bill, Bill]


def load_of(config: Mapping[str, Any]) -> Load:
    """The load that the results' configuration names under ``breakeven``; else the default."""
    given = config.get("breakeven")
    return Load.from_config(given if isinstance(given, Mapping) else {})


class Payoff:
    """What can be said about break-even from these rows, under this load."""

    def __init__(self, rows: Sequence[Measurement], load: Load, labels: Labels) -> None:
        self.rows, self.load, self.labels = rows, load, labels
        self.bills = [one for one in bills(rows) if one.key.get("pairs", "dense") == "dense"]
        self.pairs: list[Pair] = sorted(
            pair_bills(self.bills), key=lambda pair: (rank(pair[0].system), rank(pair[1].system))
        )

    def sentences(self) -> list[str]:
        """When each student pays off at the largest length; nothing where none was compared."""
        found: list[str] = []
        for student in STUDENTS:
            mine = self._deciding(student)
            if not mine:
                continue
            length = mine[0][0].doc_len
            load = self.load
            clauses = [
                against([break_even(*pair, load) for pair in mine if pair[1].system == other])
                for other in dict.fromkeys(pair[1].system for pair in mine)
            ]
            if found:
                found.append(f"Likewise {WHO[student]} costs less {'; '.join(clauses)}.")
                continue
            found.append(
                f"With {load.n_docs:,} documents of {length:,} tokens indexed once and "
                f"{load.k:,} of them scored for each query, {WHO[student]} costs less "
                f"{'; '.join(clauses)}. {self._training()}"
            )
        return found

    def brief(self) -> str:
        """When the first student pays off against the first other system, in time if measured."""
        for student, other in self._shown()[:1]:
            found = break_even(student, other, self.load)
            trained = (
                self.load.training_s if student.measure == "latency" else (self.load.training_flops)
            )
            counted = "its training counted in" if trained else "its training left out"
            return (
                f"With {self.load.n_docs:,} documents of {student.doc_len:,} tokens indexed once "
                f"and {self.load.k:,} of them scored for each query, {WHO[student.system]} costs "
                f"less {against([found])}, {counted}."
            )
        return ""

    def section(self, slots: Mapping[str, int], *, draw: bool) -> Section | None:
        """Definition, tables and maps; None where no student was measured beside a teacher."""
        if not self.pairs:
            return None
        load = self.load
        text = (
            f"The total of Q queries is training + N · index + Q · (query + k · score): all "
            f"N = {load.n_docs:,} documents are indexed once, whether they are asked about or "
            f"not, and k = {load.k:,} of them are scored for each query, priced one by one as "
            "measured. The first stage that picks the k costs all systems the same and is left "
            "out. The break-even is the smallest number of queries at which the student’s total "
            "is the lower one; intervals come from resampling the repeated runs, and maps are "
            "interpolated between the measured lengths. "
            f"{self._training()}",
            PAPER,
        )
        return Section(
            id="break-even",
            title="When the student pays off",
            text=text,
            figures=self._maps(slots) if draw else (),
            tables=_folded([*self._by_length(), self._totals(), *self._by_load()]),
        )

    def _training(self) -> str:
        known = [
            amount(value, unit)
            for value, unit in ((self.load.training_flops, "FLOP"), (self.load.training_s, "s"))
            if value is not None
        ]
        if len(known) == 2:
            return f"The student’s training is counted in ({' and '.join(known)})."
        missing = "time" if self.load.training_flops is not None else "FLOPs"
        if known:
            return (
                f"The student’s training is counted in ({known[0]}); what it took in {missing} is "
                "not measured and left out."
            )
        return "The student’s training is not measured and left out."

    def _deciding(self, student: str) -> list[Pair]:
        """Of each measure and other system the pair at the largest length, of one sweep."""
        found: dict[tuple[str, str], Pair] = {}
        for pair in self.pairs:
            mine, other = pair
            if mine.system != student or mine.missing or other.missing:
                continue
            held = found.get((mine.measure, other.system))
            better = (mine.doc_len, other.key.get("attention") == "sdpa")
            if held is None or better > (held[0].doc_len, held[1].key.get("attention") == "sdpa"):
                found[mine.measure, other.system] = pair
        longest = max((pair[0].doc_len for pair in found.values()), default=0)
        return [pair for pair in found.values() if pair[0].doc_len == longest]

    def _by_length(self) -> list[Table]:
        """A table a measure: the break-even at every length, a column a comparison."""
        tables = []
        for measure, noun in NOUNS.items():
            columns: dict[str, dict[int, str]] = {}
            for student, other in self.pairs:
                if student.measure == measure:
                    name = f"{student.system} below {self.labels.of(other.system, other.key)}"
                    said = cell(break_even(student, other, self.load))
                    columns.setdefault(name, {})[student.doc_len] = said
            lengths = sorted({length for column in columns.values() for length in column})
            if not lengths:
                continue
            tables.append(
                Table(
                    id=f"break-even-{measure}",
                    caption=f"Break-even in {noun}: the first query from which the total is lower, "
                    f"N = {self.load.n_docs:,}, k = {self.load.k:,}",
                    columns=["document tokens", *columns],
                    rows=[
                        [f"{length:,}", *(one.get(length, "–") for one in columns.values())]
                        for length in lengths
                    ],
                    numeric=frozenset(range(len(columns) + 1)),
                )
            )
        return tables

    def _totals(self) -> Table:
        """The terms of the total and a few totals, at the largest length of each sweep."""
        last = {(b.system, str(b.key), b.measure): b for b in self.bills}
        storage = {
            (one.system, self.labels.of(one.system, one.key), one.doc_len): one
            for one in storages(self.rows, self.load)
        }
        priced = self.load.price_gb_month is not None
        rows = []
        for bill in sorted(last.values(), key=lambda b: (rank(b.system), str(b.key), b.measure)):
            label = self.labels.of(bill.system, bill.key)
            index = storage.get((bill.system, label, bill.doc_len))
            sums = [total(bill, self.load, queries) for queries in MILESTONES]
            known = [*(terms(bill, self.load) or (None, None)), *sums]
            texts = [_amount(value, bill.unit) for value in known]
            line = [label, name_of(bill.measure), f"{bill.doc_len:,}", *texts]
            line.append(amount(index.bytes, "B") if index else "–")
            if priced:
                line.append(f"{index.per_month:,.4g}" if index and index.per_month else "–")
            rows.append(line)
        columns = ["system", "cost", "tokens", "once", "each query"]
        columns += [f"after {n:,} {'query' if n == 1 else 'queries'}" for n in MILESTONES]
        columns += ["index kept", *(["its price a month"] if priced else [])]
        caption = f"Totals with N = {self.load.n_docs:,} and k = {self.load.k:,}"
        numeric = frozenset(range(2, len(columns)))
        return Table("totals", caption, columns, rows, numeric, grouped=True)

    def _by_load(self) -> list[Table]:
        """How the break-even moves with N and k, in time where it was measured."""
        timed = self._shown()
        if not timed:
            return []
        rows = []
        for student, other in timed:
            for n_docs in N_DOCS:
                cells = []
                for k in CANDIDATES:
                    load = replace(self.load, n_docs=n_docs, k=k) if k <= n_docs else None
                    cells.append(cell(break_even(student, other, load)) if load else "–")
                rows.append([WHO[other.system], f"{n_docs:,}", *cells])
        first = timed[0][0]
        caption = (
            f"Break-even by load: {WHO[first.system]} at {first.doc_len:,} tokens, in "
            f"{NOUNS[first.measure]}"
        )
        columns = ["below", "N documents", *(f"k = {k:,}" for k in CANDIDATES)]
        return [Table("break-even-load", caption, columns, rows, frozenset(range(1, 5)))]

    def _shown(self) -> list[Pair]:
        """The deciding pairs of the first student, in time where it was measured."""
        mine = self._deciding(STUDENTS[0]) or self._deciding(STUDENTS[1])
        return [pair for pair in mine if pair[0].measure == "latency"] or mine

    def _maps(self, slots: Mapping[str, int]) -> list[Figure]:
        """A map over queries and length for each other system."""
        figures = []
        for first, other in self._shown():
            series = [
                pair
                for pair in self.pairs
                if (pair[0].system, pair[0].measure) == (first.system, first.measure)
                and (pair[1].system, pair[1].key) == (other.system, other.key)
                and not (pair[0].missing or pair[1].missing)
            ]
            if len(series) > 1:
                figures.append(break_even_maps.draw(series, self.load, slots))
        return figures

    def key_figure(self) -> KeyFigure | None:
        """The break-even against the first other system at the largest length, in brief."""
        for student, other in self._shown()[:1]:
            found = break_even(student, other, self.load)
            if found.queries is None or math.isinf(found.queries.value):
                return None
            what = f"from which {WHO[student.system]} costs less than {WHO[other.system]}"
            note = (
                f"in {NOUNS[student.measure]}, {self.load.n_docs:,} documents of "
                f"{student.doc_len:,} tokens, {self.load.k:,} scored a query"
            )
            return KeyFigure(f"{ordinal(found.queries.value)} query", what, note)
        return None


def _amount(value: float | None, unit: str) -> str:
    if value is None:
        return "not measured"
    return duration(value) if unit == "s" else amount(value, unit)


def _folded(tables: Sequence[Table]) -> list[Table]:
    """All but the break-even in time, or in FLOPs where there is no other, folded."""
    last = [table.id for table in tables if table.id in {f"break-even-{one}" for one in NOUNS}][-1:]
    return [replace(table, folded=table.id not in last) for table in tables]
