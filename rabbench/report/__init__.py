"""Reports: a results file as Markdown and as one HTML file; reads results, runs nothing."""

from __future__ import annotations

from pathlib import Path

from rabbench.records import Results

MARKDOWN, HTML = "report.md", "report.html"


def write(results: Results, out: Path) -> tuple[Path, Path]:
    """Write ``out/report.md`` and ``out/report.html`` and return their paths."""
    from rabbench.report import html, markdown
    from rabbench.store import write_text

    write_text(out / MARKDOWN, markdown.render(results))
    write_text(out / HTML, html.render(results))
    return out / MARKDOWN, out / HTML
