"""Draws the map of who is cheaper over document length and number of queries.

Knows matplotlib, not costs. Two colours, one a side, stronger with the factor; the boundary is a
line of its own, so that nothing hangs on telling the colours apart.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rabbench.report.plots.axes import length_ticks
from rabbench.report.plots.svg import LINE, MUTED, STYLE, TEXT, WIDTH, color, svg

MOST_QUERIES = 1_000_000
STEPS = 121  # rows of the map between 1 and MOST_QUERIES
SHADES = (0.1, 0.19, 0.27, 0.36)  # 1 to 10 times cheaper, 10 to 100, 100 to 1,000, more; letters
# on the strongest keep a contrast of 4.5 in both schemes


@dataclass(frozen=True, kw_only=True)
class Map:
    """What is drawn: each length's ratio by number of queries, above 1 where ``above`` is cheaper.

    ``crossing`` is the number of queries at which it passes 1, where it does; ``above`` and
    ``below`` are the name and the palette's slot of the side that is cheaper there.
    """

    lengths: Sequence[int]
    ratios: Sequence[Callable[[int], float]]
    crossing: Sequence[float | None]
    above: tuple[str, int]
    below: tuple[str, int]


def draw(id_: str, of: Map, alt: str) -> str:
    """The map as SVG: shaded factors of ten, their borders labelled, break-even drawn strongly."""
    import matplotlib
    import numpy as np
    from matplotlib.figure import Figure

    queries = np.unique(np.geomspace(1, MOST_QUERIES, STEPS).round().astype(int))
    found = np.array([[ratio(int(q)) for ratio in of.ratios] for q in queries])
    z = np.log10(np.clip(found, 1e-9, 1e12))  # (queries, lengths)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 3.1))
        axes = figure.add_axes((0.2, 0.145, 0.77, 0.825))
        axes.set(xscale="log", yscale="log", xlabel="document length, tokens")
        for (_, slot), sign in ((of.above, 1), (of.below, -1)):
            _shade(axes, of.lengths, queries, sign * z, color(slot))
        _borders(axes, of, queries, z)
        _axes(axes, of)
        _sides(axes, of, z)
        return svg(figure, id_, alt)


def _shade(axes: Any, lengths: Sequence[int], queries: Any, z: Any, ink: str) -> None:
    for i, opacity in enumerate(SHADES):
        top = 99.0 if i == len(SHADES) - 1 else i + 1.0
        if z.max() > i and z.min() < top:
            levels = [float(i), top]
            axes.contourf(lengths, queries, z, levels=levels, colors=[ink], alpha=opacity)


def _borders(axes: Any, of: Map, queries: Any, z: Any) -> None:
    """Thin lines at factors of ten with their factor; a strong one at break-even."""
    powers = [n for n in range(-9, 12) if n and z.min() < n < z.max()]
    for n in powers:
        axes.contour(of.lengths, queries, z, levels=[n], colors=[MUTED], linewidths=0.6)
        at = len(of.lengths) // 2
        crossed = [i for i in range(len(queries) - 1) if (z[i, at] < n) != (z[i + 1, at] < n)]
        if crossed:
            axes.annotate(
                f"{10**n:,}×" if n > 0 else f"1/{10**-n:,}×",
                (of.lengths[at], queries[crossed[0]]),
                xytext=(0, 6),
                textcoords="offset points",
                ha="center",
                va="center",
                fontsize=7.5,
                color=TEXT,
            )
    if z.min() < 0 < z.max():
        axes.contour(of.lengths, queries, z, levels=[0], colors=[TEXT], linewidths=1.8)
    points = [(n, q) for n, q in zip(of.lengths, of.crossing, strict=True) if q is not None]
    for length, first in points:
        if math.isfinite(first) and first <= MOST_QUERIES:
            axes.plot([length], [first], marker="o", ms=3.6, mfc=TEXT, mec=TEXT, clip_on=False)


def _axes(axes: Any, of: Map) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    length_ticks(axes, of.lengths)
    axes.yaxis.set_major_locator(FixedLocator([1, 10, 100, 1_000, 10_000, 100_000, 1_000_000]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.set_xlim(of.lengths[0], of.lengths[-1])
    axes.set_ylim(1, MOST_QUERIES)
    axes.set_ylabel("queries")
    axes.tick_params(length=0, pad=5)
    axes.grid(axis="y", color=LINE, lw=0.4, alpha=0.6)


def _sides(axes: Any, of: Map, z: Any) -> None:
    """Which side is whose, where that side is."""
    for (name, _), row, y in ((of.above, -1, 0.94), (of.below, 0, 0.06)):
        side = z[row] > 0 if row == -1 else z[row] < 0
        if side.mean() >= 0.5:
            axes.annotate(
                f"{name} cheaper",
                (0.5, y),
                xycoords="axes fraction",
                ha="center",
                va="center",
                fontsize=9,
                fontweight="bold",
                color=TEXT,
            )
