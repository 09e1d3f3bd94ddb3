"""A plan beside what was measured, as rows of the same results file, so that a report shows both.

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
from rabbench.plan.roofline import achieved
from rabbench.types import Measurement, Results

if TYPE_CHECKING:
    from rabbench.plan.calibration import Calibration

PREDICTED, FRACTION = "predicted_", "roofline_fraction"
CALIBRATION, RUN = "calibration", "run"
WALL = f"{PREDICTED}wall_time"
START = "start"  # the step of a plan that is over when the run begins


def measured(rows: Iterable[Measurement]) -> list[Measurement]:
    """The rows without those that :func:`beside` added to them earlier."""
    return [
        row
        for row in rows
        if row.phase not in {CALIBRATION, RUN}
        and row.measure != FRACTION
        and not row.measure.startswith(PREDICTED)
    ]


def joined(
    plan: Plan, results: Results, calibration: Calibration, *, wall_s: float | None = None
) -> Results:
    """The results with :func:`beside`'s rows, in place of those of an earlier run."""
    kept = replace(results, rows=measured(results.rows))
    return replace(kept, rows=(*kept.rows, *beside(plan, kept, calibration, wall_s=wall_s)))


def beside(
    plan: Plan, results: Results, calibration: Calibration, *, wall_s: float | None = None
) -> Iterator[Measurement]:
    """Rows that set rates, prediction and roofline beside the measurements of ``results``.

    Args:
        plan: of the run.
        results: what it measured.
        calibration: that the plan rests on.
        wall_s: seconds that the whole run took, where it was not resumed.
    """
    yield from rates(calibration)
    if wall_s:
        predicted = sum(step.seconds for step in plan.steps if step.what != START)
        yield Measurement(
            system="all",
            phase=RUN,
            measure=WALL,
            value=predicted,
            unit="s",
            better="lower",
            params={"ratio": predicted / wall_s},
        )
    for found in compare(plan, results):
        if found.measure == "flops":
            continue  # counted from the same closed form; a test holds them equal
        params = {
            **found.same,
            "bound": found.bound,
            "ratio": found.ratio,
        }
        if found.ratio_at_speed is not None:
            params |= {"slowdown": found.slowdown, "ratio_at_speed": found.ratio_at_speed}
        yield Measurement(
            system=found.system,
            phase=found.phase,
            measure=f"{PREDICTED}{found.measure}",
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
            "flop_per_byte": point.intensity,
            "of_roof": point.of_roof,
            "bound": point.bound,
        }
        yield Measurement(
            system=point.system,
            phase=point.phase,
            measure=FRACTION,
            value=point.of_matmul,
            unit="1",
            better="higher",
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
            measure=f"{timing.what}_rate",
            value=timing.rate,
            unit=f"{timing.unit}/s",
            better="higher",
            params={
                **timing.size,
                "device": calibration.device,
                "dtype": calibration.dtype,
                "threads": calibration.threads,
                "others": calibration.others,
            },
            samples=[timing.work / sample for sample in timing.samples],
        )
