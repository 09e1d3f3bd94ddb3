"""Draws series over document length and dots with their intervals.

Knows matplotlib, not measurements.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rabbench.report.layout import apart, wrapped
from rabbench.report.svg import LINE, MARKERS, SLOTS, STYLE, color, svg
from rabbench.report.units import amount, times

WIDE = 0.19  # of the axes: the width of a label at an L*
NEAR = 0.25  # of that width: two L* this close share a label


@dataclass(frozen=True, kw_only=True)
class Series:
    """One line of a log–log figure; ``fitted`` are the lengths that the curve rests on.

    ``band`` gives the curve's interval at a length.
    """

    label: str
    slot: int
    points: Mapping[int, float]
    curve: Callable[[float], float] | None = None
    band: Callable[[float], tuple[float, float]] | None = None
    fitted: frozenset[int] | None = None
    failed: Sequence[tuple[int, str]] = ()
    crossover: float | None = None
    hollow: bool = False


@dataclass(frozen=True)
class Dot:
    """One line of a dot plot with its interval."""

    label: str
    slot: int
    value: float
    low: float
    high: float


def curves(id_: str, series: Sequence[Series], unit: str, alt: str) -> str:
    """Cost against document length, both logarithmic, each line labelled at its end."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(4.8, 3.3))
        axes = figure.add_axes((0.155, 0.14, 0.63, 0.82))
        axes.set(xscale="log", yscale="log", xlabel="document length, tokens")
        for one in series:
            _line(axes, one)
        _ticks(axes, series, unit)
        _failures(axes, series)
        _end_labels(axes, series)
        _crossovers(axes, series)
        return svg(figure, id_, alt)


def _line(axes: Any, one: Series) -> None:
    import numpy as np

    lengths = sorted(one.points)
    values = [one.points[length] for length in lengths]
    ink = color(one.slot)
    if one.curve is None:
        axes.plot(lengths, values, color=ink, lw=1.2, ls=(0, (2, 2)), zorder=2)
    else:
        fitted = sorted(one.fitted or lengths)
        grid = np.geomspace(fitted[0], fitted[-1], 120)
        style: Any = (0, (5, 2)) if one.hollow else "-"
        axes.plot(
            grid, [one.curve(length) for length in grid], color=ink, lw=1.6, ls=style, zorder=2
        )
        if one.band is not None:
            low, high = zip(*map(one.band, grid), strict=True)
            least = min(values) / 10  # a logarithm has no room for a bound at 0
            shown = np.clip(low, least, None)
            axes.fill_between(grid, shown, high, color=ink, alpha=0.18, lw=0, zorder=1)
    outside = [n for n in lengths if one.hollow or (one.fitted is not None and n not in one.fitted)]
    for shown, face in ((outside, "none"), ([n for n in lengths if n not in outside], ink)):
        if shown:
            axes.plot(
                shown,
                [one.points[length] for length in shown],
                ls="none",
                marker=MARKERS[one.slot % SLOTS],
                ms=4.2,
                mfc=face,
                mec=ink,
                mew=1.1,
                zorder=3,
            )


def _ticks(axes: Any, series: Sequence[Series], unit: str) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

    lengths = sorted({length for one in series for length in one.points})
    low, high = math.log2(lengths[0]), math.log2(lengths[-1])
    step = max(1, round((high - low) / 4))
    ticks = [2**k for k in range(math.ceil(low - 1e-9), math.floor(high + 1e-9) + 1, step)]
    axes.xaxis.set_major_locator(FixedLocator(ticks or [lengths[0]]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    base = 2.0 if unit == "B" else 10.0
    axes.yaxis.set_major_locator(LogLocator(base=base, numticks=6))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _short(value, unit)))
    axes.set_xlim(lengths[0] / 1.15, lengths[-1] * 1.12)
    values = [value for one in series for value in one.points.values()]
    axes.set_ylim(min(values) / 2.2, max(values) * 2.2)
    axes.grid(axis="y", color=LINE, lw=0.6)
    axes.tick_params(length=0, pad=5)
    axes.set_axisbelow(True)


def _short(value: float, unit: str) -> str:
    text = times(value) if unit == "×" else amount(value, unit)
    return re.sub(r"(\d)\.0+(?=\D|$)", r"\1", text)


def _failures(axes: Any, series: Sequence[Series]) -> None:
    top = axes.get_ylim()[1]
    for one in series:
        for length, status in one.failed:
            axes.plot([length], [top / 1.3], marker="x", ms=5, mew=1.4, color=color(one.slot))
            axes.annotate(
                status,
                (length, top / 1.3),
                xytext=(0, 5),
                textcoords="offset points",
                ha="center",
                fontsize=7,
                color=color(one.slot),
            )


def _end_labels(axes: Any, series: Sequence[Series]) -> None:
    """Names at the lines' ends, pushed apart where lines end close to each other."""
    to_axes = axes.transAxes.inverted()
    ends: list[tuple[float, Series]] = []
    for one in series:
        if one.points:
            last = max(one.points)
            point = axes.transData.transform((last, one.points[last]))
            ends.append((float(to_axes.transform(point)[1]), one))
    ends.sort(key=lambda end: (end[0], end[1].label))
    sizes = [0.035 * (wrapped(one.label).count("\n") + 1) + 0.01 for _, one in ends]  # half heights
    places = apart([y for y, _ in ends], sizes)
    for y, (_, one) in zip(places, ends, strict=True):
        axes.annotate(
            wrapped(one.label),
            (1.02, y),
            xycoords="axes fraction",
            va="center",
            color=color(one.slot),
            linespacing=1.05,
            annotation_clip=False,
        )


def _crossovers(axes: Any, series: Sequence[Series]) -> None:
    """A dotted line down from each curve's L*, its length beside it where no line or label is."""
    low, _ = axes.get_xlim()
    turning = [one for one in series if one.curve and low < (one.crossover or 0.0) < _reach(one)]
    turns = [_turn(axes, one) for one in turning]
    lines = [x for x, _ in turns]
    said: list[tuple[float, float, float]] = []  # line, label's middle and height, of the axes
    for one, (x, top) in zip(turning, turns, strict=True):
        ink = color(one.slot)
        axes.plot([x, x], [0, top], transform=axes.transAxes, color=ink, lw=0.8, ls=":", zorder=1)
        if any(abs(x - other) < NEAR * WIDE for other, _, _ in said):
            continue  # its label would say nearly the same
        crossed = any(x - WIDE < other < x for other in lines)
        left = x > WIDE and not (crossed and x < 1 - WIDE)
        middle = x - WIDE / 2 if left else x + WIDE / 2
        beside = [y for _, other, y in said if abs(other - middle) < WIDE]
        y = _free(axes, one, series, beside)
        said.append((x, middle, y))
        axes.annotate(
            f"L* {one.crossover:,.0f}",
            (one.crossover, y),
            xycoords=("data", "axes fraction"),
            xytext=(-4 if left else 4, 0),
            textcoords="offset points",
            ha="right" if left else "left",
            va="center",
            fontsize=8,
            color=ink,
        )


def _reach(one: Series) -> float:
    """The longest document that a curve rests on: beyond it nobody measured a turn."""
    return max(one.fitted or one.points, default=0)


def _turn(axes: Any, one: Series) -> tuple[float, float]:
    """Where a curve is at its L*, in fractions of the axes."""
    at = one.crossover or math.nan
    point = axes.transData.transform((at, one.curve(at) if one.curve else math.nan))
    x, y = axes.transAxes.inverted().transform(point)
    return float(x), float(y)


def _free(axes: Any, one: Series, series: Sequence[Series], labels: Sequence[float]) -> float:
    """A height for a label below its curve, far from every line and other label."""
    at = one.crossover or 1.0
    taken = list(labels)
    for other in series:
        nearest = min(other.points, key=lambda length: abs(math.log(length / at)), default=None)
        if nearest is not None:
            point = axes.transData.transform((at, other.points[nearest]))
            taken.append(float(axes.transAxes.inverted().transform(point)[1]))
    top = _turn(axes, one)[1]
    heights = [y / 20 for y in range(1, 20)]
    below = [y for y in heights if y < top - 0.1]
    return max(below or heights, key=lambda y: (min(min(abs(y - t) for t in taken), 0.12), -y))


def dots(id_: str, found: Sequence[Dot], alt: str) -> str:
    """A dot a system with its interval, from 0 to the largest bound."""
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(4.8, 0.75 + 0.36 * len(found)))
        height = figure.get_figheight()
        axes = figure.add_axes((0.27, 0.34 / height, 0.61, 1 - 0.44 / height))
        top = 0.0
        for y, dot in enumerate(found):
            ink = color(dot.slot)
            if math.isfinite(dot.low):
                axes.plot([dot.low, dot.high], [y, y], color=ink, lw=2.2, solid_capstyle="round")
            end = dot.high if math.isfinite(dot.high) else dot.value
            top = max(top, end)
            axes.plot([dot.value], [y], marker=MARKERS[dot.slot % SLOTS], ms=6.5, color=ink)
            axes.annotate(
                f"{dot.value:.3f}",
                (end, y),
                xytext=(8, 0),
                textcoords="offset points",
                va="center",
                color=ink,
                annotation_clip=False,
            )
        axes.set_yticks(range(len(found)), [wrapped(dot.label) for dot in found])
        axes.set_ylim(-0.6, len(found) - 0.4)
        axes.set_xlim(0, top * 1.04 or 1)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.grid(axis="x", color=LINE, lw=0.6)
        axes.tick_params(length=0, pad=5)
        axes.spines["left"].set_visible(False)
        axes.set_axisbelow(True)
        return svg(figure, id_, alt)
