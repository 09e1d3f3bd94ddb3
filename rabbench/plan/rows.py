"""A plan's rows in the results file of the run that it predicts, so that a report shows both.

Reads rows only. A ``predicted_…`` row is the prediction of the row of the same name, with
``params["ratio"]`` predicted over measured; ``ratio_at_speed`` is the same had the machine kept the
speed of its calibration. The machine's calibrated rates are rows of phase ``calibration``, the wall
time of it all is one of phase ``run``; ``roofline_fraction`` is what a phase achieved of the rates.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from rabbench.plan.record import Plan
from rabbench.scaling.labels import PREDICTED
from rabbench.types import Measurement, Results

if TYPE_CHECKING:
    from rabbench.plan.calibration import Calibration

FRACTION = "roofline_fraction"
CALIBRATION, RUN = "calibration", "run"
WALL = f"{PREDICTED}wall_time"
START = "start"  # the step of a plan that is over when the run begins
COMPARED = ("flops", "latency", "working_memory", "index_size")
PARAMS = ("doc_len", "query_len", "batch", "attention", "dtype", "device", "model")


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

    ``wall_s`` are seconds that the whole run took, where it was not resumed.
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


@dataclass(frozen=True)
class Prediction:
    """A predicted row with its measurement.

    ``slowdown`` is how much longer the reference layers took during the measurement than the
    calibration says, None where they were not timed. ``ratio_at_speed``, of a FLOPs-bound time, is
    the ratio had the machine kept its calibration's speed, each sample set over its layers.
    """

    row: Measurement
    measured: float
    slowdown: float | None = None
    ratio_at_speed: float | None = None

    @property
    def ratio(self) -> float:
        """Predicted over measured; 1 is right, above 1 too pessimistic."""
        return (self.row.value or 0.0) / self.measured


def _key(row: Measurement) -> tuple[Any, ...]:
    pairs = row.params.get("pairs") if row.measure == "flops" else None
    return (row.system, row.phase, row.measure, pairs, *(row.params.get(name) for name in PARAMS))


def compare(plan: Plan, results: Results) -> list[Prediction]:
    """Every predicted row that was also measured, FLOPs under both conventions."""
    measured = {_key(row): row for row in results.rows if row.value}
    predictions = []
    for row in plan.rows:
        actual = measured.get(_key(row))
        if row.measure not in COMPARED or row.value is None or not (actual and actual.value):
            continue
        # Seconds of the reference layers as calibrated and as timed, and the run in times of them.
        calibrated_s, layers_s = row.params.get("beside_s"), actual.params.get("beside_s")
        run_s, times = row.params.get("run_s"), actual.params.get("times_beside")
        slowdown = layers_s / calibrated_s if calibrated_s and layers_s else None
        at_speed = None
        if row.params.get("bound") == "compute" and calibrated_s and run_s and times:
            at_speed = run_s / calibrated_s / times
        predictions.append(Prediction(row, actual.value, slowdown, at_speed))
    return predictions


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
        row = prediction.row
        if row.measure == "flops":
            continue  # counted from the same closed form; a test holds them equal
        params = {name: row.params.get(name) for name in PARAMS}
        params |= {"bound": str(row.params.get("bound", "")), "ratio": prediction.ratio}
        if prediction.ratio_at_speed is not None:
            params["slowdown"] = prediction.slowdown
            params["ratio_at_speed"] = prediction.ratio_at_speed
        yield replace(row, measure=f"{PREDICTED}{row.measure}", params=params)


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


def roofline_rows(
    results: Results, calibration: Calibration, weights: Mapping[str, float] | None = None
) -> Iterator[Measurement]:
    """The share of the product rate that each phase with FLOPs and a latency achieved.

    A phase of arithmetic intensity I (FLOP a byte) cannot exceed min(matmul rate, I · copy rate)
    (Williams, Waterman, Patterson, Roofline, CACM 2009). FLOPs are counted densely; a causal kernel
    skips half of attention, so at great lengths a phase may seem to exceed the roof. Params hold
    the rate itself, the intensity and ``of_roof``, the share of what the intensity allows, and
    ``bound``, what limits it there; None where the bytes moved are not known.

    ``weights`` are for each model name the bytes of its weights, which a forward reads at least
    once; :attr:`~rabbench.plan.record.Plan.models` has them as ``weights_bytes``.
    """

    def point(row: Measurement) -> tuple[Any, ...]:
        return row.system, row.phase, row.params.get("doc_len"), row.params.get("attention")

    times = {
        point(row): row.value for row in results.rows if row.measure == "latency" and row.value
    }
    matmul = calibration.rate("matmul")
    for row in results.rows:
        latency_s, pairs = times.get(point(row)), row.params.get("pairs", "dense")
        if row.measure != "flops" or not row.value or pairs != "dense" or not latency_s:
            continue
        rate = row.value / latency_s
        intensity = bound = of_roof = None
        moved = (weights or {}).get(str(row.params.get("model")))
        if moved:
            # What does not run the whole model reads at most its own operands: two bytes a FLOP.
            intensity = row.value / min(moved, 2 * row.value)
            bound = "compute" if intensity >= calibration.ridge else "memory"
            of_roof = rate / min(matmul, intensity * calibration.rate("copy"))
        yield Measurement(
            system=row.system,
            phase=row.phase,
            measure=FRACTION,
            value=rate / matmul,
            unit="1",
            better="higher",
            params={
                "doc_len": int(row.params["doc_len"]),
                "attention": row.params.get("attention"),
                "model": row.params.get("model"),
                "flop_per_s": rate,
                "flop_per_byte": intensity,
                "of_roof": of_roof,
                "bound": bound,
            },
        )
