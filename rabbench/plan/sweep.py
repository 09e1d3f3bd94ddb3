"""What a sweep will cost: every point's rows, and the wall time of each measure's own schedule.

Follows the schedules of the measures as they are (warm-up, rounds, children, traces); runs none.
Gives a sweep the reference layers that it times with its samples.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from rabbench.config.scaling import ScalingConfig
from rabbench.measures import energy, latency
from rabbench.plan import skeleton
from rabbench.plan.calibration import Calibration
from rabbench.plan.curves import Target
from rabbench.plan.record import Plan, Step
from rabbench.plan.work import CostPredictor, TracedWork, trace_point
from rabbench.scaling import sweep as scaling
from rabbench.types import Measurement, Point

# Work of the interpreter, in turns of the calibration's plain Python: importing the libraries,
# starting a child that builds a system, and counting one layer's FLOPs by both counters.
IMPORTS_TURNS = 4e7
CHILD_TURNS = 1e7
LAYER_TURNS = 3e5
READS = 3  # a weight is read from the file, converted and copied
DRAWS = 2  # of random weights: by the layer, and by the model

ASSUMPTIONS = (
    "FLOPs are exact; both pair conventions as the flops measure states them",
    "time of a transformer: its layers' times, measured on random weights of the same shape",
    "phases without tensor operations: timed once at the shortest document, longer ones in "
    "proportion; their memory is not predicted",
    "working memory: the bytes live at the peak, plus what a heap keeps of freed blocks",
    "everything else on the machine stays as it was during the calibration",
)


@dataclass
class Sweep:
    """A sweep to be predicted, with or without reference layers timed with its samples."""

    config: ScalingConfig
    reference_layers: bool = False

    @cached_property
    def works(self) -> list[TracedWork]:
        """Every point's work, shortest documents first."""
        return [trace_point(point) for point in scaling.plan(self.config)]

    def targets(self) -> list[Target]:
        """The layers that a calibration must have timed."""
        return [target for work in self.works if (target := work.target) is not None]

    def plan(self, calibration: Calibration) -> Plan:
        """The prediction."""
        predictor = CostPredictor(calibration=calibration)
        costs = [(work, self._rows(work, predictor)) for work in self.works]
        models = model_sizes(self.works)
        clock = _Clock(calibration, self.config, models, self.reference_layers)
        return build_plan(
            "scaling",
            rows=[row for _, of_work in costs for row in of_work],
            steps=tuple(clock.steps(costs)),
            models=models,
            calibration=calibration,
            assumptions=ASSUMPTIONS,
        )

    def _rows(self, work: TracedWork, predictor: CostPredictor) -> list[Measurement]:
        """A point's rows; a phase without FLOPs is timed once at its shortest, then scaled."""
        length, shortest = work.workload.shape.doc_len, self.config.lengths()[0]
        scale = length / shortest if work.point.phase == "index" else 1.0
        return predictor.rows(work, limit=self.config.options.batch, scale=scale)


def model_sizes(works: Iterable[TracedWork]) -> dict[str, dict[str, Any]]:
    """The models of these points, by name."""
    targets = {work.target.name: work.target for work in works if work.target is not None}
    return {
        name: skeleton.describe_model(name, target.config, target.dtype)
        for name, target in targets.items()
    }


def build_plan(
    command: str,
    *,
    rows: Sequence[Measurement],
    steps: Sequence[Step],
    models: Mapping[str, Mapping[str, Any]],
    calibration: Calibration,
    assumptions: Sequence[str],
    whole_index: bool = False,
) -> Plan:
    """A plan with its totals; arguments as the fields of :class:`~rabbench.plan.record.Plan`.

    The most that is resident at once is libraries, all models' weights, the largest forward, and
    with ``whole_index`` all indexes. On a CPU the libraries are what this process holds now, which
    has loaded them.
    """
    import psutil

    libraries = psutil.Process().memory_info().rss if calibration.device == "cpu" else 0
    weights = sum(size["weights_bytes"] for size in models.values())
    working = max((row.value or 0 for row in rows if row.measure == "working_memory"), default=0)
    index_sizes = [row.value or 0 for row in rows if row.measure == "index_size"]
    return Plan(
        command=command,
        rows=tuple(rows),
        steps=steps,
        peak_bytes=int(libraries + weights + working) + int(sum(index_sizes) * whole_index),
        index_bytes=int(max(index_sizes, default=0)),
        download_bytes=sum(size["download_bytes"] for size in models.values()),
        models=models,
        assumptions=(*assumptions, *filter(None, [calibration.warning])),
        machine=calibration.machine,
    )


def load_seconds(calibration: Calibration, size: Mapping[str, Any]) -> float:
    """Seconds until a model's weights are resident: read, or drawn at random."""
    if size["random"]:
        return float(DRAWS * size["parameters"] / calibration.rate("fill"))
    return float(READS * size["weights_bytes"] / calibration.rate("copy"))


@dataclass(frozen=True)
class _Clock:
    """Wall time of each measure on each point."""

    calibration: Calibration
    config: ScalingConfig
    models: Mapping[str, Mapping[str, Any]]
    reference_layers: bool

    @property
    def turn_s(self) -> float:
        """Seconds of one turn of the interpreter's timing."""
        return 1 / self.calibration.rate("interpreter")

    def steps(self, costs: list[tuple[TracedWork, list[Measurement]]]) -> Iterator[Step]:
        """Every measure's parts in order."""
        imports_s = IMPORTS_TURNS * self.turn_s
        yield Step(work="start", system="all", seconds=imports_s)
        for measure in self.config.measures:
            if measure == "memory":
                yield Step(work="memory", system="all", seconds=imports_s)
            if measure in {"latency", "energy"}:
                load_s = sum(load_seconds(self.calibration, size) for size in self.models.values())
                yield Step(work=f"{measure}: weights", system="all", seconds=load_s)
            warm: set[Any] = set()
            for work, rows in costs:
                timing = next(row for row in rows if row.measure == "latency").params
                yield Step(
                    work=measure,
                    system=work.point.system,
                    seconds=self._seconds(measure, work, timing, warm),
                    doc_len=work.workload.shape.doc_len,
                )

    def _seconds(
        self, measure: str, work: TracedWork, timing: Mapping[str, Any], warm: set[Any]
    ) -> float:
        run_s = float(timing["run_s"])
        kind = (work.point.system, work.point.phase)
        if measure == "flops":
            return self._counting(work, kind, warm)
        if measure == "index-size":
            return run_s if not work.has_flops and work.point.phase == "index" else 0.0
        if measure == "memory":
            model = None if work.target is None else self.models[work.target.name]
            load_s = load_seconds(self.calibration, model) if model else 0.0
            return CHILD_TURNS * self.turn_s + load_s + run_s + self._prefix(work)
        if measure == "energy":
            return run_s + self.config.rounds * max(run_s, energy.WINDOW_S)
        layers_s = float(timing.get("beside_s", 0.0)) if self.reference_layers else 0.0
        return self._sampling(run_s, layers_s, kind, warm) + self._prefix(work)

    def _counting(self, work: TracedWork, kind: tuple[str, str], counted_kinds: set[Any]) -> float:
        """The first forward of a kind is counted with all layers, later ones with one."""
        if work.config is None or (kind, work.forwards) in counted_kinds:
            return 0.0
        layers = len(work.forwards)
        if kind not in counted_kinds:
            layers *= int(work.config.num_hidden_layers)
        counted_kinds.update({kind, (kind, work.forwards)})
        return layers * LAYER_TURNS * self.turn_s

    def _prefix(self, work: TracedWork) -> float:
        """Running the prefixes that a workload is prepared with."""
        curve = self.calibration.curve(work.target)
        if curve is None:
            return 0.0
        prefixes = [forward for forward in work.forwards if forward.prefix]
        return sum(curve.seconds(replace(run, tokens=run.prefix, prefix=0)) for run in prefixes)

    def _sampling(
        self, run_s: float, layers_s: float, kind: tuple[str, str], warm: set[Any]
    ) -> float:
        """As measures/latency.py does it: warm-up, then rounds until the least time is spent.

        Each sample with its reference layers.
        """
        warmup_s, calls = 0.0, 1
        if kind not in warm:
            warmup_s += run_s
            if run_s > latency.LONG_S:
                warm.add(kind)
            else:
                warmup_s += run_s
                while run_s * calls < latency.SAMPLE_S:
                    calls *= 2
                    warmup_s += run_s * calls
        sample_s = run_s * calls
        minimum = math.ceil(self.config.min_time_s / max(sample_s, 1e-9))
        rounds = min(max(self.config.rounds, minimum), self.config.max_rounds)
        return warmup_s + layers_s + rounds * (layers_s + sample_s)


def reference_layers(calibration: Calibration) -> Callable[[Point], Callable[[], object] | None]:
    """A function that gives each point of a sweep its layers to time: None where it runs none.

    Neighbours on the same host, heat and power limits change a machine's speed by tens of percent
    within a minute; short forwards, which wait for memory, change otherwise than long ones. The
    layers that the calibration timed, run again over the same tokens, tell such changes from errors
    of the prediction.
    """
    bodies: dict[str, Any] = {}
    device = calibration.device

    def layers(point: Point) -> Callable[[], object] | None:
        work = trace_point(point)
        target, curve = work.target, calibration.curve(work.target)
        if target is None or curve is None:
            return None
        if target.key not in bodies:
            bodies[target.key] = skeleton.build_body(
                target.config,
                layers=curve.timed,
                device=device,
                dtype=target.dtype,
                attention=target.attention,
            )
        body = bodies[target.key]
        runs = [skeleton.build_forward(body, forward, device) for forward in work.forwards]

        def run() -> None:
            for forward in runs:
                forward()

        return run

    return layers
