"""Draws a figure per bucket of documents: a line a system, with the interval of each mean.

Knows matplotlib, not measurements.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rabbench.report.plots.axes import margin_labels, plain
from rabbench.report.plots.svg import STYLE, WIDTH, color, marker, svg
from rabbench.stats.intervals import Estimate

MANY = 5  # buckets whose names need small letters
SPREAD = 0.36  # of a bucket's width, over which the systems stand side by side


@dataclass(frozen=True, kw_only=True)
class Row:
    """One system's mean in each bucket."""

    label: str
    slot: int
    means: Sequence[Estimate]


def buckets(
    id_: str, rows: Sequence[Row], names: Sequence[str], titles: tuple[str, str], alt: str
) -> str:
    """Means over buckets.

    Args:
        id_: of the figure.
        rows: the systems.
        names: of the buckets, a line or two each.
        titles: of the buckets and of the metric.
        alt: the figure in words.
    """
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 3.1))
        axes = figure.add_axes((0.13, 0.19, 0.6, 0.78))
        axes.set(xlabel=titles[0], ylabel=titles[1])
        step = SPREAD / max(len(rows) - 1, 1)
        ends = []
        for i, row in enumerate(rows):
            at = [place + i * step - SPREAD / 2 * (len(rows) > 1) for place in range(len(names))]
            ink, mark = color(row.slot), marker(row.slot)
            values = [mean.value for mean in row.means]
            axes.vlines(
                at, [m.low for m in row.means], [m.high for m in row.means], color=ink, lw=1.6
            )
            axes.plot(at, values, color=ink, lw=1.0, ls=(0, (2, 2)), marker=mark, ms=5.5)
            ends.append((at[-1], values[-1], row.label, row.slot))
        axes.set_xticks(range(len(names)), names, fontsize=9 if len(names) < MANY else 7)
        axes.set_xlim(-0.5, len(names) - 0.5)
        axes.yaxis.set_major_locator(MaxNLocator(5))
        plain(axes)
        margin_labels(axes, ends)
        return svg(figure, id_, alt)
