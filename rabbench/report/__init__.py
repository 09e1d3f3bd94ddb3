"""Reports: results as Markdown, as one HTML file, and as text for other programs; runs nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from rabbench.types import Results, UsageError

if TYPE_CHECKING:
    from rabbench.report.page import Page
    from rabbench.scaling.sides import Side

MARKDOWN, HTML, COMPARISON = "report.md", "report.html", "comparison.json"

Format = Literal["csv", "json", "latex"]
"""What results are exported as."""


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
    from rabbench.report.render import table_lines

    page = build_page(results)
    tables = [table for section in page.sections for table in section.tables]
    printed = [table_lines(table) for table in tables if table.id == training.ABLATION]
    return Written(_write_page(page, out), list(page.verdict), printed)


def write_comparison(folders: Sequence[Path], out: Path) -> tuple[list[str], list[Path]]:
    """Write ``report.md``, ``report.html`` and ``comparison.json`` of these folders to ``out``.

    Returns:
        The sentences that open the report, and the files.

    Raises:
        UsageError: if ``out`` is one of the folders, whose own report it would replace, or a folder
            is given twice.
        BadInputError: if one holds no readable results.
    """
    from rabbench.report import comparison
    from rabbench.results import write_file
    from rabbench.scaling.sides import load_sides

    if out.resolve() in {folder.resolve() for folder in folders}:
        raise UsageError(f"--out {out} is one of the folders compared; choose another")
    compared = comparison.Comparison(load_sides(folders))
    page = comparison.build_page(compared)
    data = comparison.comparison_data(compared, page)
    paths = [*_write_page(page, out), out / COMPARISON]
    write_file(out / COMPARISON, json.dumps(data, indent=1, allow_nan=False) + "\n")
    return list(page.verdict), paths


def _write_page(page: Page, out: Path) -> tuple[Path, Path]:
    from rabbench.report.render.html import render_html
    from rabbench.report.render.markdown import render_markdown
    from rabbench.results import write_file

    write_file(out / MARKDOWN, render_markdown(page))
    write_file(out / HTML, render_html(page))
    return out / MARKDOWN, out / HTML


def export(kind: Format, folders: Sequence[Path]) -> str:
    """These results in one piece; of several, each row or file with the run that it is of.

    Args:
        kind: ``csv`` and ``json`` hold every row, whatever its kind or status, JSON with its
            samples and all else that ``results.json`` has; ``latex`` the tables for a paper, of
            several folders those of their comparison.
        folders: one results folder or several.

    Raises:
        UsageError: if a folder is given twice.
        BadInputError: if one holds no readable results.
    """
    from rabbench.scaling.sides import load_sides

    sides = load_sides(folders)
    return {"csv": _csv, "json": _json, "latex": _latex}[kind](sides).rstrip()


def _csv(sides: Sequence[Side]) -> str:
    import pandas as pd

    from rabbench.results import frame

    frames = {side.label: frame(side.results) for side in sides}
    rows = pd.concat(frames, names=["run"]).reset_index("run")
    return str((rows if len(sides) > 1 else rows.drop(columns="run")).to_csv(index=False))


def _json(sides: Sequence[Side]) -> str:
    from rabbench.results import SCHEMA, results_to_json

    runs = [{"run": side.label, **results_to_json(side.results)} for side in sides]
    data = {"schema": SCHEMA, "runs": runs} if len(sides) > 1 else results_to_json(sides[0].results)
    return json.dumps(data, indent=1, allow_nan=False)


def _latex(sides: Sequence[Side]) -> str:
    from rabbench.report import build, comparison
    from rabbench.report.provenance import source_text
    from rabbench.report.render import latex

    if len(sides) == 1:
        results = sides[0].results
        page = build.build_page(results, draw=False)
        return latex.render_latex(page, source=source_text(results))
    page = comparison.build_page(comparison.Comparison(sides), draw=False)
    sections = [section for section in page.sections if not section.detail]
    return "\n".join(latex.render_table(table) for s in sections for table in s.tables)
