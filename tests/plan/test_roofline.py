"""The roofline: shares of measured rates, by hand."""

from __future__ import annotations

import pytest

from rabbench.plan.calibration import Calibration, Timing
from rabbench.plan.roofline import roofline_rows
from tests.plan.synthetic import results, row

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
