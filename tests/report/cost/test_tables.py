"""Costs and factors by length: intervals, the paper’s factor."""

from __future__ import annotations

from rabbench.report import build
from rabbench.report.cost.tables import row_cell
from rabbench.report.page import Page
from rabbench.report.render import cell_text
from tests.report import synthetic
from tests.report.pages import section, table, texts


def test_a_time_has_the_interval_of_its_median() -> None:
    """Of nine runs the second and the eighth (binomial, 96.1 %); of five there is none."""
    row = next(row for row in synthetic.scaling_rows() if row.measure == "latency")
    nine = row_cell(row.with_changes(value=5.0, samples=[9, 1, 8, 2, 7, 3, 6, 4, 5]))
    assert nine.interval == (2.0, 8.0)
    assert row_cell(row.with_changes(value=3.0, samples=[1, 2, 3, 4, 5])).interval is None
    lost = row_cell(row.with_changes(value=None, status="oom", samples=()))
    assert cell_text(lost) == "not measured (oom)"


def test_the_papers_factor_stands_beside_ours(full: Page) -> None:
    text = section(full, "cost-latency").text[0]
    assert "Qwen2-7B-Instruct on 8×A100: 980 ms for its teacher and 95.0 ms" in text
    assert "Machine, model and documents differ" in text
    factors = table(full, "paper-factor")
    assert texts(factors)[0][1:] == ["not given", "980 ms", "95.0 ms", "10.3×", "not given"]
    sweep = "here: smollm2-135m, cpu, float32, sdpa"
    measured = [row for row in factors.cells if row[0].value == sweep]
    assert measured[-1][1].value == 4096
    factor = measured[0][4]
    assert isinstance(factor.value, float)
    assert factor.interval is not None
    assert factor.interval[0] <= factor.value <= factor.interval[1]


def test_no_factor_stands_beside_the_papers_where_none_was_timed() -> None:
    rows = [row for row in synthetic.scaling_rows() if row.system != "rabtriever"]
    page = build.build_page(synthetic.results("scaling", rows), draw=False)
    ids = [table.id for section in page.sections for table in section.tables]
    assert "latency-score" in ids
    assert "paper-factor" not in ids
    assert not any(
        "Qwen2-7B-Instruct" in text for section in page.sections for text in section.text
    )
