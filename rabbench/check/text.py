"""A verdict as a table: one line a measure of a phase, then what is wrong in sentences.

Knows check results; prints nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rabbench.check.model import ORDER, STATUSES, CheckResult, Verdict
from rabbench.report.page import Cell, Table
from rabbench.report.render import table_lines
from rabbench.scaling.fits import ORDERS

COLUMNS = ("tier", "what", "checks", "baseline", "now", "change", "margin", "verdict")
SENTENCES = 20  # in a terminal; the JSON and the JUnit file have all


def verdict_table(verdict: Verdict) -> Table:
    """A line for each measure of a phase: its worst check stands for all.

    The worst by status, then by how far it changed. Lines are in the order of their statuses, then
    in that in which their checks came.
    """
    groups: dict[tuple[str, ...], list[CheckResult]] = {}
    for result in verdict.findings:
        key = (result.tier, result.measure, result.system, result.phase, result.over)
        groups.setdefault(key, []).append(result)
    lines = [(min(group, key=_severity), len(group)) for group in groups.values()]
    lines.sort(key=lambda line: STATUSES.index(line[0].status))
    return Table(
        id="checks",
        caption="Counts: the most changed check of a phase; ratios: over all lengths",
        columns=COLUMNS,
        rows=[_row(worst, count) for worst, count in lines],
    )


def _severity(result: CheckResult) -> tuple[int, float]:
    return STATUSES.index(result.status), -abs((result.change or 1.0) - 1)


def _row(worst: CheckResult, count: int) -> Sequence[Cell | str | int]:
    over = f" over {worst.over.replace('/', ' ')}" if worst.over else ""
    return (
        worst.tier,
        f"{worst.system} {worst.phase} {worst.measure}{over}",
        count,
        value_cell(worst.base, worst.unit),
        value_cell(worst.head, worst.unit),
        _change_cell(worst),
        Cell(value=worst.margin or None, role="factor"),
        worst.status,
    )


def value_cell(value: float | None, unit: str) -> Cell:
    """A value with its unit; counts are written out, since a digit may be all that changed."""
    if value is not None and unit == ORDER:
        return Cell(value=ORDERS[int(value)], role="order")
    return Cell(value=value, role="exact", unit="" if unit == "1" else unit)


def _change_cell(result: CheckResult) -> Cell:
    """The change: a difference of a metric, a factor of anything else."""
    if result.base is None or result.head is None:
        return Cell()
    if result.base == result.head:
        return Cell(value=1.0, words="none")
    if result.unit == ORDER:
        return Cell(words="another")
    if result.unit == "1":
        return Cell(value=result.head - result.base, role="difference")
    return Cell(value=result.change, role="ratio")


def failures(verdict: Verdict) -> list[CheckResult]:
    """What did not pass, worst first."""
    failed = [result for result in verdict.findings if result.status != "pass"]
    return sorted(failed, key=lambda result: STATUSES.index(result.status))


def noted(verdict: Verdict) -> list[CheckResult]:
    """What did not pass, then what passed and still has something to say: a cost that fell."""
    passed = [result for result in verdict.findings if result.status == "pass" and result.message]
    return [*failures(verdict), *passed]


def render_verdict(verdict: Verdict) -> Iterator[str]:
    """The lines that ``rabbench check`` prints."""
    table = verdict_table(verdict)
    if table.rows:
        yield from table_lines(table)
        yield ""
    results = noted(verdict)
    for result in results[:SENTENCES]:
        yield f"{result.status}: {result.name}: {result.message}"
    if len(results) > SENTENCES:
        yield f"… and {len(results) - SENTENCES} more; --json and --junit have all"
    if results:
        yield ""
    yield verdict.sentence
