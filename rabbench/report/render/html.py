"""A report as one HTML file: no network, no script needed, light and dark, phone and print.

The page's words and tables come from ``build``; the template engine escapes every one of them.
A small script sorts tables, saves figures and keeps the contents in step; without it all is there.
"""

from __future__ import annotations

from urllib.parse import quote

from rabbench.report.page import Page, Section, Table
from rabbench.report.render import lines, sort_key, table_csv

GROUPS = ("Summary", "Cost", "Quality", "Training", "About", "")
"""The parts of the table of contents, in their order; sections without a group come last."""


def render_html(page: Page) -> str:
    """A page as HTML; only the SVG that ``svg`` made is passed on unescaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("rabbench.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(lines=lines, sort_key=sort_key, address=address)
    template = environment.get_template("report.html.j2")
    return template.render(page=page, contents=contents(page))


def contents(page: Page) -> list[tuple[str, list[Section]]]:
    """The table of contents: the sections of each group."""
    groups: dict[str, list[Section]] = {name: [] for name in GROUPS}
    for section in page.sections:
        groups.setdefault(section.group, []).append(section)
    return [(name, sections) for name, sections in groups.items() if sections]


def address(data: Table) -> str:
    """The CSV of a figure as a link that holds it."""
    return f"data:text/csv;charset=utf-8,{quote(table_csv(data), safe='')}"
