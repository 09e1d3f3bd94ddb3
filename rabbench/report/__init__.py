"""Reports: a results file as Markdown and as one HTML file; reads results, runs nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from rabbench.types import Results

MARKDOWN, HTML = "report.md", "report.html"


class Written(NamedTuple):
    """The report's files, the sentences that open it, and what a terminal shows of its tables."""

    paths: tuple[Path, Path]
    verdict: list[str]
    tables: list[list[str]]


def with_load(results: Results, load: Mapping[str, Any]) -> Results:
    """The same measurements, to be judged under another load (fields of ``break_even.Load``)."""
    if not load:
        return results
    recorded = results.config.get("breakeven") or {}
    return replace(results, config={**results.config, "breakeven": {**recorded, **load}})


def write(results: Results, out: Path) -> Written:
    """Write ``out/report.md`` and ``out/report.html``."""
    from rabbench.report import training
    from rabbench.report.build import build_page
    from rabbench.report.render.cells import table_lines
    from rabbench.report.render.html import render_html
    from rabbench.report.render.markdown import render_markdown
    from rabbench.results import write_file

    page = build_page(results)
    write_file(out / MARKDOWN, render_markdown(page))
    write_file(out / HTML, render_html(page))
    tables = [table for section in page.sections for table in section.tables]
    printed = [table_lines(table) for table in tables if table.id == training.ABLATION]
    return Written((out / MARKDOWN, out / HTML), list(page.verdict), printed)
