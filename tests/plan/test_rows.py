"""A plan's rows: predictions against measurements, and the shares of measured rates, by hand."""

from __future__ import annotations

import pytest

from rabbench import plan
from rabbench.plan.calibration import Calibration, Timing
from rabbench.plan.rows import roofline_rows
from tests.plan.synthetic import build_plan, results, row

CALIBRATION = Calibration(
    machine="m",
    device="cpu",
    dtype="float32",
    threads=1,
    versions={},
    date="",
    timings=(
        Timing(kind="matmul", size={}, work=1e9, unit="FLOP", samples=(1.0,)),
        Timing(kind="copy", size={}, work=1e7, unit="B", samples=(1.0,)),
    ),
)
"""A GFLOP and 10 MB a second: 100 FLOPs a byte at the ridge."""

RESULTS = results(
    row("flops", 1e8, "FLOP", params={"pairs": "dense"}),
    row("flops", 6e7, "FLOP", params={"pairs": "causal"}),
    row("latency", 2.0, "s"),
    row("latency", 0.5, "s", system="rabtriever", phase="query"),
)


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
    ratios = {(p.row.measure, p.row.params["doc_len"]): p.ratio for p in predictions}
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


def test_a_phase_with_many_flops_a_byte_is_set_over_the_product_rate() -> None:
    (fraction,) = roofline_rows(RESULTS, CALIBRATION, {"m": 1e5})
    assert (fraction.value, fraction.params["flop_per_s"]) == (pytest.approx(0.05), 5e7)
    assert (fraction.params["flop_per_byte"], fraction.params["bound"]) == (1e3, "compute")
    assert fraction.params["of_roof"] == pytest.approx(0.05)


def test_a_phase_with_few_flops_a_byte_is_set_over_the_copy_rate() -> None:
    (fraction,) = roofline_rows(RESULTS, CALIBRATION, {"m": 1e7})
    assert (fraction.params["flop_per_byte"], fraction.params["bound"]) == (10, "memory")
    assert fraction.params["of_roof"] == pytest.approx(5e7 / 1e8)


def test_a_phase_whose_bytes_are_not_known_has_no_roof() -> None:
    (fraction,) = roofline_rows(RESULTS, CALIBRATION)
    assert fraction.value == pytest.approx(0.05)
    unknown = {fraction.params[name] for name in ("flop_per_byte", "bound", "of_roof")}
    assert unknown == {None}
