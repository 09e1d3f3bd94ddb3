"""Teacher over student: ratios of counts and times, with their intervals."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from rabbench.scaling.ratios import Ratio, cost_ratios
from rabbench.stats.intervals import Estimate
from rabbench.types import Measurement
from tests.report import synthetic


def ratios(rows: Iterable[Measurement]) -> list[Ratio]:
    """Of the teacher over the student alone."""
    return cost_ratios(rows, references=["teacher"], students=["rabtriever"])


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
