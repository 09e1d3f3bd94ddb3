"""Draws figures against the training step. Knows matplotlib, not trainings."""

from __future__ import annotations

from collections.abc import Mapping

from rabbench.report.plots.axes import margin_labels, plain
from rabbench.report.plots.svg import STYLE, WIDTH, color, marker, svg

FIRST = 4  # slot of the first line: those before it belong to systems


def steps(id_: str, lines: Mapping[str, Mapping[int, float]], alt: str) -> str:
    """Lines over steps, each ``{step: value}`` and named at its end, as inline SVG."""
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 2.8))
        axes = figure.add_axes((0.13, 0.16, 0.61, 0.8))
        axes.set(xlabel="step")
        ends = []
        for slot, (name, line) in enumerate(lines.items(), FIRST):
            at = sorted(line)
            values = [line[step] for step in at]
            axes.plot(at, values, color=color(slot), lw=1.4, marker=marker(slot), ms=2.8)
            ends.append((at[-1], values[-1], name, slot))
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda step, _: f"{step:,.0f}"))
        axes.yaxis.set_major_locator(MaxNLocator(5))
        plain(axes)
        margin_labels(axes, ends)
        return svg(figure, id_, alt)
