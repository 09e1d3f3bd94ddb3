"""A report as one HTML file: no network, no script needed, light and dark, phone and print.

The page's words and tables come from ``content``; the template engine escapes every one of them.
"""

from __future__ import annotations

from rabbench.complexity import ORDERS
from rabbench.records import Results
from rabbench.report import content
from rabbench.report.page import Page


def render(results: Results) -> str:
    """The report of these results."""
    return of(content.build(results))


def of(page: Page) -> str:
    """A page as HTML; only the SVG that ``plot`` made is passed on unescaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("rabbench.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.get_template("report.html.j2")
    return template.render(page=page, strong=ORDERS)
