"""Tables as a terminal shows them: columns of one width, numbers to the right."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from rabbench.report.page import Table


def render_table(table: Table) -> list[str]:
    """A line for the headings and for each row."""
    return list(aligned([table.columns, *table.rows], table.numeric))


def aligned(rows: Sequence[Sequence[str]], numeric: Collection[int] = ()) -> Iterator[str]:
    """Rows of cells as lines; the columns numbered in ``numeric`` align right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        padded = (
            cell.rjust(width) if i in numeric else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join(padded).rstrip()
