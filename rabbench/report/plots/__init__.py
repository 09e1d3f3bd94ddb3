"""Figures as inline SVG in a page's colours, and what their axes share: ticks, grids, labels.

Matplotlib's object interface in a local rc context: no global state. Colours are drawn as odd hex
values and replaced by CSS variables; ids are the figure's own; hash salt and date are fixed, so
equal data draw equal bytes. Letters are measured by ``--z``, by which a page that shows a figure
large keeps its letters small. Knows matplotlib, not measurements.
"""

from __future__ import annotations

import html
import io
import math
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

SLOTS = 8
TEXT, MUTED, LINE = "#a0b0d0", "#a0b0d1", "#a0b0d2"
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "h")
WIDTH = 4.3  # inches; on a phone one inch is about 80 pixels, so that letters stay readable there
STYLE = {
    "svg.hashsalt": "rabbench",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": LINE,
    "axes.labelcolor": MUTED,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "text.color": TEXT,
    "axes.unicode_minus": False,
}
ROOT = 'stroke-linejoin="round" stroke-linecap="butt" font-family="sans-serif"'
LINE_HEIGHT = 0.046  # of the axes, half a label's line and a little room
TOP = 1.05  # of the axes: the highest edge of a label in the margin
KILO = 1024


@contextmanager
def canvas(box: tuple[float, float, float, float], height: float = 3.1) -> Iterator[Any]:
    """Axes in a new figure, ``height`` inches high; ``box`` is left, bottom, width and height."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        yield Figure(figsize=(WIDTH, height)).add_axes(box)


def color(slot: int) -> str:
    """The stand-in for a slot's CSS colour."""
    return f"#a0b0c{slot % SLOTS}"


def marker(slot: int) -> str:
    """A slot's marker; of two that share a colour each has its own."""
    return MARKERS[(slot + 3 * (slot // SLOTS)) % SLOTS]


def render_svg(axes: Any, id_: str, alt: str) -> str:
    """The axes' figure as an SVG element: themed, with ``alt`` as its name and ids of its own."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    out = io.StringIO()
    FigureCanvasSVG(axes.figure).print_svg(out, metadata={"Date": None})
    text = out.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r'(<path [^>]*?|<rect [^>]*?)style="fill: #ffffff[^"]*"', r'\1fill="none"', text)
    text = _slim(text)
    text = re.sub(r'(\bid="|url\(#|href="#)', rf"\1{id_}-", text)
    inks = {color(slot): f"var(--s{slot})" for slot in range(SLOTS)}
    inks |= {TEXT: "currentColor", MUTED: "var(--muted)", LINE: "var(--line)"}
    for stand_in, name in inks.items():
        text = text.replace(stand_in, name)
    box = re.search(r'viewBox="[^"]+"', text)
    label = html.escape(alt, quote=True)
    spaces = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    head = f'<svg {spaces} {box[0] if box else ""} role="img" aria-label="{label}" {ROOT}>'
    return head + text[text.index(">") + 1 :].strip()


def _slim(text: str) -> str:
    """The same drawing in a third of the bytes: no unused ids, no empty groups, 1/100 pt.

    The global style is left out too: inside a page it would reach every other element.
    """
    text = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", text, flags=re.S)
    used = set(re.findall(r'(?:url\(|href=")#([^)"]+)', text))
    text = re.sub(r' ?\bid="([^"]+)"', lambda id_: id_[0] if id_[1] in used else "", text)
    size = r"font-size: (\d+(?:\.\d+)?)px; font-family: [^;\"]+"
    text = re.sub(size, r"font-size: calc(\1px*var(--z,1))", text)
    text = re.sub(r' transform="rotate\(-0 [^)]*\)"', "", text)
    text = re.sub(r"<[^>]+>", _round_numbers, text)  # tags alone: words stay as they are
    text = re.sub(r"\s*\n\s*", " ", text)
    text = re.sub(r"> <", "><", text)
    # After M or L further pairs are lines too, where a path has nothing but lines.
    text = re.sub(r' d="([ML\d. -]+)"', lambda path: path[0].replace(" L ", " "), text)
    before = ""
    while before != text:
        before, text = text, re.sub(r"<g ?>\s*</g>|<g ?/>|<defs ?/>", "", text)
    return text


def _round_numbers(tag: re.Match[str]) -> str:
    return re.sub(r"\d+\.\d{3,}", lambda number: f"{float(number[0]):.2f}", tag[0])


def length_text(tokens: float) -> str:
    """A document length on a tick: ``16``, ``256``, ``1k``, ``128k`` (k = 1,024)."""
    if tokens >= KILO and tokens % KILO == 0:
        return f"{tokens / KILO:,.0f}k"
    return f"{tokens:,.0f}"


def length_ticks(axes: Any, lengths: Sequence[int]) -> None:
    """Powers of two on the x axis, about five of them."""
    low, high = math.log2(min(lengths)), math.log2(max(lengths))
    step = max(1, round((high - low) / 4))
    ticks = [2**k for k in range(math.ceil(low - 1e-9), math.floor(high + 1e-9) + 1, step)]
    set_ticks(axes.xaxis, ticks or [min(lengths)], length_text)


def set_ticks(axis: Any, ticks: Any, text: Callable[[float], str]) -> None:
    """Ticks at these values or by this locator, none between them, each with its text."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    axis.set_major_locator(FixedLocator(ticks) if isinstance(ticks, list) else ticks)
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: text(value)))


def quiet_grid(axes: Any, grid: str = "y", *, linear: bool = True) -> None:
    """A thin grid behind the data, no tick marks; at about five values of a linear axis."""
    from matplotlib.ticker import MaxNLocator

    if linear:
        {"x": axes.xaxis, "y": axes.yaxis}[grid].set_major_locator(MaxNLocator(5))
    axes.grid(axis=grid, color=LINE, lw=0.6)
    axes.tick_params(length=0, pad=5)
    axes.set_axisbelow(True)


def annotate(axes: Any, text: str, xy: Sequence[float], ink: str, **style: Any) -> None:
    """A text centred at a point, or ``xytext`` points away from it."""
    offset = {"textcoords": "offset points"} if "xytext" in style else {}
    axes.annotate(text, xy, color=ink, **{"ha": "center", "va": "center", **offset, **style})


def margin_labels(axes: Any, ends: Sequence[tuple[float, float, str, int]]) -> None:
    """Names in the right margin in the order of their marks, a hair line from each to its mark.

    ``ends`` hold x and y of the mark in data, name and slot; the axes are drawn in whole.
    """
    axes.get_xlim(), axes.get_ylim()  # settles limits that are still to be taken from the data
    ends = sorted(ends, key=lambda end: (axes_point(axes, *end[:2])[1], end[2]))
    labels = [wrap_label(name) for _, _, name, _ in ends]
    halves = [0.62 * LINE_HEIGHT * len(label.split("\n")) for label in labels]
    heights = spread_labels([axes_point(axes, x, y)[1] for x, y, _, _ in ends], halves)
    for label, height, (x, y, _, slot) in zip(labels, heights, ends, strict=True):
        hair_line = {"arrowstyle": "-", "lw": 0.5, "alpha": 0.45, "shrinkA": 1, "shrinkB": 5}
        annotate(
            axes, label, (x, y), color(slot), xytext=(1.04, height), textcoords="axes fraction",
            ha="left", linespacing=1.1, annotation_clip=False,
            arrowprops={"color": color(slot), **hair_line},
        )  # fmt: skip


def axes_point(axes: Any, x: float, y: float) -> tuple[float, float]:
    """A point of the data in fractions of the axes."""
    across, up = (axes.transData + axes.transAxes.inverted()).transform((x, y))
    return float(across), float(up)


def wrap_label(label: str) -> str:
    """A label in short lines: the name, then each detail."""
    label = re.sub(r"(\w{7,})-(\w{6,})", r"\1-\n\2", label)
    return label.replace(" · ", "\n").replace(" (", "\n(").replace(", ", ",\n")


def spread_labels(targets: Sequence[float], halves: Sequence[float]) -> list[float]:
    """Places near the targets (ascending) that keep labels of these half sizes apart.

    They lie between the axes' start and ``TOP``, at the least squared distance from the targets: an
    isotonic regression, once the labels before each one are taken off.
    """
    import numpy as np
    from scipy.optimize import isotonic_regression

    if not targets:
        return []
    sizes = np.array(halves)
    before = np.concatenate([[0.0], np.cumsum(sizes[1:] + sizes[:-1])])
    places = isotonic_regression(np.array(targets) - before).x
    last = TOP - sizes[-1] - before[-1]
    return list(np.maximum(np.minimum(places, last), sizes[0]) + before)
