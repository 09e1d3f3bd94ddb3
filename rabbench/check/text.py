"""A verdict as a table: one line a measure of a phase, then what is wrong in sentences.

Knows findings; prints nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from rabbench.check.model import ORDER, STATUSES, CheckResult, Status, Verdict
from rabbench.report.render.terminal import aligned
from rabbench.scaling.fits import ORDERS

COLUMNS = ("tier", "what", "checks", "baseline", "now", "change", "margin", "verdict")
NUMERIC = frozenset({2, 3, 4, 5, 6})
NONE = "–"


@dataclass(frozen=True)
class Line:
    """The findings of one measure of one phase; the worst one's figures stand for all."""

    findings: Sequence[CheckResult]

    @property
    def worst(self) -> CheckResult:
        """The worst by status, then by how far it changed."""

        def order(one: CheckResult) -> tuple[int, float]:
            return STATUSES.index(one.status), -abs((one.change or 1.0) - 1)

        return min(self.findings, key=order)

    @property
    def status(self) -> Status:
        """That of the worst."""
        return self.worst.status

    def cells(self) -> tuple[str, ...]:
        """The line under ``COLUMNS``."""
        one = self.worst
        over = f" over {one.over.replace('/', ' ')}" if one.over else ""
        margin = f"{one.margin:.2f}×" if one.margin else NONE
        return (
            one.tier,
            f"{one.system} {one.phase} {one.measure}{over}",
            str(len(self.findings)),
            figure(one.base, one.unit),
            figure(one.head, one.unit),
            changed(one),
            margin,
            self.status,
        )


def figure(value: float | None, unit: str) -> str:
    """A value with its unit; counts are written out, since a digit may be all that changed."""
    if value is None:
        return NONE
    if unit == ORDER:
        return ORDERS[int(value)]
    if value == int(value) and 1 < abs(value) < 1e15:
        text = f"{value:,.0f}"
    else:
        text = f"{value:.4g}"
    return text if unit == "1" else f"{text}{unit}" if unit == "×" else f"{text} {unit}"


def changed(one: CheckResult) -> str:
    """The change of a finding: a difference of a metric, a factor of anything else."""
    if one.base is None or one.head is None:
        return NONE
    if one.base == one.head:
        return "none"
    if one.unit == ORDER:
        return "another"
    if one.unit == "1":
        return f"{one.head - one.base:+.4f}"
    return f"{one.change:.3f}×" if one.change is not None else NONE


def lines(verdict: Verdict) -> list[Line]:
    """The verdict's lines in the order in which its findings came."""

    def measure(one: CheckResult) -> tuple[str, ...]:
        return one.tier, one.measure, one.system, one.phase, one.over

    found = [Line(list(of_one)) for _, of_one in groupby(_gathered(verdict, measure), key=measure)]
    return sorted(found, key=lambda line: STATUSES.index(line.status))


def _gathered(
    verdict: Verdict, measure: Callable[[CheckResult], tuple[str, ...]]
) -> list[CheckResult]:
    """Findings of one measure and phase next to each other, otherwise as they came."""
    first: dict[tuple[str, ...], int] = {}
    for one in verdict.findings:
        first.setdefault(measure(one), len(first))
    return sorted(verdict.findings, key=lambda one: first[measure(one)])


def failures(verdict: Verdict) -> list[CheckResult]:
    """What did not pass, worst first."""
    wrong = [one for one in verdict.findings if one.status != "pass"]
    return sorted(wrong, key=lambda one: STATUSES.index(one.status))


def remarks(verdict: Verdict) -> list[CheckResult]:
    """What passed and still has something to say: a cost that fell."""
    return [one for one in verdict.findings if one.status == "pass" and one.message]


SHOWN = 20  # sentences; the JSON and the JUnit file have all


def render_verdict(verdict: Verdict) -> Iterator[str]:
    """The lines that ``rabbench check`` prints."""
    cells = [COLUMNS, *(line.cells() for line in lines(verdict))]
    if len(cells) > 1:
        yield from aligned(cells, NUMERIC)
        yield ""
    told = [*failures(verdict), *remarks(verdict)]
    for one in told[:SHOWN]:
        yield f"{one.status}: {one.name}: {one.message}"
    if len(told) > SHOWN:
        yield f"… and {len(told) - SHOWN} more; --json and --junit have all"
    if told:
        yield ""
    yield verdict.sentence
