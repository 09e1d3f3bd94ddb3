"""Costs and factors by length: intervals, the paper’s factor."""

from __future__ import annotations

import pytest

from rabbench.report import build
from rabbench.report.cost.tables import ratios, row_cell
from rabbench.report.page import Page
from rabbench.report.render import cell_text
from rabbench.stats.intervals import Estimate
from tests.report import synthetic
from tests.report.pages import section, table, texts


def test_ratios_state_the_pair_alone_and_with_the_query() -> None:
    factors = ratios(synthetic.scaling_rows())
    last = [ratio for ratio in factors if ratio.doc_len == 4096]
    dense = next(r for r in last if r.measure == "flops" and r.key["pairs"] == "dense")
    teacher = synthetic.flops("teacher", "score", 4096, "dense")
    query = synthetic.flops("rabtriever", "query", 4096, "dense")
    assert dense.score == Estimate(teacher / 2048, teacher / 2048, teacher / 2048)
    assert dense.with_query is not None
    assert dense.with_query.value == pytest.approx(teacher / (2048 + query))


def test_latency_ratios_have_an_interval_around_the_truth() -> None:
    measured = ratios(synthetic.scaling_rows(seed=5))
    latencies = [ratio for ratio in measured if ratio.measure == "latency"]
    assert latencies
    for ratio in latencies:
        true = synthetic.seconds("teacher", "score", ratio.doc_len) / 6.1e-5
        assert ratio.score.low <= ratio.score.value <= ratio.score.high
        assert ratio.score.low * 0.95 < true < ratio.score.high * 1.05


def test_memory_is_not_added_up() -> None:
    memory = [r for r in ratios(synthetic.scaling_rows()) if r.measure == "working_memory"]
    assert memory
    assert all(ratio.with_query is None for ratio in memory)


def test_causal_counts_meet_a_score_that_has_none() -> None:
    rows = [
        row
        for row in synthetic.scaling_rows()
        if not (row.phase == "score" and row.system == "rabtriever")
        or row.params.get("pairs") != "causal"
    ]
    assert [r for r in ratios(rows) if r.key.get("pairs") == "causal"]


def test_attention_is_compared_within_itself() -> None:
    rows = [
        row.with_changes(params={"attention": kind})
        for row in synthetic.scaling_rows()
        for kind in ("sdpa", "eager")
    ]
    factors = [ratio for ratio in ratios(rows) if ratio.measure == "latency"]
    assert sorted({ratio.key["attention"] for ratio in factors}) == ["eager", "sdpa"]
    assert len(factors) == 2 * len(synthetic.LENGTHS)


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
