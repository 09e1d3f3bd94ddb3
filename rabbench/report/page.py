"""What a report is made of, before it is Markdown or HTML: sections of text, tables and figures."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rabbench.report.render.units import amount, digits


@dataclass(frozen=True)
class Table:
    """A table of finished text; the first column heads its rows, ``numeric`` ones align right.

    A cell may have lines, of which the first is the most important. ``links`` leads from a cell
    (row, column) to the section or ``table-…`` that backs it, by id. In a ``grouped`` one rows of
    one heading follow each other, and it is shown once. A ``folded`` one is closed at first in
    HTML: it backs what stands before it.
    """

    id: str
    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    numeric: frozenset[int] = frozenset()
    links: Mapping[tuple[int, int], str] = field(default_factory=dict)
    grouped: bool = False
    folded: bool = False

    def __post_init__(self) -> None:
        """Refuse a row of another width, which would shift its figures under wrong headings."""
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(
                    f"table {self.id}: {len(row)} cells under {len(self.columns)} headings"
                )


Value = str | float | int | None


@dataclass(frozen=True)
class Data:
    """What a figure draws, as numbers: columns with their units (empty for words), and rows."""

    columns: Sequence[tuple[str, str]]
    rows: Sequence[Sequence[Value]]

    def csv(self) -> str:
        """All of it as CSV, numbers in full, nothing where nothing was measured."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow([f"{name} [{unit}]" if unit else name for name, unit in self.columns])
        for row in self.rows:
            writer.writerow([None if _absent(value) else value for value in row])
        return out.getvalue()

    def texts(self) -> list[list[str]]:
        """The rows for a reader."""
        units = [unit for _, unit in self.columns]
        return [[_said(value, unit) for value, unit in zip(row, units, strict=True)]
                for row in self.rows]  # fmt: skip

    @property
    def numeric(self) -> frozenset[int]:
        """The columns that hold numbers."""
        return frozenset(
            i for i in range(len(self.columns))
            if all(row[i] is None or isinstance(row[i], (int, float)) for row in self.rows)
        )  # fmt: skip


def _absent(value: Value) -> bool:
    return value is None or (isinstance(value, float) and not math.isfinite(value))


def _said(value: Value, unit: str) -> str:
    if _absent(value):
        return "–"
    if isinstance(value, str):
        return value
    number = value or 0
    if isinstance(number, int) and unit not in {"FLOP", "B", "s", "J"}:
        return f"{number:,}"
    return amount(float(number), unit) if unit else digits(float(number))


@dataclass(frozen=True)
class Figure:
    """An inline SVG with what it shows in words, how to read it, and the numbers that it draws."""

    id: str
    title: str
    alt: str
    svg: str
    data: Data | None = None
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
    sections: Sequence[Section] = field(default_factory=tuple)
    findings: Sequence[str] = ()
