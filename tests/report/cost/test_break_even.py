"""The break-even in a report: words, tables, maps, and another load."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rabbench import report
from rabbench.report import build
from rabbench.report.cost.break_even import query_cell, when
from rabbench.report.page import Page
from rabbench.report.render import cell_text, html
from rabbench.results import load_results, save_results
from rabbench.scaling.break_even import BreakEven
from rabbench.stats.intervals import Estimate
from tests.report import synthetic
from tests.report.pages import cells, headings, section, table, texts


def test_the_break_even_is_said_tabled_and_drawn(full: Page) -> None:
    sentences = [
        sentence for sentence in full.findings if "costs less than the teacher from" in sentence
    ]
    assert sentences[0].startswith(
        "With 1,000 documents of 4,096 tokens indexed once and 100 of them scored for each query, "
        "the student costs less than the teacher from the 10th query on in FLOPs and from the 10th"
    )
    assert "; than the cached teacher from the first query on in FLOPs and from the" in sentences[0]
    assert sentences[0].endswith("The student’s training is not measured and left out.")
    assert sentences[1].startswith(
        "Likewise the chunked student costs less than the teacher from the"
    )
    flops = table(full, "break-even-flops")
    assert headings(flops)[1] == "rabtriever below teacher · sdpa"
    assert [row[1].value for row in flops.cells] == [8, 9, 9, 10, 10, 10, 10, 10]
    assert texts(table(full, "break-even-load"))[1][:2] == ["the teacher", "1,000"]
    totals = table(full, "totals")
    size = cells(totals, "teacher-cached", "FLOPs")["index kept"]
    assert (size.value, size.unit) == (1000 * 4.0 * 2 * 30 * 192 * (4096 + 8), "B")
    assert cells(totals, "teacher · eager", "Time")["once"].words == "not measured"
    break_even = section(full, "break-even")
    assert [figure.id for figure in break_even.figures] == [
        "fig-break-even-teacher",
        "fig-break-even-teacher-cached",
    ]
    assert "from the 10th query on (10th to 11th) at 4,096 tokens" in break_even.figures[0].alt
    assert [table.id for table in break_even.tables if not table.folded] == ["break-even-latency"]
    assert "under 10 hours on 8 A100" in break_even.text[1]
    assert "10th query" in {key.value for key in full.key_figures}


def test_the_load_comes_from_the_configuration() -> None:
    load = {"n_docs": 500, "k": 10, "training_flops": 1e18, "price_gb_month": 0.02, "other": 1}
    results = synthetic.results("scaling", synthetic.scaling_rows())
    page = build.build_page(replace(results, config={"breakeven": load}), draw=False)
    (sentence,) = [
        sentence for sentence in page.findings if sentence.startswith("With 500 documents")
    ]
    assert "and 10 of them scored for each query" in sentence
    assert sentence.endswith(
        "The student’s training is counted in (1.00 EFLOP); what it took in time is not measured "
        "and left out."
    )
    assert headings(table(page, "totals"))[-1] == "its price a month"


def test_finished_results_are_judged_again_under_another_load(tmp_path: Path) -> None:
    measured = replace(synthetic.results("scaling", synthetic.scaling_rows()), config={})
    save_results(measured, tmp_path)
    before = (tmp_path / "results.json").read_text()
    judged = report.with_load(load_results(tmp_path), {"n_docs": 50, "training_s": 7200.0})
    verdict = report.write(judged, tmp_path).verdict
    assert any(line.endswith("in time, its training counted in.") for line in verdict)
    assert any(
        line.startswith("With 50 documents of 4,096 tokens indexed once and 50 of them")
        and line.endswith(
            "The student’s training is counted in (7,200 s); what it took in FLOPs "
            "is not measured and left out."
        )
        for line in build.build_page(judged, draw=False).findings
    )
    assert (tmp_path / "results.json").read_text() == before
    merged = report.with_load(
        replace(judged, config={"breakeven": {"n_docs": 9, "k": 3}}), {"k": 2}
    )
    assert merged.config["breakeven"] == {"n_docs": 9, "k": 2}


def test_without_a_teacher_and_its_student_there_is_no_break_even() -> None:
    for systems in ({"bm25", "dense"}, {"teacher"}, {"rabtriever", "bm25"}):
        rows = [row for row in synthetic.scaling_rows() if row.system in systems]
        page = build.build_page(synthetic.results("scaling", rows))
        assert not any(section.id == "break-even" for section in page.sections)
        assert not any("costs less" in sentence for sentence in page.verdict)
        assert "<h1>" in html.render_html(page)


def test_a_break_even_without_its_index_is_not_measured() -> None:
    rows = [
        row
        for row in synthetic.scaling_rows()
        if (row.system, row.phase) != ("rabtriever", "index")
    ]
    page = build.build_page(synthetic.results("scaling", rows))
    assert not any("costs less" in sentence for sentence in page.verdict)
    words = {row[1].words for row in table(page, "break-even-flops").cells}
    assert words == {"not measured (rabtriever index (no row))"}


@pytest.mark.parametrize(
    ("kind", "queries", "last", "text", "clause"),
    [
        ("always", (1, 1, 1), None, "1", "from the first query on"),
        ("from", (3, 3, 3), None, "3", "from the 3rd query on"),
        ("from", (12, 11, 1002), None, "12 (11 to 1,002)", "12th query on (11th to 1,002nd)"),
        ("from", (21, 4, math.inf), None, "21 (from 4)", "21st query on (4th or later)"),
        ("from", (2, -math.inf, math.inf), None, "2", "from the 2nd query on"),
        ("never", (math.inf,) * 3, None, "never", "at no number of queries"),
        ("never", (math.inf, 90, math.inf), None, "never (from 90)", "at no number of queries"),
        ("until", (1, 1, 1), 7, "1 to 7 only", "for the first 7 queries only"),
    ],
)
def test_break_evens_in_words(
    kind: Any, queries: tuple[float, float, float], last: int | None, text: str, clause: str
) -> None:
    result = BreakEven(
        student="rabtriever",
        reference="teacher",
        measure="flops",
        doc_len=1,
        key={},
        kind=kind,
        queries=Estimate(*queries),
        last=last,
    )
    assert cell_text(query_cell(result)) == text
    assert when(result).endswith(clause)
