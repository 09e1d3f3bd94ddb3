"""Results as text for other programs: rows as CSV or JSON, tables as LaTeX.

Reads results folders; CSV and JSON hold every row, whatever its kind or status.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import rabbench
from rabbench import store
from rabbench.report import compare, latex
from rabbench.report.page import Page

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
        return str(rabbench.frame(store.load(folders[0])).to_csv(index=False)).rstrip()
    import pandas as pd

    sides = compare.gather(folders).sides
    frames = [rabbench.frame(side.results).assign(run=side.label) for side in sides]
    whole = pd.concat(frames, ignore_index=True)
    return str(whole[["run", *whole.columns.drop("run")]].to_csv(index=False)).rstrip()


def _json(folders: Sequence[Path]) -> str:
    if len(folders) == 1:
        return json.dumps(store.to_json(store.load(folders[0])), indent=1, allow_nan=False)
    runs: list[dict[str, Any]] = [
        {"run": side.label, **store.to_json(side.results)} for side in compare.gather(folders).sides
    ]
    return json.dumps({"schema": store.SCHEMA, "runs": runs}, indent=1, allow_nan=False)


def _latex(folders: Sequence[Path]) -> str:
    if len(folders) == 1:
        return latex.render(store.load(folders[0])).rstrip()
    from rabbench.report import compare_page

    return _tables(compare_page.build(compare.gather(folders), draw=False))


def _tables(page: Page) -> str:
    shown = [section for section in page.sections if not section.detail]
    return "\n".join(latex.of(table) for one in shown for table in one.tables).rstrip()
