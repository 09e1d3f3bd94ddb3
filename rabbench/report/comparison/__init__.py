"""Several results side by side, written as a report."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from rabbench.report import HTML, MARKDOWN
from rabbench.report.comparison.compare import DATA, gather
from rabbench.types import UsageError


def write(folders: Sequence[Path], out: Path) -> tuple[list[str], list[Path]]:
    """Write ``report.md``, ``report.html`` and ``comparison.json`` of these folders to ``out``.

    Returns:
        The sentences that open the report, and the files.

    Raises:
        UsageError: if ``out`` is one of the folders, whose own report it would replace.
    """
    from rabbench.report.comparison import data
    from rabbench.report.comparison import page as comparison_page
    from rabbench.report.render import html, markdown
    from rabbench.results import write_text

    if out.resolve() in {folder.resolve() for folder in folders}:
        raise UsageError(f"--out {out} is one of the folders compared; choose another")
    found = gather(folders)
    page = comparison_page.build_page(found)
    text = json.dumps(data.of(found), indent=1, allow_nan=False)
    written = {
        MARKDOWN: markdown.render_markdown(page),
        HTML: html.render_html(page),
        DATA: f"{text}\n",
    }
    for name, content in written.items():
        write_text(out / name, content)
    return list(page.verdict), [out / name for name in written]
