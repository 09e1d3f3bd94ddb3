"""Where figures put their labels: beside each other, not on each other."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import pytest

from rabbench.report import plot
from rabbench.report.plot import Series

LENGTHS = (16, 64, 256, 1024, 4096, 8192)


def _labels(turns: Sequence[float]) -> list[Any]:
    """The boxes of the L* labels of curves that turn at these lengths."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.8, 3.3))
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_axes((0.155, 0.14, 0.63, 0.82))
    axes.set(xscale="log", yscale="log")
    series = []
    for slot, at in enumerate(turns):

        def curve(length: float, at: float = at, slot: int = slot) -> float:
            return 1.7**slot * (length + length**2 / at)

        points = {length: curve(length) for length in LENGTHS}
        series.append(Series(label="x", slot=slot, points=points, curve=curve, crossover=at))
    plot._ticks(axes, series, "FLOP")
    plot._crossovers(axes, series)
    canvas.draw()
    return [text.get_window_extent(canvas.get_renderer()) for text in axes.texts]


@pytest.mark.parametrize(
    ("turns", "labels"),
    [
        ((3072.0, 4300.0), 2),
        ((2200.0, 3200.0, 4600.0, 6500.0), 4),
        ((900.0, 1300.0, 1900.0, 7000.0), 4),
        ((20.0, 28.0, 8000.0), 3),
    ],
)
def test_lengths_of_crossovers_do_not_cover_each_other(
    turns: tuple[float, ...], labels: int
) -> None:
    boxes = _labels(turns)
    assert len(boxes) == labels
    for one, other in combinations(boxes, 2):
        assert not one.overlaps(other), (one, other)


def test_crossovers_that_say_nearly_the_same_share_a_label() -> None:
    assert len(_labels((3072.0, 3400.0))) == 1


def test_a_crossover_outside_the_figure_has_no_label() -> None:
    assert _labels((32_512.0, 9.0)) == []
