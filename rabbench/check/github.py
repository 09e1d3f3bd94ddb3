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

from rabbench.check.model import ORDER, CheckResult, Verdict
from rabbench.check.text import COLUMNS, NUMERIC, failures, lines, remarks
from rabbench.types import Better

ANNOTATIONS = 10  # of a kind, of one step: GitHub shows no more
SUMMARY = "GITHUB_STEP_SUMMARY"
SUMMARY_LIMIT = 1024 * 1024  # bytes of one step; above it GitHub drops the whole
KINDS = {"regression": "error", "missing": "error", "unclear": "warning"}


def annotated(verdict: Verdict, baseline: Path) -> Iterator[str]:
    """Workflow commands that mark the baseline's file; the last of a kind counts what is left."""
    for kind in ("error", "warning"):
        found = [one for one in failures(verdict) if KINDS[one.status] == kind]
        shown = found if len(found) <= ANNOTATIONS else found[: ANNOTATIONS - 1]
        for one in shown:
            yield _command(kind, baseline, one.status, f"{one.name}: {one.message}")
        if len(shown) < len(found):
            more = f"{len(found) - len(shown)} more; the step's summary has all"
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
    from rabbench.report.page import Page, Section, Table
    from rabbench.report.render import markdown

    table = Table(
        id="checks",
        caption="Counts: the most changed check of a phase; ratios: over all lengths",
        columns=COLUMNS,
        rows=[line.cells() for line in lines(verdict)],
        numeric=NUMERIC,
    )
    told = [*failures(verdict), *remarks(verdict)]
    wrong = Table(
        id="details",
        caption="What did not pass, and what fell",
        columns=("verdict", "what", "why"),
        rows=[(one.status, one.name, one.message) for one in told],
    )
    page = Page(
        title=f"rabbench check: {verdict.status}",
        subtitle=f"Against {baseline.as_posix()}",
        verdict=[verdict.sentence],
        sections=[
            Section(id="checks", title="Checks", tables=[table] if table.rows else ()),
            Section(id="details", title="Details", tables=[wrong] if told else (), detail=True),
        ],
    )
    return markdown.render_markdown(page)


def append_summary(verdict: Verdict, baseline: Path) -> Path | None:
    """Add the summary to the step's own, if it fits beside what is there; where it went."""
    given = os.environ.get(SUMMARY)
    if not given:
        return None
    path = Path(given)
    there = path.stat().st_size if path.exists() else 0
    text = summary(verdict, baseline)
    if there + len(text.encode()) >= SUMMARY_LIMIT:
        text = f"**{verdict.sentence}**\n"
    if there + len(text.encode()) >= SUMMARY_LIMIT:
        return None
    with path.open("a", encoding="utf-8") as file:
        file.write(text)
    return path


def benchmark(verdict: Verdict, better: Better) -> list[dict[str, Any]]:
    """What was measured, as github-action-benchmark reads it.

    Args:
        verdict: of the gate.
        better: ``lower`` for its tool ``customSmallerIsBetter``, ``higher`` for
            ``customBiggerIsBetter``; one file has one direction.
    """
    return [
        {
            "name": one.name,
            "unit": "score" if one.unit == "1" else one.unit,
            "value": one.head,
            "extra": _extra(one),
        }
        for one in verdict.findings
        if one.better == better and one.head is not None and one.unit != ORDER
    ]


def _extra(one: CheckResult) -> str:
    margin = f", margin {one.margin:.3f}×" if one.margin else ""
    return f"{one.status}; baseline {one.base:.6g}{margin}"
