"""The provenance section of a report: command, machine, versions, inputs."""

from __future__ import annotations

import shlex
from dataclasses import asdict, replace

from rabbench.report import build
from rabbench.report.page import Table
from rabbench.report.render import html, markdown
from rabbench.types import Results
from tests.config.test_echo import EVALUATION


def test_a_report_says_how_to_get_it_again(demo: Results) -> None:
    results = replace(demo, command="quality", config=asdict(EVALUATION))
    page = build.build_page(results, draw=False)
    section = page.sections[-1]
    assert section.id == "provenance"
    assert section.code[0] == "git checkout d78d442"
    assert (
        "Measured with rabbench 0.1.0 on Example CPU @ 2.5 GHz, 2 cores, 8.00 GiB"
        in (section.text[0])
    )
    tables: dict[str, Table] = {table.id: table for table in section.tables}
    assert tables["inputs"].rows[0] == (
        "data set", "beir/scifact", "https://example.org/scifact", "CC BY-NC 2.0",
        "9f86d081884c7d65",
    )  # fmt: skip
    assert ("model", "smollm2-135m", "–", "–", "–") in tables["inputs"].rows
    assert ("options.depth", "10") in tables["configuration"].rows
    assert ("torch", "2.13.0") in tables["software"].rows
    assert shlex.quote("bm25>>teacher,run:my runs/a.trec").replace("'", "&#39;").replace(
        ">", "&gt;"
    ) in html.render_html(page)
    assert "```sh\ngit checkout d78d442\nrabbench quality --suite beir" in markdown.render_markdown(
        page
    )
