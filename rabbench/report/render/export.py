"""Results as text for other programs: rows as CSV or JSON, tables as LaTeX.

Reads results folders; CSV and JSON hold every row, whatever its kind or status.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import rabbench
from rabbench.report import comparison
from rabbench.report.build import build_page
from rabbench.report.page import Page
from rabbench.report.provenance import source_text
from rabbench.report.render import latex
from rabbench.results import SCHEMA, load_results, results_to_json

Kind = Literal["csv", "json", "latex"]


def text(kind: Kind, folders: Sequence[Path]) -> str:
    """These results in one piece; of several, each row or file with the run that it is of.

    Args:
        kind: ``csv`` and ``json`` hold the rows, JSON with their samples and all else that
            ``results.json`` has; ``latex`` the tables for a paper, of several folders those of
            their comparison.
        folders: one results folder or several.

    Raises:
        UsageError: if a folder is given twice.
        BadInputError: if one holds no readable results.
    """
    return {"csv": _csv, "json": _json, "latex": _latex}[kind](folders)


def _csv(folders: Sequence[Path]) -> str:
    if len(folders) == 1:
        return str(rabbench.frame(load_results(folders[0])).to_csv(index=False)).rstrip()
    import pandas as pd

    sides = comparison.gather(folders).sides
    frames = [rabbench.frame(side.results).assign(run=side.label) for side in sides]
    whole = pd.concat(frames, ignore_index=True)
    return str(whole[["run", *whole.columns.drop("run")]].to_csv(index=False)).rstrip()


def _json(folders: Sequence[Path]) -> str:
    if len(folders) == 1:
        return json.dumps(results_to_json(load_results(folders[0])), indent=1, allow_nan=False)
    runs: list[dict[str, Any]] = [
        {"run": side.label, **results_to_json(side.results)}
        for side in comparison.gather(folders).sides
    ]
    return json.dumps({"schema": SCHEMA, "runs": runs}, indent=1, allow_nan=False)


def _latex(folders: Sequence[Path]) -> str:
    if len(folders) == 1:
        results = load_results(folders[0])
        page = build_page(results, draw=False)
        return latex.render_latex(page, source=source_text(results)).rstrip()
    return _tables(comparison.build_page(comparison.gather(folders), draw=False))


def _tables(page: Page) -> str:
    shown = [section for section in page.sections if not section.detail]
    return "\n".join(latex.render_table(table) for one in shown for table in one.tables).rstrip()
