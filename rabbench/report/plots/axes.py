"""What the figures' axes share: ticks of document lengths, names in the margin.

Knows matplotlib's axes, not measurements.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from rabbench.report.plots.label_layout import apart, wrapped
from rabbench.report.plots.svg import LINE, color

LINE_HEIGHT = 0.046  # of the axes, half a label's line and a little room
KILO = 1024


def length(tokens: float) -> str:
    """A document length on a tick: ``16``, ``256``, ``1k``, ``128k`` (k = 1,024)."""
    if tokens >= KILO and tokens % KILO == 0:
        return f"{tokens / KILO:,.0f}k"
    return f"{tokens:,.0f}"


def length_ticks(axes: Any, lengths: Sequence[int]) -> None:
    """Powers of two on the x axis, about five of them."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    low, high = math.log2(min(lengths)), math.log2(max(lengths))
    step = max(1, round((high - low) / 4))
    ticks = [2**k for k in range(math.ceil(low - 1e-9), math.floor(high + 1e-9) + 1, step)]
    axes.xaxis.set_major_locator(FixedLocator(ticks or [min(lengths)]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: length(value)))


def plain(axes: Any, grid: str = "y") -> None:
    """A quiet grid behind the data, no tick marks."""
    axes.grid(axis=grid, color=LINE, lw=0.6)
    axes.tick_params(length=0, pad=5)
    axes.set_axisbelow(True)


def margin_labels(axes: Any, ends: Sequence[tuple[float, float, str, int]]) -> None:
    """Names in the right margin in the order of their marks, a hair line from each to its mark.

    Args:
        axes: drawn in whole.
        ends: x and y of the mark in data, name and slot.
    """
    axes.get_xlim(), axes.get_ylim()  # settles limits that are still to be found from the data
    to_axes = axes.transAxes.inverted()
    placed = []
    for x, y, label, slot in ends:
        place = to_axes.transform(axes.transData.transform((x, y)))
        placed.append((float(place[1]), float(place[0]), label, slot))
    placed.sort(key=lambda end: (end[0], end[2]))
    halves = [LINE_HEIGHT * (0.62 + 0.62 * wrapped(end[2]).count("\n")) for end in placed]
    places = apart([end[0] for end in placed], halves)
    for y, (own, x, label, slot) in zip(places, placed, strict=True):
        axes.annotate(
            wrapped(label),
            (x, own),
            xycoords="axes fraction",
            xytext=(1.04, y),
            textcoords="axes fraction",
            va="center",
            color=color(slot),
            linespacing=1.1,
            annotation_clip=False,
            arrowprops={
                "arrowstyle": "-",
                "color": color(slot),
                "lw": 0.5,
                "alpha": 0.45,
                "shrinkA": 1,
                "shrinkB": 5,
            },
        )
