"""Tables, figures and sections of a page by id, and a table's cells as text."""

from __future__ import annotations

from rabbench.report.page import Cell, Figure, Page, Section, Table
from rabbench.report.render import cell_text


def section(page: Page, id_: str) -> Section:
    (match,) = [section for section in page.sections if section.id == id_]
    return match


def table(page: Page, id_: str) -> Table:
    tables = [table for section in page.sections for table in section.tables]
    (match,) = [table for table in tables if table.id == id_]
    return match


def figure(page: Page, id_: str) -> Figure:
    figures = [figure for section in page.sections for figure in section.figures]
    (match,) = [figure for figure in figures if figure.id == id_]
    return match


def headings(table: Table) -> list[str]:
    return [heading.name for heading in table.headings]


def texts(table: Table) -> list[list[str]]:
    """Every cell on one line."""
    return [[cell_text(cell) for cell in row] for row in table.cells]


def cells(table: Table, *head: str) -> dict[str, Cell]:
    """The cells by heading of the one row that starts with these values."""
    (row,) = [row for row in table.cells if tuple(cell.value for cell in row[: len(head)]) == head]
    return dict(zip(headings(table), row, strict=True))
