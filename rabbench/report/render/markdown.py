"""A report as GitHub-flavoured Markdown: the same words and tables as the HTML, no figures.

Stays under the size a GitHub step summary may have; above it the detailed sections are left out,
and the report says so.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import replace

from rabbench.report.page import Cell, Page, Section, Table
from rabbench.report.render import cell_text

LIMIT = 1000 * 1024  # GitHub drops a step summary above 1,024 KiB whole

CUT = Section(
    id="cut",
    title="Left out",
    text=("Sections are left out here to stay under GitHub’s limit: report.html has them.",),
)

TICKS = re.compile(r"`+")
SPECIAL = re.compile(r"([\\`*_\[\]|~#])")


def render_markdown(page: Page) -> str:
    """A page as Markdown."""
    text, sections = _page(page), list(page.sections)
    while len(text.encode()) > LIMIT and sections:
        details = [section for section in sections if section.detail]
        sections.remove(details[-1] if details else sections[-1])
        text = _page(replace(page, sections=[*sections, CUT]))
    return text


def _escape(text: str) -> str:
    """Text that Markdown and the HTML inside it leave as it is, on one line."""
    text = text.replace("\n", ", ")
    return SPECIAL.sub(r"\\\1", html.escape(" ".join(text.split()), quote=False))


def _page(page: Page) -> str:
    parts = [f"# {_escape(page.title)}", _escape(page.subtitle)]
    parts += [f"**{_escape(sentence)}**" for sentence in page.verdict]
    figures = [
        f"- **{_escape(figure.value)}** – {_escape(figure.label)}"
        + (f" ({_escape(figure.note)})" if figure.note else "")
        for figure in page.key_figures
    ]
    parts.append("\n".join(figures))
    if page.warnings:
        parts.append("> [!WARNING]\n" + "\n".join(f"> - {_escape(w)}" for w in page.warnings))
    if page.findings and list(page.findings) != list(page.verdict):
        parts.append("## All findings\n\n" + "\n".join(f"- {_escape(f)}" for f in page.findings))
    parts += [_section(s) for s in page.sections if s.text or s.tables or s.code]
    return "\n\n".join(filter(None, parts)) + "\n"


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
    rows += [[_cell(cell) for cell in row] for row in table.cells]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _cell(cell: Cell) -> str:
    text = _escape(cell_text(cell))
    return f"**{text}**" if cell.best else text
