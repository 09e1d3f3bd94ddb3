"""Files that follow from results, recomputed from the raw rows and compared: fits and tables.

Configuration and environment as files of their own, every fit as numbers, and the report in
Markdown; of the HTML only the hash is verified. Writes nothing.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import rabbench
from rabbench.bundle.reader import Content
from rabbench.bundle.verify_result import VerifyResult, agrees, disagrees, unverified
from rabbench.report import MARKDOWN, build
from rabbench.report.render import markdown
from rabbench.scaling.fits import fit_sweeps
from rabbench.scaling.labels import is_cost
from rabbench.types import BadInputError, Results

FIT, DERIVED, REPORT = "fit", "derived", "report"
CONFIG, ENVIRONMENT, FITS = "config.json", "environment.json", "fits.json"
IDENTITY = ("system", "phase", "measure", "key")
FIT_FIELDS = (
    *IDENTITY, "unit", "lengths", "order", "exact", "verdict", "coefficients", "leading",
    "exponent", "crossover", "growth", "residual", "failed",
)  # fmt: skip
CLOSE = 1e-6  # relative: least squares and seeded resampling on another processor
LOAD_SECTIONS = frozenset({"break-even", "provenance"})
"""Sections that a report may show for another break-even load than the recorded one."""


def derived_files(results: Results) -> dict[str, Any]:
    """The content of each derived file as JSON holds it; of a fit ``FIT_FIELDS``."""
    contents: dict[str, Any] = {CONFIG: dict(results.config)}
    contents[ENVIRONMENT] = dict(results.environment)
    fits = map(asdict, fit_sweeps(row for row in results.rows if is_cost(row)))
    records = [_through_json({name: fit[name] for name in FIT_FIELDS}) for fit in fits]
    return {**contents, FITS: records} if records else contents


def _through_json(value: Any) -> Any:
    """The value as JSON gives it back: tuples become lists, infinity and NaN null."""
    return json.loads(json.dumps(value), parse_constant=lambda _: None)


def verify_growth(content: Content, results: Results) -> Iterator[VerifyResult]:
    """A line for each derived file, each fit and each table of the report."""
    recomputed = {name: _through_json(d) for name, d in derived_files(results).items()}
    for name in (CONFIG, ENVIRONMENT):
        if (path := content.path(name)) is not None:
            equal = _read(path) == recomputed[name]
            detail = "as in results.json" if equal else "is not what results.json says"
            yield (agrees if equal else disagrees)(DERIVED, name, detail)
    fits, fits_path = recomputed.get(FITS, []), content.path(FITS)
    if fits and fits_path is not None:
        yield from _verify_fits(_read(fits_path), fits)
    report = content.path(MARKDOWN)
    if report is not None:
        release = content.manifest.release if content.manifest else rabbench.__version__
        text = report.read_text(encoding="utf-8", errors="replace")
        yield from _verify_tables(text, results, release)
    elif fits and fits_path is None:
        detail = f"neither {FITS} nor {MARKDOWN} is there to compare with"
        yield unverified(FIT, "all", detail)


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise BadInputError(f"{path.name} is damaged: {error}; bundle again") from None


def _identity(fit: Mapping[str, Any]) -> str:
    return json.dumps([fit.get(name) for name in IDENTITY], sort_keys=True)


def _label(fit: Mapping[str, Any]) -> str:
    return " ".join(str(fit.get(name)) for name in ("system", "phase", "measure"))


def _verify_fits(raw: Any, recomputed: Sequence[Mapping[str, Any]]) -> Iterator[VerifyResult]:
    """A line for each fit: order, verdict, coefficients and bounds."""
    fits = [fit for fit in raw if isinstance(fit, Mapping)] if isinstance(raw, list) else []
    bundled = {_identity(fit): fit for fit in fits}
    for fit in recomputed:
        pairs = fit["key"].get("pairs")
        about = f"{_label(fit)} ({pairs})" if pairs else _label(fit)
        packed = bundled.pop(_identity(fit), None)
        if packed is None:
            yield disagrees(FIT, about, f"is not in {FITS}")
            continue
        differing = [name for name in FIT_FIELDS if not same(packed.get(name), fit[name])]
        if differing:
            name = differing[0]
            detail = f"{name} is given as {_brief(packed.get(name))}, found {_brief(fit[name])}"
            yield disagrees(FIT, about, detail)
        else:
            yield agrees(FIT, about, f"{fit['order']}, {len(fit['lengths'])} lengths")
    for fit in bundled.values():
        yield disagrees(FIT, _label(fit), "is a fit of no rows in results.json")


def same(a: Any, b: Any) -> bool:
    """Whether two values from JSON are the same, numbers up to rounding."""
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return math.isclose(a, b, rel_tol=CLOSE, abs_tol=1e-300)
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in b)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)


def _brief(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 120 else f"{text[:117]}…"


def _verify_tables(report: str, results: Results, release: str) -> Iterator[VerifyResult]:
    """A line for each table: whether the report has every line of it as recomputed.

    Another release may word the same otherwise; a difference is then not verified.
    """
    differs, remark = disagrees, "'rabbench report DIR' writes the report of this release"
    if release != rabbench.__version__:
        differs = unverified
        remark = f"bundled by release {release}, verified by {rabbench.__version__}"
    page = build.build_page(results, draw=False)
    sections = [section for section in page.sections if section.id in LOAD_SECTIONS]
    skipped = {table.caption for section in sections for table in section.tables}
    packed_tables = tables_by_caption(report)
    for caption, lines in tables_by_caption(markdown.render_markdown(page)).items():
        about = caption.replace("\\", "")
        packed = packed_tables.get(caption)
        if about in skipped:
            continue
        if packed is None:
            yield unverified(REPORT, about, f"{MARKDOWN} has no such table ({remark})")
            continue
        lacking = [line for line in lines if line not in packed]
        extra = [line for line in packed if line not in lines]
        if lacking or extra:
            where = "has" if extra else "lacks"
            count = _lines(max(len(lacking), len(extra)))
            line = (extra or lacking)[0][:160]
            detail = f"{count} not as recomputed: {MARKDOWN} {where} {line} ({remark})"
            yield differs(REPORT, about, detail)
        else:
            yield agrees(REPORT, about, f"{_lines(len(lines) - 2)} as recomputed")


def _lines(count: int) -> str:
    return f"{count} line" if count == 1 else f"{count} lines"


def tables_by_caption(text: str) -> dict[str, list[str]]:
    """The tables of a report in Markdown: their lines by the heading before them."""
    tables: dict[str, list[str]] = {}
    caption = ""
    for line in text.splitlines():
        if line.startswith("#"):
            caption = line.lstrip("# ")
        elif line.startswith("|"):
            tables.setdefault(caption, []).append(line)
    return tables
