"""Factors teacher over student, and numbers in words."""

from __future__ import annotations

import pytest

from rabbench.report.cost.tables import ratios
from rabbench.report.page import Table
from rabbench.report.wording import amount, between, digits, duration, interval, times
from rabbench.stats.intervals import Estimate
from tests.report import synthetic


def test_ratios_state_the_pair_alone_and_with_the_query() -> None:
    found = ratios(synthetic.scaling_rows())
    last = [ratio for ratio in found if ratio.doc_len == 4096]
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
    both = [
        row.with_changes(params={"attention": kind})
        for row in synthetic.scaling_rows()
        for kind in ("sdpa", "eager")
    ]
    found = [ratio for ratio in ratios(both) if ratio.measure == "latency"]
    assert sorted({ratio.key["attention"] for ratio in found}) == ["eager", "sdpa"]
    assert len(found) == 2 * len(synthetic.LENGTHS)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (1.25e12, "FLOP", "1.25 TFLOP"),
        (2048, "FLOP", "2.05 kFLOP"),
        (0.0953, "s", "95.3 ms"),
        (61e-6, "s", "61.0 µs"),
        (980.0, "s", "980 s"),
        (412 * 2**20, "B", "412 MiB"),
        (0, "B", "0 B"),
        (2.9e-7, "s/token²", "290 ns/token²"),
        (69120, "FLOP/token²", "69.1 kFLOP/token²"),
        (0.6761, "1", "0.676"),
        (12.5, "W", "12.5 W"),
        (-3.0e6, "B", "-2.86 MiB"),
        (-0.000549, "B/token²", "-5.49e-04 B/token²"),
    ],
)
def test_amounts_read_well(value: float, unit: str, text: str) -> None:
    assert amount(value, unit) == text


def test_factors_and_intervals_read_well() -> None:
    assert times(3.4) == "3.40×"
    assert times(143_228) == "143,000×"
    assert times(1.2e6) == "1.20\u00a0million×"
    assert times(float("nan")) == "–"
    assert digits(0) == "0"
    assert (digits(9.999), digits(99.96), digits(0.09996)) == ("10.0", "100", "0.100")
    assert between(Estimate(2.0, 1.9, 2.1)) == "2.00× (1.90× to 2.10×)"
    assert between(Estimate(2.0)) == "2.00×"
    assert interval(Estimate(1.0, 1.0, 1.0), "s") == "exact"
    assert interval(Estimate(3e-7, 2.6e-7, 3.4e-7), "s/token²") == "260 to 340 ns/token²"
    assert interval(Estimate(1e-3, 9e-4, 1.1e-3), "s") == "900 µs to 1.10 ms"
    assert interval(Estimate(1.0), "s") == "–"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.09, "90.0 ms"),
        (119.0, "119 s"),
        (880.0, "14.7 min"),
        (87_429, "24.3 h"),
        (9e6, "104 days"),
    ],
)
def test_durations_read_well(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_table_refuses_a_row_of_another_width() -> None:
    with pytest.raises(ValueError, match="table t: 1 cells under 2 headings"):
        Table("t", "caption", ("a", "b"), [("only",)])
