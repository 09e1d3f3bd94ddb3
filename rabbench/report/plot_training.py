"""Draws figures against the training step. Knows matplotlib, not trainings."""

from __future__ import annotations

from collections.abc import Mapping

from rabbench.report.svg import STYLE, color, svg


def steps(id_: str, lines: Mapping[str, Mapping[int, float]], alt: str) -> str:
    """Lines over steps, each ``{step: value}`` and named in a legend, as inline SVG."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(4.8, 2.9))
        axes = figure.add_axes((0.13, 0.155, 0.84, 0.74))
        for slot, (name, line) in enumerate(lines.items()):
            at = sorted(line)
            values = [line[step] for step in at]
            axes.plot(at, values, color=color(slot), lw=1.4, marker="o", ms=2.5, label=name)
        axes.set(xlabel="step")
        axes.legend(
            loc="lower left", bbox_to_anchor=(0, 1.0), ncols=3, frameon=False, fontsize=8,
            borderaxespad=0.2,
        )  # fmt: skip
        return svg(figure, id_, alt)
