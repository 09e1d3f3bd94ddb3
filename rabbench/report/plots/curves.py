"""Draws lines: costs over document length with fits, bands, turns and failures; values over steps.

Knows matplotlib, not measurements.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

from rabbench.report import plots
from rabbench.report.wording import amount, times

WIDE, FOOT = 0.19, 0.06  # of the axes: width of an L*'s label, and height of the room for it
NEAR = 0.25  # of that width: two L* this close share a label
GRID = 48  # points of a curve
REASONS = {"oom": "out of memory", "timeout": "out of time"}
SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
FIRST_STEP_SLOT = 4  # the slots before it belong to systems


@dataclass(frozen=True, kw_only=True)
class Series:
    """One line of a log–log figure; ``fitted`` are the lengths that the curve rests on.

    ``band`` gives the curve's interval at a length. ``failed`` are lengths with the status that
    they have instead of a value. ``longest`` is the longest document that fits into memory.
    """

    label: str
    slot: int
    points: Mapping[int, float]
    curve: Callable[[float], float] | None = None
    band: Callable[[float], tuple[float, float]] | None = None
    fitted: frozenset[int] | None = None
    failed: Sequence[tuple[int, str]] = ()
    crossover: float | None = None
    longest: int | None = None
    hollow: bool = False

    @property
    def reach(self) -> float:
        """The longest document that the curve rests on: no turn beyond it was measured."""
        return max(self.fitted or self.points, default=0)

    @property
    def turn(self) -> float | None:
        """The crossover where the curve reaches it."""
        turns = self.crossover is not None and self.crossover < self.reach
        return self.crossover if turns else None

    @property
    def ink(self) -> str:
        """The line's colour."""
        return plots.color(self.slot)


def draw_curves(id_: str, series: Sequence[Series], unit: str, alt: str) -> str:
    """Cost against document length, both logarithmic, each line labelled at its end."""
    with plots.canvas((0.165, 0.145, 0.605, 0.825)) as axes:
        axes.set(xscale="log", yscale="log", xlabel="document length, tokens")
        for line in series:
            _line(axes, line)
        _ticks(axes, series, unit)
        _failures(axes, series)
        ends = [(max(line.points), line) for line in series if line.points]
        plots.margin_labels(axes, [(x, line.points[x], line.label, line.slot) for x, line in ends])
        _crossovers(axes, series)
        return plots.render_svg(axes, id_, alt)


def draw_steps(id_: str, lines: Mapping[str, Mapping[int, float]], alt: str) -> str:
    """Values over training steps, ``{step: value}`` a line, each named at its end."""
    from matplotlib.ticker import MaxNLocator

    with plots.canvas((0.13, 0.16, 0.61, 0.8), height=2.8) as axes:
        axes.set(xlabel="step")
        ends = []
        for slot, (name, line) in enumerate(lines.items(), FIRST_STEP_SLOT):
            steps, values = zip(*sorted(line.items()), strict=True)
            axes.plot(
                steps, values, color=plots.color(slot), lw=1.4, marker=plots.marker(slot), ms=2.8
            )
            ends.append((steps[-1], values[-1], name, slot))
        plots.set_ticks(axes.xaxis, MaxNLocator(5, integer=True), "{:,.0f}".format)
        plots.quiet_grid(axes)
        plots.margin_labels(axes, ends)
        return plots.render_svg(axes, id_, alt)


def _line(axes: Any, line: Series) -> None:
    import numpy as np

    lengths = sorted(line.points)
    values = [line.points[length] for length in lengths]
    above = 0.01 * (plots.SLOTS - line.slot)  # where lines meet, teacher and student stay in sight
    if line.curve is None:
        axes.plot(lengths, values, color=line.ink, lw=1.2, ls=(0, (2, 2)), zorder=2 + above)
    else:
        fitted = sorted(line.fitted or lengths)
        grid = np.geomspace(fitted[0], fitted[-1], GRID)
        style: Any = (0, (5, 2)) if line.hollow else "-"
        heights = [line.curve(length) for length in grid]
        axes.plot(grid, heights, color=line.ink, lw=1.6, ls=style, zorder=2 + above)
        if line.band is not None:
            low, high = zip(*map(line.band, grid), strict=True)
            low = np.clip(low, min(values) / 10, None)  # a logarithm has no room for 0
            axes.fill_between(grid, low, high, color=line.ink, alpha=0.18, lw=0, zorder=1)
    solid = lengths if line.fitted is None else line.fitted
    for filled in (False, True):
        marks = [n for n in lengths if (n in solid and not line.hollow) is filled]
        if marks:
            axes.plot(
                marks, [line.points[n] for n in marks], ls="none",
                marker=plots.MARKERS[line.slot % plots.SLOTS], ms=4.2, mec=line.ink,
                mfc=line.ink if filled else "none", mew=1.1, zorder=3 + above,
            )  # fmt: skip


def _ticks(axes: Any, series: Sequence[Series], unit: str) -> None:
    from matplotlib.ticker import LogLocator

    lengths = {length for line in series for length in line.points}
    lengths |= {length for line in series for length, _ in line.failed}
    plots.length_ticks(axes, sorted(lengths))
    locator = LogLocator(base=2.0 if unit == "B" else 10.0, numticks=6)
    plots.set_ticks(axes.yaxis, locator, partial(_tick_text, unit=unit))
    axes.set_xlim(min(lengths) / 1.15, max(lengths) * 1.15)
    values = [value for line in series for value in line.points.values()]
    room = 4.0 if any(line.failed for line in series) else 2.2  # for crosses and their words
    foot = max(2.2, (max(values) / min(values)) ** 0.1)  # for the lengths at L*
    axes.set_ylim(min(values) / foot, max(values) * room)
    plots.quiet_grid(axes, linear=False)


def _tick_text(value: float, unit: str) -> str:
    if unit == "×" and value >= 1e6:
        return f"10{str(round(math.log10(value))).translate(SUPERSCRIPTS)}×"
    text = times(value) if unit == "×" else amount(value, unit)
    return re.sub(r"(\d)\.0+(?=\D|$)", r"\1", text)


def _failures(axes: Any, series: Sequence[Series]) -> None:
    """A cross for each length without a value, and a bar at the longest that fits."""
    top, right = axes.get_ylim()[1], axes.get_xlim()[1]
    failures: set[tuple[int, str]] = set()
    for line in series:
        for length, status in line.failed:
            xy = (length, top / 1.5)
            axes.plot(*xy, marker="x", ms=5.5, mew=1.5, color=line.ink, clip_on=False)
            if (length, status) not in failures:
                failures.add((length, status))
                at_end = length > right / 3  # the reason then stands to the left of its cross
                place: Any = {"xytext": (-6, 1), "ha": "right"} if at_end else {"xytext": (0, 7)}
                plots.annotate(axes, REASONS.get(status, status), xy, line.ink, fontsize=8, **place)
        if line.longest is not None and line.points:
            nearest = max((n for n in line.points if n <= line.longest), default=0)
            y = line.curve(line.longest) if line.curve else line.points.get(nearest, top)
            axes.plot(line.longest, y, marker="|", ms=11, mew=1.6, color=line.ink, zorder=4)
            text = f"longest {line.longest:,}"
            plots.annotate(axes, text, (line.longest, y), line.ink, xytext=(0, -22), fontsize=8)


def _crossovers(axes: Any, series: Sequence[Series]) -> None:
    """A dotted line down from each curve at its L*, to its length at the foot of the axes."""
    first, _ = axes.get_xlim()
    turning = {
        line.turn: (line.curve, line.ink)
        for line in reversed(series)
        if line.curve is not None and line.turn is not None
    }
    turns = sorted(turn for turn in turning if first < turn)
    points = [plots.axes_point(axes, turn, turning[turn][0](turn)) for turn in turns]
    gaps = [math.inf, *(x - before for (before, _), (x, _) in pairwise(points))]
    labelled = [i for i, gap in enumerate(gaps[: len(turns)]) if gap > NEAR * WIDE]
    middles = plots.spread_labels([points[i][0] for i in labelled], [WIDE / 2] * len(labelled))
    feet = dict(zip(labelled, middles, strict=True))
    for i, (turn, (x, top)) in enumerate(zip(turns, points, strict=True)):
        ink = turning[turn][1]
        style: Any = {"color": ink, "lw": 0.8, "ls": ":", "zorder": 1}
        axes.plot([feet.get(i, x), x, x], [FOOT, 2 * FOOT, top], transform=axes.transAxes, **style)
        if i in feet:
            place: Any = {"xycoords": "axes fraction", "fontsize": 8}
            plots.annotate(axes, f"L* {turn:,.0f}", (feet[i], FOOT / 2), ink, **place)
