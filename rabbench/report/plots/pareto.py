"""Draws quality against cost: each system with its interval, and the front as a line.

Knows matplotlib, not measurements.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rabbench.report.plots.axes import margin_labels, plain
from rabbench.report.plots.svg import MUTED, STYLE, WIDTH, color, marker, svg
from rabbench.stats.intervals import Estimate

TICKS = 3  # words such as "100 GFLOP" that fit side by side in the narrowest figure
NONE_ROOM = 0.17  # of the axis, free of other ticks beside the word for a cost of 0
NONE_AT = 6.0  # a cost of 0 stands at the least other cost over this


@dataclass(frozen=True, kw_only=True)
class Spot:
    """One system; a cost of 0 is drawn at the left edge."""

    label: str
    slot: int
    cost: float
    quality: Estimate
    on: bool


def front(
    id_: str,
    spots: Sequence[Spot],
    titles: tuple[str, str],
    told: Callable[[float], str],
    alt: str,
) -> str:
    """Quality over logarithmic cost.

    Args:
        id_: of the figure.
        spots: the systems.
        titles: of the cost and of the quality.
        told: a cost as a tick says it.
        alt: the figure in words.
    """
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 3.1))
        axes = figure.add_axes((0.13, 0.145, 0.6, 0.825))
        at = _places(spots)
        axes.set(xscale="log", xlabel=titles[0], ylabel=titles[1])
        for spot, x in zip(spots, at, strict=True):
            _spot(axes, spot, x)
        _limits(axes, spots, at)
        _ticks(axes, spots, at, told)
        _line(axes, spots, at)
        _labels(axes, spots, at)
        return svg(figure, id_, alt)


def _places(spots: Sequence[Spot]) -> list[float]:
    least = min((spot.cost for spot in spots if spot.cost > 0), default=1.0)
    return [spot.cost if spot.cost > 0 else least / NONE_AT for spot in spots]


def _spot(axes: Any, spot: Spot, x: float) -> None:
    ink = color(spot.slot)
    low, high = spot.quality.low, spot.quality.high
    axes.plot([x, x], [low, high], color=ink, lw=1.8, solid_capstyle="round", zorder=2)
    face = ink if spot.on else "none"
    mark = marker(spot.slot)
    axes.plot([x], [spot.quality.value], marker=mark, ms=6.5, mfc=face, mec=ink, mew=1.3, zorder=3)


def _limits(axes: Any, spots: Sequence[Spot], at: Sequence[float]) -> None:
    low = min(spot.quality.low for spot in spots)
    high = max(spot.quality.high for spot in spots)
    room = 0.06 * (high - low or 1.0)
    axes.set_ylim(max(low - room, -0.02), high + room)
    axes.set_xlim(min(at) / 2.5, max(at) * 2.5)


def _ticks(
    axes: Any, spots: Sequence[Spot], at: Sequence[float], told: Callable[[float], str]
) -> None:
    """Powers of ten, and a word at the edge for what costs nothing that is counted."""
    import math

    from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

    counted = [x for x, spot in zip(at, spots, strict=True) if spot.cost > 0] or list(at)
    powers = range(math.ceil(math.log10(min(counted) / 2)), math.floor(math.log10(max(at) * 2)) + 1)
    nothing = [x for x, spot in zip(at, spots, strict=True) if spot.cost == 0]
    step = max(1, -(-len(powers) // (TICKS - 1 if nothing else TICKS)))
    ticks = [10.0**power for power in powers][::step]
    low, high = map(math.log10, axes.get_xlim())
    near = NONE_ROOM * (high - low)
    ticks = [tick for tick in ticks if not nothing or math.log10(tick / nothing[0]) > near]
    axes.xaxis.set_major_locator(FixedLocator([*nothing[:1], *ticks]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda x, _: "none" if nothing and x <= nothing[0] else _short(told(x)))
    )
    axes.yaxis.set_major_locator(MaxNLocator(5))
    plain(axes)


def _short(text: str) -> str:
    number, _, unit = text.partition(" ")
    return f"{number.removesuffix('.00').removesuffix('.0')} {unit}".strip()


def _line(axes: Any, spots: Sequence[Spot], at: Sequence[float]) -> None:
    """The front as steps: what quality a cost buys at least."""
    on = sorted((x, spot.quality.value) for x, spot in zip(at, spots, strict=True) if spot.on)
    end = axes.get_xlim()[1]
    xs, ys = [x for x, _ in on] + [end], [y for _, y in on] + [on[-1][1]]
    axes.step(xs, ys, where="post", color=MUTED, lw=1.0, ls=(0, (4, 2)), zorder=1)


def _labels(axes: Any, spots: Sequence[Spot], at: Sequence[float]) -> None:
    margin_labels(
        axes,
        [(x, spot.quality.value, spot.label, spot.slot) for spot, x in zip(spots, at, strict=True)],
    )
