"""Where figures put their labels: beside each other, not on each other."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rabbench.report
from rabbench.report.plots import curves, heatmap, length_text, spread_labels, wrap_label
from rabbench.report.plots.curves import Series, draw_curves
from rabbench.report.plots.dots import Dot, dots_figure, draw_differences, draw_dots
from rabbench.stats.intervals import Estimate

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
    curves._ticks(axes, series, "FLOP")
    curves._crossovers(axes, series)
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
    for left, right in combinations(boxes, 2):
        assert not left.overlaps(right), (left, right)


def test_crossovers_that_say_nearly_the_same_share_a_label() -> None:
    assert len(_labels((3072.0, 3400.0))) == 1


def test_a_crossover_outside_the_figure_has_no_label() -> None:
    assert _labels((32_512.0, 9.0)) == []


def _names(svg: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)<", svg)


def test_what_ran_out_of_memory_and_what_still_fitted_are_marked() -> None:
    points = {length: 1e-3 * length for length in LENGTHS[:5]}
    line = Series(label="a", slot=0, points=points, failed=[(8192, "oom")], longest=5000)
    names = _names(draw_curves("f", [line], "s", "words"))
    assert {"out of memory", "longest 5,000"} <= set(names)
    whole = Series(label="a", slot=0, points=points)
    assert not {"out of memory", "longest 5,000"} & set(_names(draw_curves("f", [whole], "s", "w")))


def test_lengths_stand_as_powers_of_two() -> None:
    assert [length_text(n) for n in (16, 256, 1000, 1024, 4096, 131_072)] == [
        "16", "256", "1,000", "1k", "4k", "128k",
    ]  # fmt: skip


def test_slimming_keeps_every_digit_that_is_read() -> None:
    svg = draw_dots("f", [Dot("a", 0, Estimate(0.70849, 0.6, 0.8))], "words")
    assert "0.708" in _names(svg)
    assert not re.search(r'="[^"]*\d\.\d{3}', svg)
    assert "<style" not in svg
    ids = set(re.findall(r'\bid="([^"]+)"', svg))
    assert set(re.findall(r"url\(#([^)]+)\)", svg)) <= ids


def test_a_figure_of_means_says_and_holds_its_numbers_best_first() -> None:
    means = [Dot("a", 0, Estimate(0.2, 0.1, 0.3)), Dot("b", 1, Estimate(0.5, 0.4, 0.6))]
    figure = dots_figure("f", "ndcg@10 on demo", means, heads=("system", "ndcg@10"), over="queries")
    assert figure.alt == "ndcg@10 on demo, mean over queries: b 0.500, a 0.200."
    assert figure.data is not None
    assert figure.data.rows == [["b", 0.5, 0.4, 0.6], ["a", 0.2, 0.1, 0.3]]
    assert {"0.500", "0.200"} <= set(_names(figure.svg))


def test_differences_count_both_sides() -> None:
    values = [0.5, 0.25, 0.0, 0.0, -1.0]
    names = _names(draw_differences("f", values, (("a", 0), ("b", 1)), "words"))
    assert {"a better: 2", "b better: 1"} <= set(names)


def test_labels_stay_inside_the_axes() -> None:
    low = spread_labels([0.0, 0.01], [0.05, 0.05])
    assert low == pytest.approx([0.05, 0.15])


def test_labels_keep_apart_near_where_they_belong() -> None:
    heights = spread_labels([0.1, 0.12, 0.9, 1.0], [0.05, 0.05, 0.05, 0.05])
    assert heights == pytest.approx([0.06, 0.16, 0.9, 1.0])
    close = spread_labels([0.5, 0.5, 0.5], [0.1, 0.1, 0.1])
    assert close == pytest.approx([0.3, 0.5, 0.7])


def test_labels_break_at_their_details() -> None:
    assert wrap_label("rabtriever · sdpa · untrained") == "rabtriever\nsdpa\nuntrained"
    assert wrap_label("teacher (a, b)") == "teacher\n(a,\nb)"


# Machado, Oliveira and Fernandes, IEEE TVCG 15(6), 2009, severity 1.0: what each eye sees of RGB.
EYES = {
    "protan": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216),
               (-0.003882, -0.048116, 1.051998)),
    "deutan": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413),
               (-0.011820, 0.042940, 0.968881)),
    "tritan": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602),
               (0.004733, 0.691367, 0.303900)),
}  # fmt: skip
TOLD_APART = 9.0  # CIE 1976 ΔE; about 2.3 is just noticeable


def _schemes() -> list[tuple[str, str, list[str]]]:
    """Card, text and the eight colours of the light and of the dark scheme."""
    style = Path(rabbench.report.__file__).with_name("templates").joinpath("style.css").read_text()
    schemes = re.findall(r"--card: (#\w{6}); --text: (#\w{6})(.*?)\}", style, flags=re.S)
    return [(card, text, re.findall(r"--s\d: (#\w{6})", rest)) for card, text, rest in schemes]


def _linear(colour: str) -> Any:
    rgb = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def _contrast(ink: Any, ground: Any) -> float:
    low, high = sorted(float(np.dot((0.2126, 0.7152, 0.0722), rgb)) for rgb in (ink, ground))
    return (high + 0.05) / (low + 0.05)


def _lab(linear: Any) -> Any:
    to_xyz = ((0.4124564, 0.3575761, 0.1804375), (0.2126729, 0.7151522, 0.0721750),
              (0.0193339, 0.1191920, 0.9503041))  # fmt: skip
    xyz = np.array(to_xyz) @ np.clip(linear, 0, 1) / (0.95047, 1, 1.08883)
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def test_colours_of_systems_are_told_apart_by_every_eye() -> None:
    schemes = _schemes()
    assert [len(colours) for _, _, colours in schemes] == [8, 8]  # light, dark
    for card, _, colours in schemes:
        assert min(_contrast(_linear(ink), _linear(card)) for ink in colours) >= 4.5
        for eye in (np.eye(3), *map(np.array, EYES.values())):
            colours_seen = [_lab(eye @ _linear(colour)) for colour in colours]
            apart = [float(np.linalg.norm(a - b)) for a, b in combinations(colours_seen, 2)]
            assert min(apart) >= TOLD_APART


def test_words_on_the_strongest_shade_of_a_map_stand_out() -> None:
    schemes = _schemes()
    assert [len(colours) for _, _, colours in schemes] == [8, 8]  # light, dark
    for card, text, colours in schemes:
        below = np.array([int(card[i : i + 2], 16) for i in (1, 3, 5)])
        for colour in colours:
            above = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])
            shade = np.round(heatmap.SHADES[-1] * above + (1 - heatmap.SHADES[-1]) * below).astype(
                int
            )
            ground = "#" + "".join(f"{part:02x}" for part in shade)
            assert _contrast(_linear(ground), _linear(text)) >= 4.5, (card, colour)
