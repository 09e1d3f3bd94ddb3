"""Draws means with their intervals: as dots, against cost, over buckets; and differences by query.

Knows matplotlib, not measurements.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rabbench.report import plots
from rabbench.report.page import Figure, figure_data
from rabbench.stats.intervals import Estimate

SPREAD = 0.36  # of a bucket's width, over which the systems stand side by side
MANY_BUCKETS = 5  # from here on their names need small letters
MOST_TICKS = 3  # words such as "100 GFLOP" that fit side by side in the narrowest figure
FREE_ROOM = 0.17  # of the axis, free of other ticks near the word for a cost of 0
FREE_AT = 6.0  # a cost of 0 stands at the least other cost over this


@dataclass(frozen=True)
class Dot:
    """One system or variant by its mean."""

    label: str
    slot: int
    mean: Estimate


@dataclass(frozen=True)
class CostDot(Dot):
    """A mean at a cost; on the Pareto front or not."""

    cost: float
    on_front: bool


def dots_figure(
    id_: str, title: str, dots: Sequence[Dot], *, heads: tuple[str, str], over: str
) -> Figure:
    """Means as a figure of a page, best first, with the numbers that it draws.

    ``title`` says what the means are of; ``heads`` of the data are what a dot is, and the metric;
    ``over`` what the means are over and which intervals they have, ``queries with 95 % …``.
    """
    dots = sorted(dots, key=lambda dot: dot.mean.value)
    best_first = dots[::-1]
    values = ", ".join(f"{dot.label} {dot.mean.value:.3f}" for dot in best_first)
    alt = f"{title}, mean over {over}: {values}."
    data = figure_data(
        [(heads[0], ""), (heads[1], ""), ("low", ""), ("high", "")],
        [[dot.label, dot.mean.value, dot.mean.low, dot.mean.high] for dot in best_first],
    )
    return Figure(id_, title, alt, draw_dots(id_, dots, alt), data, f"Means over {over}.")


def draw_dots(id_: str, dots: Sequence[Dot], alt: str) -> str:
    """A dot a system with its interval, from 0 to the largest bound."""
    height = 0.75 + 0.34 * len(dots)
    with plots.canvas((0.27, 0.34 / height, 0.6, 1 - 0.44 / height), height) as axes:
        ends = [m.high if math.isfinite(m.high) else m.value for m in (dot.mean for dot in dots)]
        for y, (dot, end) in enumerate(zip(dots, ends, strict=True)):
            ink, mean = plots.color(dot.slot), dot.mean
            if math.isfinite(mean.low):
                axes.plot([mean.low, mean.high], [y, y], color=ink, lw=2.2, solid_capstyle="round")
            style = {"marker": plots.marker(dot.slot), "ms": 6.5}
            axes.plot([mean.value], [y], color=ink, clip_on=False, **style)
            place = {"xytext": (8, 0), "ha": "left", "annotation_clip": False}
            plots.annotate(axes, f"{mean.value:.3f}", (end, y), ink, **place)
            _name(axes, y, plots.wrap_label(dot.label).split("\n"))
        axes.set_yticks([])
        axes.set_ylim(-0.6, len(dots) - 0.4)
        top = max(0.0, *ends) or 1.0
        axes.set_xlim(-0.02 * top, 1.04 * top)
        axes.spines["left"].set_visible(False)
        plots.quiet_grid(axes, "x")
        return plots.render_svg(axes, id_, alt)


def _name(axes: Any, y: float, lines: Sequence[str]) -> None:
    """A name to the left of its dot, each line by itself: fonts differ in width."""
    for i, line in enumerate(lines):
        plots.annotate(
            axes, line, (0, y), plots.MUTED, xycoords=("axes fraction", "data"), ha="right",
            xytext=(-8, 5 * (len(lines) - 1) - 10 * i), annotation_clip=False,
        )  # fmt: skip


def draw_differences(
    id_: str, values: Sequence[float], sides: tuple[tuple[str, int], tuple[str, int]], alt: str
) -> str:
    """Differences of one query each, largest first: above 0 the first side is better.

    ``sides``: name and slot of the side that is better above 0, then of the one below it.
    """
    from matplotlib.ticker import MaxNLocator

    ordered = sorted(values, reverse=True)
    wins, losses = sum(v > 0 for v in ordered), sum(v < 0 for v in ordered)
    with plots.canvas((0.13, 0.175, 0.84, 0.79), height=2.6) as axes:
        axes.set(xlabel="queries, largest difference first")
        spans = ((0, wins, sides[0]), (len(ordered) - losses, len(ordered), sides[1]))
        for start, end, (_, slot) in spans:
            if start < end:
                steps, edges = ordered[start:end], range(start, end + 1)
                axes.stairs(steps, edges, fill=True, color=plots.color(slot), alpha=0.35, lw=0)
                axes.stairs(steps, edges, color=plots.color(slot), lw=1.2)
        axes.axhline(0, color=plots.MUTED, lw=0.8)
        size = max(abs(v) for v in ordered) or 1.0
        axes.set_xlim(0, len(ordered))
        axes.set_ylim(-1.12 * size, 1.12 * size)
        corners = ((wins, sides[0], (0.98, 0.9), "right"), (losses, sides[1], (0.02, 0.1), "left"))
        for count, (name, slot), xy, align in corners:
            text = f"{name} better: {count:,}"
            plots.annotate(axes, text, xy, plots.color(slot), xycoords="axes fraction", ha=align)
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        plots.quiet_grid(axes)
        axes.spines["bottom"].set_visible(False)
        return plots.render_svg(axes, id_, alt)


def draw_buckets(
    id_: str,
    systems: Sequence[tuple[str, int, Sequence[Estimate]]],
    names: Sequence[str],
    titles: tuple[str, str],
    alt: str,
) -> str:
    """Means over buckets of documents, a line a system: its name, its slot and a mean a bucket.

    ``names`` of the buckets have a line or two each; ``titles`` are of the buckets and the metric.
    """
    with plots.canvas((0.13, 0.19, 0.6, 0.78)) as axes:
        axes.set(xlabel=titles[0], ylabel=titles[1])
        step = SPREAD / max(len(systems) - 1, 1)
        ends = []
        for i, (label, slot, means) in enumerate(systems):
            shift = i * step - SPREAD / 2 * (len(systems) > 1)
            xs = [bucket + shift for bucket in range(len(names))]
            ink = plots.color(slot)
            values = [mean.value for mean in means]
            axes.vlines(xs, [m.low for m in means], [m.high for m in means], color=ink, lw=1.6)
            style: Any = {"ls": (0, (2, 2)), "marker": plots.marker(slot), "ms": 5.5}
            axes.plot(xs, values, color=ink, lw=1.0, **style)
            ends.append((xs[-1], values[-1], label, slot))
        axes.set_xticks(range(len(names)), names, fontsize=9 if len(names) < MANY_BUCKETS else 7)
        axes.set_xlim(-0.5, len(names) - 0.5)
        plots.quiet_grid(axes)
        plots.margin_labels(axes, ends)
        return plots.render_svg(axes, id_, alt)


def draw_pareto(
    id_: str,
    dots: Sequence[CostDot],
    titles: tuple[str, str],
    cost_text: Callable[[float], str],
    alt: str,
) -> str:
    """Quality over logarithmic cost; filled marks and a line of steps are the Pareto front.

    A cost of 0 is drawn at the left edge. ``titles`` are of the cost and of the quality;
    ``cost_text`` is a cost as a tick says it.
    """
    least = min((dot.cost for dot in dots if dot.cost > 0), default=1.0)
    xs = [dot.cost if dot.cost > 0 else least / FREE_AT for dot in dots]
    with plots.canvas((0.13, 0.145, 0.6, 0.825)) as axes:
        axes.set(xscale="log", xlabel=titles[0], ylabel=titles[1])
        for dot, x in zip(dots, xs, strict=True):
            ink, mean = plots.color(dot.slot), dot.mean
            style: Any = {"color": ink, "lw": 1.8, "solid_capstyle": "round", "zorder": 2}
            axes.plot([x, x], [mean.low, mean.high], **style)
            style = {"marker": plots.marker(dot.slot), "mfc": ink if dot.on_front else "none"}
            axes.plot([x], [mean.value], ms=6.5, mec=ink, mew=1.3, zorder=3, **style)
        low, high = min(dot.mean.low for dot in dots), max(dot.mean.high for dot in dots)
        room = 0.06 * (high - low or 1.0)
        axes.set_ylim(max(low - room, -0.02), high + room)
        axes.set_xlim(min(xs) / 2.5, max(xs) * 2.5)
        _cost_ticks(axes, dots, xs, cost_text)
        front = sorted((x, dot.mean.value) for x, dot in zip(xs, dots, strict=True) if dot.on_front)
        front.append((axes.get_xlim()[1], front[-1][1]))
        style = {"color": plots.MUTED, "lw": 1.0, "ls": (0, (4, 2)), "zorder": 1}
        axes.step(*zip(*front, strict=True), where="post", **style)
        ends = zip(xs, dots, strict=True)
        plots.margin_labels(axes, [(x, dot.mean.value, dot.label, dot.slot) for x, dot in ends])
        return plots.render_svg(axes, id_, alt)


def _cost_ticks(
    axes: Any, dots: Sequence[CostDot], xs: Sequence[float], cost_text: Callable[[float], str]
) -> None:
    """Powers of ten, and a word at the edge for what costs nothing that is counted."""
    paying = [dot.cost for dot in dots if dot.cost > 0] or list(xs)
    free = [x for x, dot in zip(xs, dots, strict=True) if dot.cost == 0]
    powers = range(math.ceil(math.log10(min(paying) / 2)), math.floor(math.log10(max(xs) * 2)) + 1)
    step = max(1, -(-len(powers) // (MOST_TICKS - 1 if free else MOST_TICKS)))
    ticks = [10.0**power for power in powers][::step]
    low, high = map(math.log10, axes.get_xlim())
    room = FREE_ROOM * (high - low)
    ticks = [tick for tick in ticks if not free or math.log10(tick / free[0]) > room]

    def tick_text(x: float) -> str:
        number, _space, unit = cost_text(x).partition(" ")
        short = f"{number.removesuffix('.00').removesuffix('.0')} {unit}".strip()
        return "none" if free and x <= free[0] else short

    plots.set_ticks(axes.xaxis, [*free[:1], *ticks], tick_text)
    plots.quiet_grid(axes)
