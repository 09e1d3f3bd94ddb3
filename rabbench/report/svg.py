"""Matplotlib figures as inline SVG that follows the page's colours, light or dark.

Colours are drawn as marks (odd hex values) and replaced by CSS variables; ids are made the figure's
own; hash salt and date are fixed, so equal data draw equal bytes. Matplotlib's object interface and
a local rc context: no global state.
"""

from __future__ import annotations

import html
import io
import re
from typing import Any

SLOTS = 8
TEXT, MUTED, LINE = "#a0b0d0", "#a0b0d1", "#a0b0d2"
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "h")
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


def color(slot: int) -> str:
    """The mark that stands for a series' CSS colour."""
    return f"#a0b0c{slot % SLOTS}"


def marker(slot: int) -> str:
    """A series' mark; one that must share its colour with another has another mark."""
    return MARKERS[(slot + 3 * (slot // SLOTS)) % SLOTS]


def svg(figure: Any, id_: str, alt: str) -> str:
    """The figure as an SVG element for a page: themed, named, with ids of its own."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    out = io.StringIO()
    FigureCanvasSVG(figure).print_svg(out, metadata={"Date": None})
    text = out.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'(<path [^>]*?|<rect [^>]*?)style="fill: #ffffff[^"]*"', r'\1fill="none"', text)
    text = re.sub(r'\bid="([^"]+)"', rf'id="{id_}-\1"', text)
    text = re.sub(r"url\(#([^)]+)\)", rf"url(#{id_}-\1)", text)
    text = re.sub(r'href="#([^"]+)"', rf'href="#{id_}-\1"', text)
    for slot in range(SLOTS):
        text = text.replace(color(slot), f"var(--s{slot})")
    for mark, name in ((TEXT, "currentColor"), (MUTED, "var(--muted)"), (LINE, "var(--line)")):
        text = text.replace(mark, name)
    box = re.search(r'viewBox="[^"]+"', text)
    named = html.escape(alt, quote=True)
    spaces = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    head = f'<svg {spaces} {box[0] if box else ""} role="img" aria-label="{named}">'
    return head + text[text.index(">") + 1 :].strip()
