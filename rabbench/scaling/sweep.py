"""The sweep: cost of each system's phases over document lengths, as rows of a results file.

Plans the points, hands them to the measures one after another and keeps every row as it comes.
Knows no system and no measure by name; formats and prints nothing.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from rabbench import environment, registry
from rabbench.config.options import Options
from rabbench.config.scaling import ScalingConfig
from rabbench.results import IDENTITY, ResultsStore
from rabbench.types import (
    Measurement,
    Phase,
    Point,
    Progress,
    Results,
    Settings,
    Shape,
    System,
    UsageError,
    Workload,
    cost_row,
    no_progress,
)

BY_CHILDREN = "memory"  # the measure that meets a fault in a child process
FAILED = {"oom", "timeout"}
CLOSE = 1.1  # the longest feasible length is known to this factor


def run(
    config: ScalingConfig,
    *,
    out: Path | None = None,
    resume: bool = False,
    progress: Progress = no_progress,
    reference_layers: Callable[[Point], Callable[[], object] | None] | None = None,
) -> Results:
    """Sweep and return the results; with ``out`` each row is on disk as soon as it is measured.

    Args:
        config: what to sweep.
        out: the results folder; None keeps the rows in memory.
        resume: keep the rows that ``out`` already holds and measure only what is missing.
        progress: told what is being measured.
        reference_layers: the layers timed before each latency sample of a point, or None.

    Raises:
        UsageError: for an unknown system or measure, or a length above a model's context.
        MissingError: if a model or device is not there.
    """
    device = environment.device(config.options.device)
    config = replace(config, options=replace(config.options, device=device))
    measures = {name: registry.load("measures", name) for name in config.measures}
    points = plan(config)
    store = ResultsStore(out, start_results("scaling", config), resume=resume)
    settings = Settings(
        rounds=config.rounds,
        max_rounds=config.max_rounds,
        min_time_s=config.min_time_s,
        timeout_s=config.timeout_s,
        memory_limit=config.memory_limit,
        progress=progress,
        reference_layers=reference_layers,
    )
    for name, measure in measures.items():
        pending, skipped = _pending(points, measure, store.rows)
        store.add(*skipped)
        for row in measure.measure(pending, settings):
            store.add(row)
        if name == BY_CHILDREN:
            store.add(*_longest(config, points, measure, settings, store))
    return store.results


def _pending(
    points: list[Point], measure: Any, rows: Sequence[Measurement]
) -> tuple[list[Point], list[Measurement]]:
    """The points still to measure, and rows for those that are known to fail.

    A point that ran out of memory or time in a child process is not run in this one. Samples of an
    interrupted run travel with their point.
    """
    first = measure.MEASURES[0]
    earlier = {_key(row.measure, row): row for row in rows if row.status != "error"}
    pending, skipped = [], []
    for point in points:
        row = earlier.get(_key(first, point))
        child = earlier.get(_key("peak_memory", point))
        if row is not None and row.params.get("complete", True):
            continue
        if row is None and child is not None and child.status in FAILED:
            params = {"message": f"not run: {child.params.get('message')} (see peak_memory)"}
            failed = cost_row(point, first, None, measure.UNIT, status=child.status, params=params)
            skipped.append(failed)
            continue
        samples = row.samples if row is not None and not isinstance(row.samples, Mapping) else ()
        pending.append(replace(point, samples=tuple(samples)))
    return pending, skipped


def _longest(
    config: ScalingConfig,
    points: list[Point],
    measure: Any,
    settings: Settings,
    store: ResultsStore,
) -> Iterator[Measurement]:
    """Bisect between the longest length that fits and the shortest that does not.

    Yields a ``longest_feasible`` row (tokens, known to ``CLOSE``) for each phase that failed.
    """
    status = {_key(row.measure, row): row.status for row in store.rows}
    kinds: dict[tuple[str, str, Any], list[Point]] = {}
    for point in points:
        kind = (point.system, point.phase, point.params.get("attention"))
        kinds.setdefault(kind, []).append(point)
    for (system, phase, _), sweep in kinds.items():
        by_length = {p.params["doc_len"]: status[_key("peak_memory", p)] for p in sweep}
        fits = max((n for n, outcome in by_length.items() if outcome == "ok"), default=0)
        fails = [n for n, outcome in by_length.items() if outcome in FAILED and n > fits]
        if not fails or not fits:
            continue
        above = min(fails)
        options = replace(config.options, attention=sweep[0].params["attention"])
        while above > CLOSE * fits:
            middle = round(math.sqrt(fits * above))
            candidates = _points(system, options, config, middle)
            row, _ = measure.measure([p for p in candidates if p.phase == phase], settings)
            fits, above = (middle, above) if row.status == "ok" else (fits, middle)
        params = {"fails_at": above, "doc_len": fits}
        row = cost_row(sweep[0], "longest_feasible", fits, "token", params=params)
        yield row.with_changes(better="higher")


def start_results(command: str, config: Any) -> Results:
    """Results with configuration and environment and no rows yet."""
    fields = asdict(config)
    fields["options"] = fields.pop("options")  # last
    return Results(command=command, config=fields, environment=environment.describe())


def plan(config: ScalingConfig) -> list[Point]:
    """Every point of the sweep, shortest documents first; builds systems but no weights.

    Raises:
        UsageError: for an unknown system or a length above a model's context.
    """
    return [
        point
        for length in config.lengths()
        for attention in config.attention
        for name in config.systems
        for point in _points(name, replace(config.options, attention=attention), config, length)
    ]


def _points(name: str, options: Options, config: ScalingConfig, length: int) -> Iterator[Point]:
    shape = Shape(doc_len=length, query_len=config.query_len)
    system = _build_system(name, options)
    for workload in system.workloads(shape):
        yield Point(
            system=name,
            phase=workload.phase,
            params={**shape.params(), **system.params, **workload.params},
            build=partial(_workload, name, options, workload.phase, shape),
        )


@lru_cache(maxsize=8)
def _build_system(name: str, options: Options) -> System:
    built: System = registry.load("systems", name).build(options)
    return built


def _workload(name: str, options: Options, phase: Phase, shape: Shape) -> Workload:
    """The workload of a point; in the parent and in a child process alike."""
    for workload in _build_system(name, options).workloads(shape):
        if workload.phase == phase:
            return workload
    raise UsageError(f"system {name!r} has no phase {phase!r}")


def _key(measure: str, item: Point | Measurement) -> tuple[str, ...]:
    """The identity of a point's row of this measure, whatever its pair convention."""
    params = {name: item.params.get(name) for name in IDENTITY if name != "pairs"}
    return (item.system, item.phase, measure, json.dumps(params, sort_keys=True))
