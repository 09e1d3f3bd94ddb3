"""A report as one HTML file: no network, no script needed, light and dark, phone and print.

The page's words and tables come from ``content``; the template engine escapes every one of them.
"""

from __future__ import annotations

from rabbench.records import Results
from rabbench.report import content


def render(results: Results) -> str:
    """The report of these results; only the SVG that ``plot`` made is passed on unescaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("rabbench.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2").render(page=content.build(results))
