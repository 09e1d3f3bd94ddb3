"""Tables as a terminal shows them: columns of one width, numbers to the right."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from rabbench.report.page import Table
from rabbench.report.render.cells import cell_text


def render_table(table: Table) -> list[str]:
    """A line for the headings and for each row."""
    names = [heading.name for heading in table.headings]
    rows = [[cell_text(cell) for cell in row] for row in table.cells]
    return list(aligned([names, *rows], table.numbers))


def aligned(rows: Sequence[Sequence[str]], numeric: Collection[int] = ()) -> Iterator[str]:
    """Rows of cells as lines; the columns numbered in ``numeric`` align right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        padded = (
            cell.rjust(width) if i in numeric else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join(padded).rstrip()
