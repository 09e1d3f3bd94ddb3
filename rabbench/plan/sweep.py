"""What a sweep will cost: every point's rows, and the wall time of each measure's own schedule.

Follows the schedules of the measures as they are (warm-up, rounds, children, traces); runs none.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from rabbench.config.scaling import ScalingConfig
from rabbench.measures import energy, latency
from rabbench.plan import models
from rabbench.plan.calibration import Calibration
from rabbench.plan.curves import Target
from rabbench.plan.record import Plan, Step
from rabbench.plan.work import Predictor, Work, examine, short_run
from rabbench.scaling import sweep as scaling
from rabbench.types import Measurement

# Work of the interpreter, in turns of the calibration's plain Python: importing the libraries,
# starting a child that builds a system, and counting one layer's FLOPs by both counters.
IMPORTS_TURNS = 4e7
CHILD_TURNS = 1e7
LAYER_TURNS = 3e5
READS = 3  # a weight is read from the file, converted and copied
DRAWS = 2  # of random weights: by the layer, and by the model


@dataclass
class Sweep:
    """A sweep to be predicted; ``beside`` says that layers will be timed beside its samples."""

    config: ScalingConfig
    beside: bool = False
    _short: dict[tuple[str, str], float] = field(default_factory=dict)

    @cached_property
    def works(self) -> list[Work]:
        """Every point's work, shortest documents first."""
        return [examine(point) for point in scaling.plan(self.config)]

    def targets(self) -> list[Target]:
        """The layers that a calibration must have timed."""
        return [target for work in self.works if (target := work.target) is not None]

    def plan(self, calibration: Calibration) -> Plan:
        """The prediction."""
        predictor = Predictor(calibration=calibration)
        costs = [(work, self._rows(work, predictor)) for work in self.works]
        sizes = model_sizes(self.works)
        clock = _Clock(calibration, self.config, sizes, beside=self.beside)
        rows = tuple(row for _, found in costs for row in found)
        return Plan(
            command="scaling",
            rows=rows,
            steps=tuple(clock.steps(costs)),
            peak_bytes=peak_bytes(rows, sizes, calibration.device),
            index_bytes=int(max((_value(found, "index_size") for _, found in costs), default=0)),
            download_bytes=sum(one["download_bytes"] for one in sizes.values()),
            models=sizes,
            assumptions=(*ASSUMPTIONS, *filter(None, [calibration.disturbed])),
            machine=calibration.machine,
        )

    def _rows(self, work: Work, predictor: Predictor) -> list[Measurement]:
        """A point's rows; what has nothing to count is timed once at its shortest, then scaled."""
        limit = self.config.options.batch
        if work.counted:
            return predictor.rows(work, limit=limit)
        key = (work.point.system, work.point.phase)
        if key not in self._short:
            self._short[key] = short_run(work.workload)
        length = work.workload.shape.doc_len
        scale = length / self.config.lengths()[0] if work.point.phase == "index" else 1.0
        return predictor.rows(work, short_s=self._short[key], scale=scale)


ASSUMPTIONS = (
    "FLOPs are exact; both pair conventions as the flops measure states them",
    "time of a transformer: its layers' times, measured on random weights of the same shape",
    "phases without tensor operations: timed once at the shortest document, longer ones in "
    "proportion; their memory is not predicted",
    "working memory: the bytes live at the peak, plus what a heap keeps of freed blocks",
    "everything else on the machine stays as it was during the calibration",
)


def model_sizes(works: list[Work]) -> dict[str, dict[str, Any]]:
    """The models of these points, by name."""
    found: dict[str, dict[str, Any]] = {}
    for work in works:
        target = work.target
        if target is not None and target.name not in found:
            found[target.name] = models.described(target.name, target.config, target.dtype)
    return found


def peak_bytes(
    rows: tuple[Measurement, ...], sizes: Mapping[str, Mapping[str, Any]], device: str
) -> int:
    """The most that is resident at once: libraries, all models' weights, the largest forward.

    On a CPU the libraries are what this process holds now, which has loaded them.
    """
    import psutil

    libraries = psutil.Process().memory_info().rss if device == "cpu" else 0
    held = sum(one["weights_bytes"] for one in sizes.values())
    working = max((row.value or 0 for row in rows if row.measure == "working_memory"), default=0)
    return int(libraries + held + working)


def _value(rows: list[Measurement], measure: str) -> float:
    return next((row.value or 0.0 for row in rows if row.measure == measure), 0.0)


def load_seconds(calibration: Calibration, size: Mapping[str, Any]) -> float:
    """Seconds until a model's weights are resident: read, or drawn at random."""
    if size["random"]:
        return float(DRAWS * size["parameters"] / calibration.rate("fill"))
    return float(READS * size["weights_bytes"] / calibration.rate("copy"))


class _Clock:
    """Wall time of each measure on each point."""

    def __init__(
        self,
        calibration: Calibration,
        config: ScalingConfig,
        sizes: Mapping[str, Mapping[str, Any]],
        *,
        beside: bool,
    ) -> None:
        self.config = config
        self.beside = beside
        self.sizes = sizes
        self.calibration = calibration
        self.turn_s = 1 / calibration.rate("interpreter")

    def steps(self, costs: list[tuple[Work, list[Measurement]]]) -> Iterator[Step]:
        """Every measure's parts in order."""
        yield Step(what="start", system="all", seconds=IMPORTS_TURNS * self.turn_s)
        for measure in self.config.measures:
            if measure == "memory":
                yield Step(what="memory", system="all", seconds=IMPORTS_TURNS * self.turn_s)
            if measure in {"latency", "energy"}:
                loading = sum(load_seconds(self.calibration, one) for one in self.sizes.values())
                yield Step(what=f"{measure}: weights", system="all", seconds=loading)
            seen: set[Any] = set()
            for work, rows in costs:
                timed = next(row for row in rows if row.measure == "latency").params
                yield Step(
                    what=measure,
                    system=work.point.system,
                    seconds=self._seconds(measure, work, timed, seen),
                    doc_len=work.workload.shape.doc_len,
                )

    def _seconds(self, measure: str, work: Work, timed: Mapping[str, Any], seen: set[Any]) -> float:
        run_s = float(timed["run_s"])
        kind = (work.point.system, work.point.phase)
        if measure == "flops":
            return self._counting(work, kind, seen)
        if measure == "index-size":
            return run_s if not work.counted and kind[1] == "index" else 0.0
        if measure == "memory":
            return self._child(work, run_s)
        if measure == "energy":
            return run_s + self.config.rounds * max(run_s, energy.WINDOW_S)
        beside_s = float(timed.get("beside_s", 0.0)) if self.beside else 0.0
        return self._sampling(run_s, beside_s, kind, seen) + self._prefix(work)

    def _counting(self, work: Work, kind: tuple[str, str], seen: set[Any]) -> float:
        """The first forward of a kind is counted with all layers, others with one."""
        if work.config is None or (kind, work.forwards) in seen:
            return 0.0
        layers = len(work.forwards)
        if kind not in seen:
            layers *= int(work.config.num_hidden_layers)
        seen.update({kind, (kind, work.forwards)})
        return layers * LAYER_TURNS * self.turn_s

    def _child(self, work: Work, run_s: float) -> float:
        loading = 0.0
        if work.target is not None:
            loading = load_seconds(self.calibration, self.sizes[work.target.name])
        return CHILD_TURNS * self.turn_s + loading + run_s + self._prefix(work)

    def _prefix(self, work: Work) -> float:
        """Running the prefixes that a workload is prepared with."""
        target = work.target
        curve = None if target is None else self.calibration.curve(target)
        prefixes = [one for one in work.forwards if one.prefix]
        if curve is None:
            return 0.0
        return sum(curve.seconds(replace(one, tokens=one.prefix, prefix=0)) for one in prefixes)

    def _sampling(
        self, run_s: float, beside_s: float, kind: tuple[str, str], seen: set[Any]
    ) -> float:
        """As measures/latency.py does it: warm-up, then rounds until the least time is spent.

        With what is timed beside each sample.
        """
        warm, calls = 0.0, 1
        if kind not in seen:
            warm += run_s
            if run_s > latency.LONG_S:
                seen.add(kind)
            else:
                warm += run_s
                while run_s * calls < latency.SAMPLE_S:
                    calls *= 2
                    warm += run_s * calls
        sample_s = run_s * calls
        needed = math.ceil(self.config.min_time_s / max(sample_s, 1e-9))
        rounds = min(max(self.config.rounds, needed), self.config.max_rounds)
        return warm + beside_s + rounds * (beside_s + sample_s)
