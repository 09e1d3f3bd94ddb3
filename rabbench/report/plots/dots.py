"""Draws means as dots with their intervals, and differences query by query.

Knows matplotlib, not measurements.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rabbench.report.plots.axes import plain
from rabbench.report.plots.label_layout import wrapped
from rabbench.report.plots.svg import MUTED, STYLE, WIDTH, color, marker, svg


@dataclass(frozen=True)
class Dot:
    """One line of a dot plot with its interval."""

    label: str
    slot: int
    value: float
    low: float
    high: float


def dots(id_: str, found: Sequence[Dot], alt: str) -> str:
    """A dot a system with its interval, from 0 to the largest bound."""
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 0.75 + 0.34 * len(found)))
        height = figure.get_figheight()
        axes = figure.add_axes((0.27, 0.34 / height, 0.6, 1 - 0.44 / height))
        top = 0.0
        for y, dot in enumerate(found):
            ink = color(dot.slot)
            if math.isfinite(dot.low):
                axes.plot([dot.low, dot.high], [y, y], color=ink, lw=2.2, solid_capstyle="round")
            end = dot.high if math.isfinite(dot.high) else dot.value
            top = max(top, end)
            mark = marker(dot.slot)
            axes.plot([dot.value], [y], marker=mark, ms=6.5, color=ink, clip_on=False)
            axes.annotate(
                f"{dot.value:.3f}",
                (end, y),
                xytext=(8, 0),
                textcoords="offset points",
                va="center",
                color=ink,
                annotation_clip=False,
            )
        for y, dot in enumerate(found):
            _name(axes, y, wrapped(dot.label).split("\n"))
        axes.set_yticks([])
        axes.set_ylim(-0.6, len(found) - 0.4)
        axes.set_xlim(-0.02 * (top or 1), top * 1.04 or 1)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.spines["left"].set_visible(False)
        plain(axes, "x")
        return svg(figure, id_, alt)


def _name(axes: Any, y: float, lines: Sequence[str]) -> None:
    """A name to the left of its dot, each line by itself: fonts differ in width."""
    for i, line in enumerate(lines):
        axes.annotate(
            line,
            (0, y),
            xycoords=("axes fraction", "data"),
            xytext=(-8, 5 * (len(lines) - 1) - 10 * i),
            textcoords="offset points",
            ha="right",
            va="center",
            color=MUTED,
            annotation_clip=False,
        )


def differences(
    id_: str, values: Sequence[float], sides: tuple[tuple[str, int], tuple[str, int]], alt: str
) -> str:
    """Differences of one query each, largest first: above 0 the first side is better.

    Args:
        id_: of the figure.
        values: the differences.
        sides: name and palette slot of the side that is better above 0, then below it.
        alt: the figure in words.
    """
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    ordered = sorted(values, reverse=True)
    won, lost = sum(v > 0 for v in ordered), sum(v < 0 for v in ordered)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 2.6))
        axes = figure.add_axes((0.13, 0.175, 0.84, 0.79))
        axes.set(xlabel="queries, largest difference first")
        spans = ((0, won, sides[0]), (len(ordered) - lost, len(ordered), sides[1]))
        for start, end, (_, slot) in spans:
            if start < end:
                edges = range(start, end + 1)
                mine = ordered[start:end]
                axes.stairs(mine, edges, fill=True, color=color(slot), alpha=0.35, lw=0)
                axes.stairs(mine, edges, color=color(slot), lw=1.2)
        axes.axhline(0, color=MUTED, lw=0.8)
        size = max(abs(v) for v in ordered) or 1.0
        axes.set_xlim(0, len(ordered))
        axes.set_ylim(-1.12 * size, 1.12 * size)
        for count, (name, slot), at in (
            (won, sides[0], (0.98, 0.9, "right")),
            (lost, sides[1], (0.02, 0.1, "left")),
        ):
            axes.annotate(
                f"{name} better: {count:,}",
                at[:2],
                xycoords="axes fraction",
                ha=at[2],
                va="center",
                color=color(slot),
            )
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(5))
        plain(axes)
        axes.spines["bottom"].set_visible(False)
        return svg(figure, id_, alt)
