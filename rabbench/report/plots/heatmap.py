"""Draws which side is cheaper, over document length and number of queries.

Two colours, one a side, stronger with the factor; the boundary is a line of its own, so that no
reading depends on telling the colours apart. Knows matplotlib, not costs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rabbench.report import plots

MOST_QUERIES = 1_000_000
STEPS = 121  # rows of the map between 1 and MOST_QUERIES
SHADES = (0.1, 0.19, 0.27, 0.36)  # 1 to 10 times cheaper, 10 to 100, 100 to 1,000, more; letters
# on the strongest keep a contrast of 4.5 in both schemes


@dataclass(frozen=True, kw_only=True)
class Heatmap:
    """Each length's ratio by number of queries, above 1 where ``above`` is cheaper.

    ``crossings`` are the numbers of queries at which it passes 1, None where it does not; ``above``
    and ``below`` are the name and the slot of the side that is cheaper there.
    """

    lengths: Sequence[int]
    ratios: Sequence[Callable[[int], float]]
    crossings: Sequence[float | None]
    above: tuple[str, int]
    below: tuple[str, int]


def draw_heatmap(id_: str, heatmap: Heatmap, alt: str) -> str:
    """Shaded factors of ten, their borders labelled, a strong line at break-even."""
    import numpy as np
    from matplotlib.colors import to_rgba

    queries = np.unique(np.geomspace(1, MOST_QUERIES, STEPS).round().astype(int))
    ratios = np.array([[ratio(int(q)) for ratio in heatmap.ratios] for q in queries])
    z = np.log10(np.clip(ratios, 1e-9, 1e12))  # (queries, lengths)
    with plots.canvas((0.2, 0.145, 0.77, 0.825)) as axes:
        axes.set(xscale="log", yscale="log", xlabel="document length, tokens", ylabel="queries")
        above, below = (plots.color(slot) for _, slot in (heatmap.above, heatmap.below))
        shades = [to_rgba(below, opacity) for opacity in reversed(SHADES)]
        shades += [to_rgba(above, opacity) for opacity in SHADES]
        axes.contourf(heatmap.lengths, queries, z, levels=[-99, *range(-3, 4), 99], colors=shades)
        _borders(axes, heatmap, queries, z)
        _ticks(axes, heatmap.lengths)
        _side_names(axes, heatmap, z)
        return plots.render_svg(axes, id_, alt)


def _borders(axes: Any, heatmap: Heatmap, queries: Any, z: Any) -> None:
    """Thin lines at factors of ten with their factor; a strong one at break-even."""
    middle = len(heatmap.lengths) // 2
    factors = [n for n in range(-9, 12) if n and z.min() < n < z.max()]
    lines: Any = {"colors": [plots.MUTED], "linewidths": 0.6}
    for n in factors:
        axes.contour(heatmap.lengths, queries, z, levels=[n], **lines)
        below = z[:, middle] < n
        crossings = (below[:-1] != below[1:]).nonzero()[0]
        if len(crossings):
            text = f"{10**n:,}×" if n > 0 else f"1/{10**-n:,}×"
            xy = (heatmap.lengths[middle], queries[crossings[0]])
            plots.annotate(axes, text, xy, plots.TEXT, xytext=(0, 6), fontsize=7.5)
    if z.min() < 0 < z.max():
        axes.contour(heatmap.lengths, queries, z, levels=[0], colors=[plots.TEXT], linewidths=1.8)
    for length, first in zip(heatmap.lengths, heatmap.crossings, strict=True):
        if first is not None and math.isfinite(first) and first <= MOST_QUERIES:
            axes.plot(
                [length], [first], marker="o", ms=3.6, mfc=plots.TEXT, mec=plots.TEXT, clip_on=False
            )


def _ticks(axes: Any, lengths: Sequence[int]) -> None:
    plots.length_ticks(axes, lengths)
    ticks = [1, 10, 100, 1_000, 10_000, 100_000, MOST_QUERIES]
    plots.set_ticks(axes.yaxis, ticks, "{:,.0f}".format)
    axes.set(xlim=(lengths[0], lengths[-1]), ylim=(1, MOST_QUERIES))
    axes.tick_params(length=0, pad=5)
    axes.grid(axis="y", color=plots.LINE, lw=0.4, alpha=0.6)


def _side_names(axes: Any, heatmap: Heatmap, z: Any) -> None:
    """The cheaper side's name at the top and at the bottom, where most of that edge is its own."""
    for (name, _), cheaper, y in (
        (heatmap.above, z[-1] > 0, 0.94),
        (heatmap.below, z[0] < 0, 0.06),
    ):
        if cheaper.mean() >= 0.5:
            plots.annotate(
                axes, f"{name} cheaper", (0.5, y), plots.TEXT, xycoords="axes fraction",
                fontsize=9, fontweight="bold",
            )  # fmt: skip
