"""Prediction against measurement, row by row; reads rows only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rabbench.plan.record import Plan
from rabbench.types import Measurement, Results

COMPARED = ("flops", "latency", "working_memory", "index_size")
SAME = ("doc_len", "query_len", "batch", "attention", "dtype", "device", "model")


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One prediction beside its measurement; ``ratio`` is predicted over measured.

    ``same`` holds the params in which both rows agree; ``slowdown`` is how much longer a few
    of the model's layers took beside the measurement than the calibration says, None where they
    were not timed; ``at_speed`` is what the ratio would have been at the calibration's speed, each
    sample set over the layers beside it.
    """

    system: str
    phase: str
    measure: str
    unit: str
    doc_len: int
    attention: str | None
    same: Mapping[str, Any]
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
    return (row.system, row.phase, row.measure, pairs, *(row.params.get(name) for name in SAME))


def compare(plan: Plan, results: Results) -> list[Compared]:
    """Every predicted row that was also measured, FLOPs under both conventions."""
    measured = {_key(row): row for row in results.rows if row.value}
    found = []
    for row in plan.rows:
        actual = measured.get(_key(row))
        if row.measure not in COMPARED or row.value is None or not (actual and actual.value):
            continue
        before, then = row.params.get("beside_s"), actual.params.get("beside_s")
        found.append(
            Compared(
                system=row.system,
                phase=row.phase,
                measure=row.measure,
                unit=row.unit,
                doc_len=int(row.params["doc_len"]),
                attention=row.params.get("attention"),
                same={name: row.params.get(name) for name in SAME},
                bound=str(row.params.get("bound", "")),
                predicted=row.value,
                measured=actual.value,
                slowdown=then / before if before and then else None,
                at_speed=_at_speed(row, actual),
            )
        )
    return found


def _at_speed(predicted: Measurement, measured: Measurement) -> float | None:
    """How many times the layers beside it a run should take, over how many times it took."""
    beside, run_s = predicted.params.get("beside_s"), predicted.params.get("run_s")
    times = measured.params.get("times_beside")
    return run_s / beside / times if beside and run_s and times else None


def within(
    rows: Iterable[Compared], *, tolerance: float = 0.1, bound: str = "compute"
) -> tuple[Sequence[Compared], Sequence[Compared]]:
    """The latencies of this bound that lie within the tolerance, and those that do not."""
    times = [row for row in rows if row.measure == "latency" and row.bound == bound]
    good = [row for row in times if abs(row.ratio - 1) <= tolerance]
    return good, [row for row in times if row not in good]
