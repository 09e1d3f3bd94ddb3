"""Matplotlib figures as inline SVG that follows the page's colours, light or dark.

Colours are drawn as marks (odd hex values) and replaced by CSS variables; ids are made the figure's
own; hash salt and date are fixed, so equal data draw equal bytes. Matplotlib's object interface and
a local rc context: no global state. Letters are measured by ``--z``, by which a page that shows a
figure large keeps its letters small.
"""

from __future__ import annotations

import html
import io
import re
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
    text = re.sub(r'(<path [^>]*?|<rect [^>]*?)style="fill: #ffffff[^"]*"', r'\1fill="none"', text)
    text = _slim(text)
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
    head = f'<svg {spaces} {box[0] if box else ""} role="img" aria-label="{named}" {ROOT}>'
    return head + text[text.index(">") + 1 :].strip()


def _slim(text: str) -> str:
    """The same drawing in a third of the bytes: no unused ids, no groups for nothing, 1/100 pt.

    The global style is left out too: inside a page it would reach every other element.
    """
    text = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", text, flags=re.S)
    used = set(re.findall(r"url\(#([^)]+)\)", text)) | set(re.findall(r'href="#([^"]+)"', text))
    text = re.sub(r' ?\bid="([^"]+)"', lambda found: found[0] if found[1] in used else "", text)
    text = re.sub(r"font-size: (\d+(?:\.\d+)?)px; font-family: [^;\"]+", _sized, text)
    text = re.sub(r' transform="rotate\(-0 [^)]*\)"', "", text)
    text = re.sub(r"<[^>]+>", _rounded, text)  # tags alone: what the figure says stays as it is
    text = re.sub(r"\s*\n\s*", " ", text)
    text = re.sub(r"> <", "><", text)
    # After M or L further pairs are lines too, where a path has nothing but lines.
    text = re.sub(r' d="([ML\d. -]+)"', lambda found: found[0].replace(" L ", " "), text)
    before = ""
    while before != text:
        before, text = text, re.sub(r"<g ?>\s*</g>|<g ?/>|<defs ?/>", "", text)
    return text


def _rounded(tag: re.Match[str]) -> str:
    return re.sub(r"\d+\.\d{3,}", lambda number: f"{float(number[0]):.2f}", tag[0])


def _sized(found: re.Match[str]) -> str:
    return f"font-size: calc({found[1]}px*var(--z,1))"
