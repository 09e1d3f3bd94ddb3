"""A plan's rows in the results file of the run that it predicts, so that a report shows both.

Reads rows only. A ``predicted_…`` row is the prediction of the row of the same name, with
``params["ratio"]`` predicted over measured; ``ratio_at_speed`` is the same had the machine kept the
speed of its calibration. ``roofline_fraction`` is what a phase achieved of the machine's calibrated
matrix-product rate, ``params["of_roof"]`` of what its intensity allows; the rates themselves are
rows of phase ``calibration``, the wall time of it all one of phase ``run``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from rabbench.plan.comparison import compare
from rabbench.plan.record import Plan
from rabbench.plan.roofline import FRACTION, roofline_rows
from rabbench.types import Measurement, Results

if TYPE_CHECKING:
    from rabbench.plan.calibration import Calibration

PREDICTED = "predicted_"
CALIBRATION, RUN = "calibration", "run"
WALL = f"{PREDICTED}wall_time"
START = "start"  # the step of a plan that is over when the run begins


def measured_rows(rows: Iterable[Measurement]) -> list[Measurement]:
    """The rows without those that :func:`add_plan_rows` added to them earlier."""
    return [
        row
        for row in rows
        if row.phase not in {CALIBRATION, RUN}
        and row.measure != FRACTION
        and not row.measure.startswith(PREDICTED)
    ]


def add_plan_rows(
    plan: Plan, results: Results, calibration: Calibration, *, wall_s: float | None = None
) -> Results:
    """The results with rates, predictions and roofline, in place of those of an earlier run.

    Args:
        plan: of the run.
        results: what it measured.
        calibration: that the plan rests on.
        wall_s: seconds that the whole run took, where it was not resumed.
    """
    measured = replace(results, rows=measured_rows(results.rows))
    weights = {name: float(size.get("weights_bytes", 0)) for name, size in plan.models.items()}
    rows = [
        *measured.rows,
        *rates(calibration),
        *_predictions(plan, measured, wall_s),
        *roofline_rows(measured, calibration, weights),
    ]
    return replace(measured, rows=tuple(rows))


def _predictions(plan: Plan, results: Results, wall_s: float | None) -> Iterator[Measurement]:
    if wall_s:
        predicted_s = sum(step.seconds for step in plan.steps if step.work != START)
        yield Measurement(
            system="all",
            phase=RUN,
            measure=WALL,
            value=predicted_s,
            unit="s",
            better="lower",
            params={"ratio": predicted_s / wall_s},
        )
    for prediction in compare(plan, results):
        if prediction.measure == "flops":
            continue  # counted from the same closed form; a test holds them equal
        params = {**prediction.params, "bound": prediction.bound, "ratio": prediction.ratio}
        if prediction.ratio_at_speed is not None:
            params["slowdown"] = prediction.slowdown
            params["ratio_at_speed"] = prediction.ratio_at_speed
        yield Measurement(
            system=prediction.system,
            phase=prediction.phase,
            measure=f"{PREDICTED}{prediction.measure}",
            value=prediction.predicted,
            unit=prediction.unit,
            better="lower",
            params=params,
        )


def rates(calibration: Calibration) -> Iterator[Measurement]:
    """What the machine did in a second of each kind of work, raw samples kept as rates.

    ``params`` hold the size of the work, in the letters of ``calibration``, and in ``others`` the
    share of the CPUs that other processes took meanwhile.
    """
    for timing in calibration.timings:
        yield Measurement(
            system="machine",
            phase=CALIBRATION,
            measure=f"{timing.kind}_rate",
            value=timing.rate,
            unit=f"{timing.unit}/s",
            better="higher",
            params={
                **timing.size,
                "device": calibration.device,
                "dtype": calibration.dtype,
                "threads": calibration.threads,
                "others": calibration.busy_share,
            },
            samples=[timing.work / sample for sample in timing.samples],
        )
