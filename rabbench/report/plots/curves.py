"""Draws costs over document length: points, fitted curves with bands, turns, ends and failures.

Knows matplotlib, not measurements.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rabbench.report.plots.axes import length_ticks, margin_labels, plain
from rabbench.report.plots.svg import MARKERS, SLOTS, STYLE, WIDTH, color, svg
from rabbench.report.wording import amount, times

WIDE = 0.19  # of the axes: the width of a label at an L*
NEAR = 0.25  # of that width: two L* this close share a label
GRID = 48  # points of a curve
WHY = {"oom": "out of memory", "timeout": "out of time"}
SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True, kw_only=True)
class Series:
    """One line of a log–log figure; ``fitted`` are the lengths that the curve rests on.

    ``band`` gives the curve's interval at a length, ``failed`` are lengths with the status that
    they have instead of a value, ``longest`` is the longest document that was found to fit.
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


def curves(id_: str, series: Sequence[Series], unit: str, alt: str) -> str:
    """Cost against document length, both logarithmic, each line labelled at its end."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 3.1))
        axes = figure.add_axes((0.165, 0.145, 0.605, 0.825))
        axes.set(xscale="log", yscale="log", xlabel="document length, tokens")
        for one in series:
            _line(axes, one)
        _ticks(axes, series, unit)
        _failures(axes, series)
        ends = [(max(one.points), one) for one in series if one.points]
        margin_labels(axes, [(at, one.points[at], one.label, one.slot) for at, one in ends])
        _crossovers(axes, series)
        return svg(figure, id_, alt)


def _line(axes: Any, one: Series) -> None:
    import numpy as np

    lengths = sorted(one.points)
    values = [one.points[length] for length in lengths]
    ink = color(one.slot)
    above = 0.01 * (SLOTS - one.slot)  # where lines meet, teacher and student stay in sight
    if one.curve is None:
        axes.plot(lengths, values, color=ink, lw=1.2, ls=(0, (2, 2)), zorder=2 + above)
    else:
        fitted = sorted(one.fitted or lengths)
        grid = np.geomspace(fitted[0], fitted[-1], GRID)
        style: Any = (0, (5, 2)) if one.hollow else "-"
        axes.plot(
            grid,
            [one.curve(length) for length in grid],
            color=ink,
            lw=1.6,
            ls=style,
            zorder=2 + above,
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
                zorder=3 + above,
            )


def _ticks(axes: Any, series: Sequence[Series], unit: str) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    lengths = {length for one in series for length in one.points}
    lengths |= {length for one in series for length, _ in one.failed}
    length_ticks(axes, sorted(lengths))
    base = 2.0 if unit == "B" else 10.0
    axes.yaxis.set_major_locator(LogLocator(base=base, numticks=6))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _short(value, unit)))
    axes.set_xlim(min(lengths) / 1.15, max(lengths) * 1.15)
    values = [value for one in series for value in one.points.values()]
    room = 4.0 if any(one.failed for one in series) else 2.2  # for crosses and their words
    axes.set_ylim(min(values) / 2.2, max(values) * room)
    plain(axes)


def _short(value: float, unit: str) -> str:
    if unit == "×" and value >= 1e6:
        return f"10{str(round(math.log10(value))).translate(SUPERSCRIPTS)}×"
    text = times(value) if unit == "×" else amount(value, unit)
    return re.sub(r"(\d)\.0+(?=\D|$)", r"\1", text)


def _failures(axes: Any, series: Sequence[Series]) -> None:
    """A cross for each length without a value, and a bar where the last one fitted."""
    top = axes.get_ylim()[1]
    said: set[tuple[int, str]] = set()
    right = axes.get_xlim()[1]
    for one in series:
        ink = color(one.slot)
        for length, status in one.failed:
            axes.plot([length], [top / 1.5], marker="x", ms=5.5, mew=1.5, color=ink, clip_on=False)
            if (length, status) not in said:
                said.add((length, status))
                _word(axes, WHY.get(status, status), (length, top / 1.5), ink, right)
        longest = one.longest
        if longest is not None and one.points:
            nearest = max((length for length in one.points if length <= longest), default=0)
            at = one.curve(longest) if one.curve else one.points.get(nearest, top)
            axes.plot([longest], [at], marker="|", ms=11, mew=1.6, color=ink, zorder=4)
            axes.annotate(
                f"longest {longest:,}",
                (longest, at),
                xytext=(0, -22),
                textcoords="offset points",
                ha="center",
                va="center",
                fontsize=8,
                color=ink,
            )


def _word(axes: Any, word: str, at: tuple[float, float], ink: str, right: float) -> None:
    """A word above a mark, to its left where the axes end."""
    near_end = at[0] > right / 3
    axes.annotate(
        word,
        at,
        xytext=(-6 if near_end else 0, 1 if near_end else 7),
        textcoords="offset points",
        ha="right" if near_end else "center",
        va="center",
        fontsize=8,
        color=ink,
    )


def _crossovers(axes: Any, series: Sequence[Series]) -> None:
    """A dotted line down from each curve's L*, its length beside it where no line or label is."""
    low, _ = axes.get_xlim()
    turning = [one for one in series if one.curve and low < (one.crossover or 0.0) < reach(one)]
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


def reach(one: Series) -> float:
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
