"""Prediction against measurement, row by row; reads rows only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rabbench.plan.record import Plan
from rabbench.types import Measurement, Results

MEASURES = ("flops", "latency", "working_memory", "index_size")
PARAMS = ("doc_len", "query_len", "batch", "attention", "dtype", "device", "model")


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """A prediction with its measurement; ``ratio`` is predicted over measured.

    ``params`` are those in which both rows agree; ``slowdown`` is how much longer the reference
    layers took during the measurement than the calibration says, None where they were not timed;
    ``at_speed`` is what the ratio would have been at the calibration's speed, each sample set over
    its reference layers.
    """

    system: str
    phase: str
    measure: str
    unit: str
    params: Mapping[str, Any]
    bound: str
    predicted: float
    measured: float
    slowdown: float | None = None
    at_speed: float | None = None

    @property
    def ratio(self) -> float:
        """Predicted over measured; 1 is right, above 1 too pessimistic."""
        return self.predicted / self.measured

    @property
    def ratio_at_speed(self) -> float | None:
        """Of a FLOPs-bound time: the ratio had the machine kept the speed of its calibration."""
        return self.at_speed if self.bound == "compute" else None


def _key(row: Measurement) -> tuple[Any, ...]:
    pairs = row.params.get("pairs") if row.measure == "flops" else None
    return (row.system, row.phase, row.measure, pairs, *(row.params.get(name) for name in PARAMS))


def compare(plan: Plan, results: Results) -> list[Prediction]:
    """Every predicted row that was also measured, FLOPs under both conventions."""
    measured = {_key(row): row for row in results.rows if row.value}
    predictions = []
    for row in plan.rows:
        actual = measured.get(_key(row))
        if row.measure not in MEASURES or row.value is None or not (actual and actual.value):
            continue
        # Seconds of the reference layers as calibrated and as timed, and the run in times of them.
        calibrated_s, layers_s = row.params.get("beside_s"), actual.params.get("beside_s")
        run_s, times = row.params.get("run_s"), actual.params.get("times_beside")
        predictions.append(
            Prediction(
                system=row.system,
                phase=row.phase,
                measure=row.measure,
                unit=row.unit,
                params={name: row.params.get(name) for name in PARAMS},
                bound=str(row.params.get("bound", "")),
                predicted=row.value,
                measured=actual.value,
                slowdown=layers_s / calibrated_s if calibrated_s and layers_s else None,
                at_speed=run_s / calibrated_s / times if calibrated_s and run_s and times else None,
            )
        )
    return predictions
