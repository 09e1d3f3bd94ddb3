"""What a report is made of, before a renderer shows it: sections of text, tables and figures.

Numbers stay numbers here: a table's cell holds its value with unit, interval and role. Knows no
renderer and no measurement.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from rabbench.stats.intervals import Estimate
from rabbench.types import Measurement

Value = str | float | int | None
Role = Literal[
    "text", "order", "count", "score", "change", "difference", "share", "factor", "ratio", "amount",
    "exact", "duration", "digits", "exponent", "log", "p", "percent",
]  # fmt: skip
"""How a value reads: a metric's ``score``, a ``share`` of 1 (``percent``: with a decimal), an
``amount`` of its unit, a ``log`` of a training; an ``order`` of growth is the one word that stands
out."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One value of a table, as a number until a renderer shows it.

    ``low`` and ``high`` are its 95 % interval: None or infinite where unknown, equal where exact.
    ``words`` stand in place of the value where it has none or reads as no number ("never"),
    ``lead`` before it ("exponent") and ``note`` behind it ("at 4,096 tokens"). ``below`` are
    further lines of less weight. ``link`` is the id of what backs it, a section's or ``table-…``.
    ``best`` marks the best of a column; ``letter`` is a system's short name in front of its name,
    ``letters`` are the systems that are significantly worse, by their short names.
    """

    value: Value = None
    role: Role = "text"
    unit: str = ""
    low: float | None = None
    high: float | None = None
    words: str = ""
    lead: str = ""
    note: str = ""
    below: Sequence[Cell] = ()
    link: str = ""
    best: bool = False
    letter: str = ""
    letters: Sequence[str] = ()

    @classmethod
    def estimate(
        cls,
        estimate: Estimate | None,
        role: Role,
        unit: str = "",
        *,
        words: str = "",
        note: str = "",
    ) -> Cell:
        """A value with its interval; None is a cell without a value."""
        cell = cls(role=role, unit=unit, words=words, note=note)
        if estimate is None or math.isnan(estimate.value):
            return cell
        return replace(cell, value=estimate.value, low=estimate.low, high=estimate.high)

    @classmethod
    def of_row(cls, row: Measurement | None) -> Cell:
        """A row's value; one that was not measured says why."""
        if row is None:
            return cls()
        words = f"not measured ({row.status})" if row.value is None else ""
        role: Role = "score" if row.unit == "1" else "amount"
        return cls(value=row.value, role=role, unit=row.unit, words=words)

    @property
    def is_number(self) -> bool:
        """Whether the value is a number, finite or not."""
        return isinstance(self.value, (int, float)) and not isinstance(self.value, bool)

    @property
    def interval(self) -> tuple[float, float] | None:
        """The interval where it is known and not exact; one bound may be infinite."""
        if self.low is None or self.high is None or self.low == self.high:
            return None
        unbounded = math.isinf(self.low) and math.isinf(self.high)
        return None if unbounded else (self.low, self.high)


@dataclass(frozen=True)
class Column:
    """A column's heading, and how the plain numbers in it read."""

    name: str
    role: Role | None = None
    unit: str = ""

    def cell(self, value: Cell | Value) -> Cell:
        """A plain value as a cell of this column."""
        if isinstance(value, Cell):
            return value
        if value is None or isinstance(value, str):
            return Cell(value=value)
        plain: Role = "amount" if self.unit else "count" if isinstance(value, int) else "digits"
        missing = not math.isfinite(value) and not self.role
        return Cell(value=None if missing else value, role=self.role or plain, unit=self.unit)


Row = Sequence[Cell | Value]
Record = Mapping[Column | str, Cell | Value]


@dataclass(frozen=True)
class Table:
    """A table; the first column heads its rows, columns of numbers align right.

    A row holds cells, or plain values that its columns make cells of. In a ``grouped`` table rows
    of one heading follow each other, and it is shown once. A ``folded`` one is closed at first in
    HTML: it backs what stands before it. A ``paper`` one is exported for a paper.
    """

    id: str
    caption: str
    columns: Sequence[Column | str]
    rows: Sequence[Row]
    grouped: bool = False
    folded: bool = False
    paper: bool = False

    def __post_init__(self) -> None:
        """Refuse a row of another width, which would shift its figures under wrong headings."""
        width = len(self.columns)
        for row in self.rows:
            if len(row) != width:
                raise ValueError(f"table {self.id}: {len(row)} cells under {width} headings")

    @classmethod
    def from_records(
        cls, id_: str, caption: str, records: Sequence[Record], *, paper: bool = False
    ) -> Table:
        """A table of rows that each name their columns, all the same; empty without rows."""
        columns = list(records[0]) if records else []
        return cls(id_, caption, columns, [[*record.values()] for record in records], paper=paper)

    @cached_property
    def headings(self) -> list[Column]:
        """The columns."""
        return [Column(name) if isinstance(name, str) else name for name in self.columns]

    @cached_property
    def cells(self) -> list[list[Cell]]:
        """All rows as cells."""
        return [
            [column.cell(value) for column, value in zip(self.headings, row, strict=True)]
            for row in self.rows
        ]

    @cached_property
    def numbers(self) -> frozenset[int]:
        """The columns that hold numbers, and nothing else but gaps."""
        return frozenset(
            i
            for i, cells in enumerate(zip(*self.cells, strict=True))
            if {cell.is_number for cell in cells if cell.value is not None} == {True}
        )


def figure_data(columns: Sequence[tuple[str, str]], rows: Sequence[Row]) -> Table:
    """What a figure draws, as numbers: columns with their units (empty for words), and rows."""
    return Table("data", "", [Column(name, unit=unit) for name, unit in columns], rows)


@dataclass(frozen=True)
class Figure:
    """An inline SVG with what it shows in words, how to read it, and the numbers that it draws."""

    id: str
    title: str
    alt: str
    svg: str
    data: Table | None = None
    note: str = ""


@dataclass(frozen=True)
class KeyFigure:
    """One number of the opening: the figure, what it is, and what it rests on."""

    value: str
    label: str
    note: str = ""


@dataclass(frozen=True)
class Section:
    """A part of the report under one heading.

    ``detail`` is for who wants to check: closed at first in HTML, left out of a short Markdown;
    ``summary`` then says in a line what it comes to. ``code`` are lines to be copied. ``group``
    is the part of the table of contents that it stands in; an ``opening`` one stands before it.
    """

    id: str
    title: str
    text: Sequence[str] = ()
    figures: Sequence[Figure] = ()
    tables: Sequence[Table] = ()
    detail: bool = False
    summary: str = ""
    code: Sequence[str] = ()
    group: str = ""
    opening: bool = False

    @property
    def empty(self) -> bool:
        """Whether there is nothing to show."""
        return not (self.text or self.figures or self.tables or self.code)


@dataclass(frozen=True)
class Page:
    """A whole report: the verdict in a few sentences first; ``findings`` are all that there are."""

    title: str
    subtitle: str
    verdict: Sequence[str]
    key_figures: Sequence[KeyFigure] = ()
    warnings: Sequence[str] = ()
    sections: Sequence[Section] = ()
    findings: Sequence[str] = ()
