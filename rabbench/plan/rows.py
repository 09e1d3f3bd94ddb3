"""A plan beside what was measured, as rows of the same results file, so that a report shows both.

Reads rows only. A ``predicted_…`` row is the prediction of the row of the same name, with
``params["ratio"]`` predicted over measured. ``roofline_fraction`` is what a phase achieved of the
machine's calibrated matrix-product rate.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rabbench.plan.comparison import compare
from rabbench.plan.record import Plan
from rabbench.plan.roofline import achieved
from rabbench.records import Measurement, Results

if TYPE_CHECKING:
    from rabbench.calibration import Calibration


def beside(plan: Plan, results: Results, calibration: Calibration) -> Iterator[Measurement]:
    """Rows that set prediction and roofline beside the measurements of ``results``."""
    for found in compare(plan, results):
        if found.measure == "flops":
            continue  # counted from the same closed form; a test holds them equal
        params = {
            **found.same,
            "bound": found.bound,
            "ratio": found.ratio,
        }
        yield Measurement(
            system=found.system,
            phase=found.phase,
            measure=f"predicted_{found.measure}",
            value=found.predicted,
            unit=found.unit,
            better="lower",
            params=params,
        )
    moved = {name: float(one.get("weights_bytes", 0)) for name, one in plan.models.items()}
    known = {name: size for name, size in moved.items() if size}
    for point in achieved(results, calibration, known):
        params = {
            "doc_len": point.doc_len,
            "attention": point.attention,
            "model": point.model,
            "flop_per_s": point.rate,
            "bound": point.bound,
        }
        yield Measurement(
            system=point.system,
            phase=point.phase,
            measure="roofline_fraction",
            value=point.of_matmul,
            unit="1",
            better="higher",
            params=params,
        )
