"""Predictions against measurements; a slower machine is told from a wrong prediction."""

from __future__ import annotations

import pytest

from rabbench import plan
from tests.plan.synthetic import build_plan, results, row


def test_a_prediction_meets_its_measurement() -> None:
    compute = {"bound": "compute"}
    predicted = build_plan(
        rows=(
            row("latency", 1.05, "s", params=compute),
            row("latency", 3.0, "s", params={**compute, "doc_len": 1024}),
            row("flops", 10.0, "FLOP", params={"pairs": "dense"}),
            row("working_memory", 80.0, "B"),
            row("latency", 1.0, "s", params={**compute, "doc_len": 4096}),
        )
    )
    predictions = plan.compare(
        predicted,
        results(
            row("latency", 1.0, "s"),
            row("latency", 2.0, "s", params={"doc_len": 1024}),
            row("flops", 10.0, "FLOP", params={"pairs": "dense"}),
            row("flops", 6.0, "FLOP", params={"pairs": "causal"}),
            row("working_memory", 100.0, "B"),
        ),
    )
    ratios = {(p.measure, p.params["doc_len"]): p.ratio for p in predictions}
    assert ratios == {
        ("latency", 512): 1.05,
        ("latency", 1024): 1.5,
        ("flops", 512): 1.0,
        ("working_memory", 512): 0.8,
    }


def test_a_machine_that_slowed_down_since_the_calibration_is_told_from_a_wrong_prediction() -> None:
    compute = {"bound": "compute", "beside_s": 0.01, "run_s": 1.0}
    predicted = build_plan(
        rows=(
            row("latency", 1.0, "s", params=compute),
            row("latency", 2.0, "s", params={**compute, "bound": "memory", "doc_len": 1024}),
            row("latency", 3.0, "s", params={"bound": "compute", "doc_len": 2048}),
        )
    )
    slow = {"beside_s": 0.015, "times_beside": 100.0}
    measured = results(
        row("latency", 1.5, "s", params=slow),
        row("latency", 2.0, "s", params={**slow, "doc_len": 1024}),
        row("latency", 3.0, "s", params={**slow, "doc_len": 2048}),
    )
    first, memory, unknown = plan.compare(predicted, measured)
    assert first.ratio == pytest.approx(1 / 1.5)
    assert first.slowdown == pytest.approx(1.5)
    assert first.ratio_at_speed == pytest.approx(1.0)
    assert memory.ratio_at_speed is None  # said of times that the FLOPs bound
    assert (unknown.slowdown, unknown.ratio_at_speed) == (None, None)
