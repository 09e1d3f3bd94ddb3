"""What a report is made of, before it is Markdown or HTML: sections of text, tables and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Table:
    """A table of finished text; the first column heads its rows, ``numeric`` ones align right.

    A cell may have lines, of which the first is the most important. ``links`` leads from a cell
    (row, column) to the section or ``table-…`` that backs it, by id. In a ``grouped`` one rows of
    one heading follow each other, and it is shown once.
    """

    id: str
    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    numeric: frozenset[int] = frozenset()
    links: Mapping[tuple[int, int], str] = field(default_factory=dict)
    grouped: bool = False

    def __post_init__(self) -> None:
        """Refuse a row of another width, which would shift its figures under wrong headings."""
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(
                    f"table {self.id}: {len(row)} cells under {len(self.columns)} headings"
                )


@dataclass(frozen=True)
class Figure:
    """An inline SVG with what it shows in words."""

    id: str
    title: str
    alt: str
    svg: str


@dataclass(frozen=True)
class KeyFigure:
    """One number of the opening: the figure, what it is, and what it rests on."""

    value: str
    label: str
    note: str = ""


@dataclass(frozen=True)
class Section:
    """A part of the report under one heading.

    ``detail`` is for who wants to check: closed at first in HTML, left out of a short Markdown.
    """

    id: str
    title: str
    text: Sequence[str] = ()
    figures: Sequence[Figure] = ()
    tables: Sequence[Table] = ()
    detail: bool = False


@dataclass(frozen=True)
class Page:
    """A whole report: verdict first."""

    title: str
    subtitle: str
    verdict: Sequence[str]
    key_figures: Sequence[KeyFigure] = ()
    warnings: Sequence[str] = ()
    sections: Sequence[Section] = field(default_factory=tuple)
