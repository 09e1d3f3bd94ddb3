"""Recomputes fits, verdicts and the report's tables from the raw rows, and holds them together.

Knows ``fits.json`` of a bundle and the report in Markdown; of the HTML only the hash is verified.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import rabbench
from rabbench.bundle import derived
from rabbench.bundle.reader import Content
from rabbench.bundle.verify_result import VerifyResult, agrees, disagrees, unverified
from rabbench.report import MARKDOWN, build
from rabbench.report.render import markdown
from rabbench.types import BadInputError, Results

FITTED, DERIVED, TABLED = "fit", "derived", "report"
CLOSE = 1e-6  # relative: least squares and seeded resampling on another processor
UNDER_A_LOAD = frozenset({"break-even", "provenance"})
"""Sections that a report may have been given for another break-even load than the recorded one."""


def findings(found: Content, results: Results) -> Iterator[VerifyResult]:
    """A line for each derived file, each fit and each table of the report."""
    fits = False
    for name, again in derived.files(results).items():
        path = found.path(name)
        if path is None:
            continue
        told = _read(path, name)
        if name != derived.FITS:
            same = told == derived.plain(again)
            detail = "as in results.json" if same else "is not what results.json says"
            yield (agrees if same else disagrees)(DERIVED, name, detail)
            continue
        fits = True
        yield from _fits(told, derived.plain(again))
    path = found.path(MARKDOWN)
    if path is not None:
        text = path.read_text(encoding="utf-8", errors="replace")
        release = found.manifest.release if found.manifest else rabbench.__version__
        yield from _tables(text, results, release)
    elif not fits and derived.fitted(results):
        detail = f"neither {derived.FITS} nor {MARKDOWN} is there to compare with"
        yield unverified(FITTED, "all", detail)


def _read(path: Any, name: str) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise BadInputError(f"{name} is damaged: {error}; bundle again") from None


def _identity(fit: Mapping[str, Any]) -> str:
    return json.dumps([fit.get(name) for name in derived.IDENTITY], sort_keys=True)


def _fits(told: Any, again: Sequence[Mapping[str, Any]]) -> Iterator[VerifyResult]:
    """A line for each fit: order, verdict, coefficients and bounds."""
    listed = [one for one in told if isinstance(one, Mapping)] if isinstance(told, list) else []
    given = {_identity(one): one for one in listed}
    for fit in again:
        about = " ".join(str(fit[name]) for name in ("system", "phase", "measure"))
        pairs = fit["key"].get("pairs")
        about += f" ({pairs})" if pairs else ""
        one = given.pop(_identity(fit), None)
        if one is None:
            yield disagrees(FITTED, about, f"is not in {derived.FITS}")
            continue
        apart = [name for name in derived.TOLD if not same(one.get(name), fit[name])]
        if apart:
            name = apart[0]
            detail = f"{name} is given as {_brief(one.get(name))}, found {_brief(fit[name])}"
            yield disagrees(FITTED, about, detail)
        else:
            yield agrees(FITTED, about, f"{fit['order']}, {len(fit['lengths'])} lengths")
    for one in given.values():
        about = " ".join(str(one.get(name)) for name in ("system", "phase", "measure"))
        yield disagrees(FITTED, about, "is a fit of no rows in results.json")


def same(told: Any, found: Any) -> bool:
    """Whether two plain values are the same, numbers up to rounding."""
    if isinstance(told, bool) or isinstance(found, bool):
        return told is found
    if isinstance(told, (int, float)) and isinstance(found, (int, float)):
        return math.isclose(told, found, rel_tol=CLOSE, abs_tol=1e-300)
    if isinstance(told, Mapping) and isinstance(found, Mapping):
        return told.keys() == found.keys() and all(same(told[key], found[key]) for key in found)
    if isinstance(told, list) and isinstance(found, list):
        equal = (same(a, b) for a, b in zip(told, found, strict=False))
        return len(told) == len(found) and all(equal)
    return bool(told == found)


def _brief(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 120 else f"{text[:117]}…"


def _tables(report: str, results: Results, release: str) -> Iterator[VerifyResult]:
    """A line for each table: whether the report has every line of it as recomputed.

    Another release may say the same in other words; what differs is then not verified.
    """
    differs, remark = disagrees, "'rabbench report DIR' writes the report of this release"
    if release != rabbench.__version__:
        differs = unverified
        remark = f"bundled by release {release}, verified by {rabbench.__version__}"
    page = build.build_page(results, draw=False)
    loaded = {
        table.caption
        for section in page.sections
        if section.id in UNDER_A_LOAD
        for table in section.tables
    }
    given, again = by_caption(report), by_caption(markdown.render_markdown(page))
    skipped = {caption for caption in again if _unescaped(caption) in loaded}
    for caption, lines in again.items():
        if caption in skipped:
            continue
        about = _unescaped(caption)
        told = given.get(caption)
        if told is None:
            yield unverified(TABLED, about, f"{MARKDOWN} has no such table ({remark})")
            continue
        apart = [line for line in lines if line not in told]
        extra = [line for line in told if line not in lines]
        if apart or extra:
            one = (extra or apart)[0]
            where = "has" if extra else "lacks"
            count = _lines(max(len(apart), len(extra)))
            detail = f"{count} not as recomputed: {MARKDOWN} {where} {one[:160]} ({remark})"
            yield differs(TABLED, about, detail)
        else:
            yield agrees(TABLED, about, f"{_lines(len(lines) - 2)} as recomputed")


def _lines(count: int) -> str:
    return f"{count} line" if count == 1 else f"{count} lines"


def by_caption(text: str) -> dict[str, list[str]]:
    """The tables of a report in Markdown: their lines by the heading before them."""
    found: dict[str, list[str]] = {}
    caption = ""
    for line in text.splitlines():
        if line.startswith("#"):
            caption = line.lstrip("# ")
        elif line.startswith("|"):
            found.setdefault(caption, []).append(line)
    return found


def _unescaped(caption: str) -> str:
    return caption.replace("\\", "")
