"""A verdict for GitHub: annotations, the step summary, and github-action-benchmark's JSON.

Knows findings and those formats; prints nothing and writes no file but the summary's.

Sources: docs.github.com, "Workflow commands for GitHub Actions" (escapes, the summary's 1 MiB, ten
annotations of a kind a step); github.com/benchmark-action/github-action-benchmark (custom tools).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rabbench.check.model import ORDER, Verdict
from rabbench.check.text import failures, noted, verdict_table
from rabbench.report.page import Page, Section, Table
from rabbench.report.render import markdown
from rabbench.types import Better

ANNOTATIONS = 10  # of a kind, of one step: GitHub shows no more
SUMMARY = "GITHUB_STEP_SUMMARY"
SUMMARY_LIMIT = 1024 * 1024  # bytes of one step; above it GitHub drops the whole
KINDS = {"regression": "error", "missing": "error", "unclear": "warning"}


def annotated(verdict: Verdict, baseline: Path) -> Iterator[str]:
    """Workflow commands that mark the baseline's file; the last of a kind counts what is left."""
    for kind in ("error", "warning"):
        failed = [result for result in failures(verdict) if KINDS[result.status] == kind]
        first = failed if len(failed) <= ANNOTATIONS else failed[: ANNOTATIONS - 1]
        for result in first:
            yield _command(kind, baseline, result.status, f"{result.name}: {result.message}")
        if len(first) < len(failed):
            more = f"{len(failed) - len(first)} more; the step's summary has all"
            yield _command(kind, baseline, "rabbench check", more)
    if not verdict.findings:
        yield _command("error", baseline, verdict.status, verdict.sentence)


def _command(kind: str, file: Path, title: str, message: str) -> str:
    where = _property(file.as_posix())
    return f"::{kind} file={where},title={_property(title)}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def summary(verdict: Verdict, baseline: Path) -> str:
    """The verdict as Markdown, below the size that a step summary may have."""
    table, results = verdict_table(verdict), noted(verdict)
    details = Table(
        id="details",
        caption="What did not pass, and what fell",
        columns=("verdict", "what", "why"),
        rows=[(result.status, result.name, result.message) for result in results],
    )
    page = Page(
        title=f"rabbench check: {verdict.status}",
        subtitle=f"Against {baseline.as_posix()}",
        verdict=[verdict.sentence],
        sections=[
            Section(id="checks", title="Checks", tables=[table] if table.rows else ()),
            Section(
                id="details", title="Details", tables=[details] if results else (), detail=True
            ),
        ],
    )
    return markdown.render_markdown(page)


def append_summary(verdict: Verdict, baseline: Path) -> Path | None:
    """Add the summary to the step's own, if it fits beside what is there; where it went."""
    if not os.environ.get(SUMMARY):
        return None
    path = Path(os.environ[SUMMARY])
    size = path.stat().st_size if path.exists() else 0
    text = summary(verdict, baseline)
    if size + len(text.encode()) >= SUMMARY_LIMIT:
        text = f"**{verdict.sentence}**\n"
    if size + len(text.encode()) >= SUMMARY_LIMIT:
        return None
    with path.open("a", encoding="utf-8") as file:
        file.write(text)
    return path


def benchmark(verdict: Verdict, better: Better) -> list[dict[str, Any]]:
    """What was measured, as github-action-benchmark reads it; one file has one direction.

    ``lower`` is for its tool ``customSmallerIsBetter``, ``higher`` for ``customBiggerIsBetter``.
    """
    return [
        {
            "name": result.name,
            "unit": "score" if result.unit == "1" else result.unit,
            "value": result.head,
            "extra": f"{result.status}; baseline {result.base:.6g}"
            + (f", margin {result.margin:.3f}×" if result.margin else ""),
        }
        for result in verdict.findings
        if result.better == better and result.head is not None and result.unit != ORDER
    ]
