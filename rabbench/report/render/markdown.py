"""A report as GitHub-flavoured Markdown: the same words and tables as the HTML, no figures.

Stays under the size a GitHub step summary may have; above it the detailed sections are left out,
and the report says so.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import replace

from rabbench.report import build
from rabbench.report.page import Page, Section, Table
from rabbench.report.render.cells import cell_text
from rabbench.types import Results

LIMIT = 1000 * 1024  # GitHub drops a step summary above 1,024 KiB whole

CUT = Section(
    id="cut",
    title="Left out",
    text=("Sections are left out here to stay under GitHub’s limit: report.html has them.",),
)

TICKS = re.compile(r"`+")
SPECIAL = re.compile(r"([\\`*_\[\]|~#])")


def render_results(results: Results) -> str:
    """The report of these results."""
    return render_markdown(build.build_page(results, draw=False))


def render_markdown(page: Page) -> str:
    """A page as Markdown."""
    text, kept = _page(page), list(page.sections)
    while len(text.encode()) > LIMIT and kept:
        details = [one for one in kept if one.detail]
        kept.remove(details[-1] if details else kept[-1])
        text = _page(replace(page, sections=[*kept, CUT]))
    return text


def _escape(text: str) -> str:
    """Text that Markdown and the HTML inside it leave as it is, on one line."""
    text = text.replace("\n", ", ")
    return SPECIAL.sub(r"\\\1", html.escape(" ".join(text.split()), quote=False))


def _page(page: Page) -> str:
    parts = [f"# {_escape(page.title)}", _escape(page.subtitle)]
    parts += [f"**{_escape(sentence)}**" for sentence in page.verdict]
    if page.key_figures:
        parts.append(
            "\n".join(
                f"- **{_escape(one.value)}** – {_escape(one.label)}"
                + (f" ({_escape(one.note)})" if one.note else "")
                for one in page.key_figures
            )
        )
    if page.warnings:
        lines = "\n".join(f"> - {_escape(warning)}" for warning in page.warnings)
        parts.append(f"> [!WARNING]\n{lines}")
    if page.findings and list(page.findings) != list(page.verdict):
        lines = "\n".join(f"- {_escape(sentence)}" for sentence in page.findings)
        parts.append(f"## All findings\n\n{lines}")
    written = [one for one in page.sections if one.text or one.tables or one.code]
    parts += [_section(section) for section in written]
    return "\n\n".join(part for part in parts if part) + "\n"


def _section(section: Section) -> str:
    parts = [f"## {_escape(section.title)}", *map(_escape, section.text)]
    if section.code:
        parts.append(_code(section.code))
    for table in section.tables:
        parts += [f"### {_escape(table.caption)}", _table(table)]
    return "\n\n".join(parts)


def _code(lines: Sequence[str]) -> str:
    """Lines to be copied, in a fence that none of them can close."""
    fence = "`" * max(3, *(len(run) + 1 for line in lines for run in TICKS.findall(line)), 0)
    return "\n".join([f"{fence}sh", *(" ".join(line.split()) for line in lines), fence])


def _table(table: Table) -> str:
    rule = ["---:" if i in table.numbers else "---" for i in range(len(table.headings))]
    rows = [[_escape(heading.name) for heading in table.headings], rule]
    rows += [[_escape(cell_text(cell)) for cell in row] for row in table.cells]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
