"""Reports: a results file as Markdown and as one HTML file; reads results, runs nothing."""

from __future__ import annotations

from pathlib import Path

from rabbench.records import Results

MARKDOWN, HTML = "report.md", "report.html"


def write(results: Results, out: Path) -> tuple[Path, Path]:
    """Write ``out/report.md`` and ``out/report.html`` and return their paths."""
    from rabbench.report import content, html, markdown
    from rabbench.store import write_text

    page = content.build(results)
    write_text(out / MARKDOWN, markdown.of(page))
    write_text(out / HTML, html.of(page))
    return out / MARKDOWN, out / HTML


def verdict(results: Results) -> list[str]:
    """The sentences that open the report."""
    from rabbench.report import content

    return list(content.build(results, draw=False).verdict)
