"""Cells and tables as plain text, as data frames and as JSON: what every renderer shares."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from rabbench.report.page import Cell, Role, Table
from rabbench.report.wording import amount, amount_interval, digits, duration, exact, percent, times
from rabbench.report.wording import p_value as p_text

if TYPE_CHECKING:
    import pandas as pd

ABSENT = "–"

FORMATS: Mapping[Role, Callable[[Any, str], str]] = {
    "text": lambda value, _: str(value),
    "order": lambda value, _: str(value),
    "count": lambda value, _: f"{value:,.0f}",
    "score": lambda value, _: f"{value:.3f}",
    "change": lambda value, _: f"{value:+.3f}",
    "difference": lambda value, _: f"{value:+.4f}",
    "share": lambda value, _: percent(value),
    "factor": lambda value, _: times(value),
    "ratio": lambda value, _: f"{value:.3f}×",
    "amount": amount,
    "exact": exact,
    "duration": lambda value, _: duration(value),
    "digits": lambda value, _: digits(value),
    "exponent": lambda value, _: f"{value:.2f}",
    "log": lambda value, _: f"{value:.4g}",
    "p": lambda value, _: p_text(value),
    "percent": lambda value, _: f"{100 * value:.1f} %",
}


def value_text(cell: Cell) -> str:
    """The value alone: ``0.529``, ``1.25 TFLOP``, ``–``."""
    if cell.words or cell.value is None:
        return cell.words or ABSENT
    role: Role = cell.role if cell.is_number else "text"
    return FORMATS[role](cell.value, cell.unit)


def interval_text(cell: Cell) -> str:
    """The interval alone: ``0.466–0.592``, ``262 to 334 ns/token²``, or nothing."""
    if cell.interval is None or cell.value is None:
        return ""
    low, high = cell.interval
    if math.isinf(low) or math.isinf(high):
        bound, word = (low, "from") if math.isinf(high) else (high, "up to")
        return f"{word} {FORMATS[cell.role](bound, cell.unit)}"
    if cell.role == "amount":
        return amount_interval(low, high, cell.unit)
    lower, upper = (FORMATS[cell.role](bound, cell.unit) for bound in (low, high))
    if cell.role == "score":
        return f"{lower}–{upper}"
    return f"{lower.removesuffix(' %')} to {upper}"


def sentence_text(cell: Cell) -> str:
    """A value with its interval in a sentence: ``0.529 (95 % interval 0.466 to 0.592)``."""
    interval = interval_text(cell).replace("–", " to ")
    return f"{value_text(cell)} (95 % interval {interval})" if interval else value_text(cell)


def line(cell: Cell) -> str:
    """A cell's first line: lead, value, interval, note."""
    interval = interval_text(cell)
    parts = [cell.lead, value_text(cell), f"({interval})" if interval else "", cell.note]
    return " ".join(filter(None, parts))


def lines(cell: Cell) -> list[str]:
    """All lines of a cell, the most important first."""
    below = [text for inner in cell.below for text in lines(inner)]
    return [*line(cell).split("\n"), *below]


def cell_text(cell: Cell, join: str = ", ") -> str:
    """A cell on one line, with a system's letter, and those of what is significantly worse."""
    letter = f"({cell.letter}) " if cell.letter else ""
    letters = f" {','.join(cell.letters)}" if cell.letters else ""
    first, *rest = lines(cell)
    return join.join([letter + first + letters, *rest])


def table_lines(table: Table) -> list[str]:
    """A table as a terminal shows it: columns of one width, numbers to the right."""
    rows = [[heading.name for heading in table.headings]]
    rows += [[cell_text(cell) for cell in row] for row in table.cells]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    signs = [">" if i in table.numbers else "<" for i in range(len(widths))]
    template = "  ".join(f"{{:{sign}{width}}}" for sign, width in zip(signs, widths, strict=True))
    return [template.format(*row).rstrip() for row in rows]


def table_frame(table: Table) -> pd.DataFrame:
    """A table's values in full; a column with intervals is followed by its bounds.

    A column whose cells share a unit is named with it, ``value [FLOP]``.
    """
    import pandas as pd

    columns: dict[str, list[Any]] = {}
    for place, heading in enumerate(table.headings):
        cells = [row[place] for row in table.cells]
        units = {cell.unit for cell in cells if cell.value is not None} or {heading.unit}
        unit = units.pop() if len(units) == 1 else ""
        name = f"{heading.name} [{unit}]" if unit else heading.name
        columns[name] = [
            cell.value if cell.value is not None else cell.words or None for cell in cells
        ]
        if any(cell.interval for cell in cells):
            columns[f"{name}, low"] = [cell.low for cell in cells]
            columns[f"{name}, high"] = [cell.high for cell in cells]
    return pd.DataFrame(columns, dtype=object)


def table_csv(table: Table) -> str:
    """A table as CSV: numbers in full, nothing where nothing was measured."""
    return str(table_frame(table).to_csv(index=False, lineterminator="\n"))


def cell_data(cell: Cell) -> Any:
    """A cell as JSON has it: the bare value, or an object where there is more to it."""
    data: dict[str, Any] = {"unit": cell.unit}
    if cell.low is not None and cell.high is not None:
        data |= {"low": finite(cell.low), "high": finite(cell.high)}
    data |= {"words": cell.words, "lead": cell.lead, "note": cell.note}
    data["below"] = [cell_data(inner) for inner in cell.below]
    data = {name: value for name, value in data.items() if value not in ("", [])}
    value = finite(cell.value) if isinstance(cell.value, float) else cell.value
    return {"value": value, **data} if data else value


def finite(value: float | None) -> float | None:
    """JSON has no infinity and no NaN."""
    return value if value is not None and math.isfinite(value) else None


def table_data(table: Table) -> dict[str, Any]:
    """A table as JSON has it: a record for each row, by the columns' names."""
    names = [heading.name for heading in table.headings]
    return {
        "id": table.id,
        "caption": table.caption,
        "columns": names,
        "rows": [dict(zip(names, map(cell_data, row), strict=True)) for row in table.cells],
    }


def sort_key(cell: Cell) -> str:
    """What a number is sorted by where a script could not read that off its text."""
    if not isinstance(cell.value, (int, float)) or math.isnan(cell.value):
        return ""
    if math.isinf(cell.value):
        return "Infinity" if cell.value > 0 else "-Infinity"
    try:
        plain = float(value_text(cell).replace(",", ""))
    except ValueError:
        plain = math.nan
    return "" if plain == cell.value else f"{cell.value:.6g}"
