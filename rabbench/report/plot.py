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

NEAR = 0.25  # lengths this close in their logarithm share a label


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
    for length, value in zip(lengths, values, strict=True):
        hollow = one.hollow or (one.fitted is not None and length not in one.fitted)
        face = "none" if hollow else ink
        axes.plot(
            [length],
            [value],
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
    """A dotted line down from each curve's L*, its length written where no line runs."""
    low, high = axes.get_xlim()
    to_axes = axes.transAxes.inverted()
    said_at: list[float] = []
    for one in series:
        at = one.crossover
        if at is None or not low < at < high or one.curve is None:
            continue
        ink, bottom = color(one.slot), axes.get_ylim()[0]
        axes.vlines(at, bottom, one.curve(at), color=ink, lw=0.8, ls=":")
        if any(abs(math.log(at / other)) < NEAR for other in said_at):
            continue  # its label would cover another's that says nearly the same
        said_at.append(at)
        said = f"L* {at:,.0f}"
        nearest = [min(o.points, key=lambda length: abs(math.log(length / at))) for o in series]
        taken = [
            float(to_axes.transform(axes.transData.transform((at, o.points[length])))[1])
            for o, length in zip(series, nearest, strict=True)
        ]
        top = float(to_axes.transform(axes.transData.transform((at, one.curve(at))))[1])
        free = [y / 20 for y in range(1, 20) if y / 20 < top - 0.1]
        y = max(free, key=lambda y: (min(min(abs(y - t) for t in taken), 0.12), -y), default=0.05)
        axes.annotate(
            said,
            (at, y),
            xycoords=("data", "axes fraction"),
            xytext=(-4, 0),
            textcoords="offset points",
            ha="right",
            va="center",
            fontsize=8,
            color=ink,
        )


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
