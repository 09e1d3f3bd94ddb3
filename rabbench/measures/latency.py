"""Latency: wall time of a unit of work, sampled in interleaved rounds.

All points of a sweep are built first and then visited round by round: a machine that warms up or
slows down does so for every system and length alike. The value is the median of the raw samples.
Reference layers, timed before each sample, show the machine's speed meanwhile. Knows workloads,
not systems; writes no files.
"""

from __future__ import annotations

import gc
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from rabbench.measures import _speed
from rabbench.types import Measurement, Point, RabbenchError, Settings, Workload, cost_row

MEASURES = ("latency",)
UNIT = "s"
# A sample of a very short run covers enough calls to last this long (timeit's rule).
SAMPLE_S = 0.01
# A run this long needs no warm-up of its own: shorter ones of its kind have warmed the machine.
LONG_S = 1.0


@dataclass
class _Series:
    """The samples of one point; ``times_reference`` is a run's time over its reference layers'."""

    point: Point
    workload: Workload
    samples: list[float]
    calls: int = 1
    total_s: float = 0.0
    last_s: float = 0.0
    reference: Callable[[], object] | None = None
    reference_s: list[float] = field(default_factory=list)
    times_reference: list[float] = field(default_factory=list)
    error: str | None = None

    @property
    def kind(self) -> tuple[str, str]:
        return self.point.system, self.point.phase


def time_workload(workload: Workload, calls: int = 1) -> float:
    """Seconds of ``calls`` runs: CUDA events on a GPU, the monotonic clock elsewhere."""
    if workload.device != "cuda":
        return _speed.time_calls(workload.run, calls, workload.device)
    import torch

    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize()
    start.record()
    for _ in range(calls):
        workload.run()
    end.record()
    torch.cuda.synchronize()
    return float(start.elapsed_time(end)) / 1e3


def _warm(series: _Series) -> float:
    """Run until warm, and set how many calls make a sample. Returns the seconds of one run."""
    run_s = time_workload(series.workload)
    if run_s > LONG_S:
        return run_s
    run_s = time_workload(series.workload)
    while run_s * series.calls < SAMPLE_S:
        series.calls *= 2
        run_s = time_workload(series.workload, series.calls) / series.calls
    return run_s


def _sample(series: _Series) -> None:
    if series.reference is not None:
        device, expected = series.workload.device, (series.reference_s or [0.0])[-1]
        reference_s = _speed.time_warm(series.reference, 1, device, expected=expected)
        series.reference_s.append(reference_s)
    series.last_s = time_workload(series.workload, series.calls)
    series.total_s += series.last_s
    run_s = series.last_s / series.calls
    series.samples.append(run_s / series.workload.units)
    if series.reference is not None:
        series.times_reference.append(run_s / reference_s)


def _is_unfinished(series: _Series, settings: Settings) -> bool:
    rounds = len(series.samples)
    if series.error is not None or rounds >= settings.max_rounds:
        return False
    return rounds < settings.rounds or series.total_s < settings.min_time_s


def _attempt(series: _Series, step: Callable[[_Series], Any]) -> Any:
    """The result of a step on a series, or None; an error stays with the series and ends it."""
    if series.error is not None:
        return None
    try:
        return step(series)
    except (RuntimeError, MemoryError, RabbenchError) as error:
        series.error = (str(error).splitlines() or [type(error).__name__])[0]
        return None


def _prepare(all_series: Sequence[_Series], settings: Settings) -> None:
    """Load, and warm up the lengths of a system's phase until one takes ``LONG_S``."""

    def load(series: _Series) -> None:
        series.workload.prepare()
        if settings.reference_layers is not None:
            series.reference = settings.reference_layers(series.point)

    long_kinds: set[tuple[str, str]] = set()
    for completed, series in enumerate(all_series):
        settings.progress("latency: warm-up", completed, len(all_series))
        _attempt(series, load)
        if series.kind not in long_kinds and (_attempt(series, _warm) or 0.0) > LONG_S:
            long_kinds.add(series.kind)


def measure(points: Sequence[Point], settings: Settings) -> Iterator[Measurement]:
    """One ``latency`` row a point: seconds a document, query or pair, with raw samples.

    ``params["beside_s"]`` is the median time of the point's ``settings.reference_layers``,
    ``params["times_beside"]`` the median over samples of a run's time over it.

    Tokenisation is outside the time of transformer phases, which start from token ids; it is
    part of BM25's, whose work it is. A long run's row is also yielded after each round, marked
    ``complete: false`` until its last, so that an interrupted sweep loses nothing.
    """
    all_series = [_Series(point, point.build(), list(point.samples)) for point in points]
    all_series.sort(key=lambda series: series.workload.shape.doc_len)
    _prepare(all_series, settings)
    collects = gc.isenabled()
    gc.disable()
    gc.freeze()  # the collections between rounds look at new objects only
    try:
        for number in range(1, settings.max_rounds + 1):
            pending = [series for series in all_series if _is_unfinished(series, settings)]
            for completed, series in enumerate(pending):
                stage = f"latency: round {number}, {' '.join(series.kind)}"
                settings.progress(stage, completed, len(pending))
                _attempt(series, _sample)
                if series.last_s > LONG_S and _is_unfinished(series, settings):
                    yield _row(series, complete=False)
            gc.collect()
    finally:
        gc.unfreeze()
        if collects:
            gc.enable()
    yield from map(_row, all_series)


def _row(series: _Series, *, complete: bool = True) -> Measurement:
    if series.error is not None:
        status = "oom" if "memory" in series.error.lower() else "error"
        failure = {"message": series.error}
        return cost_row(series.point, "latency", None, UNIT, status=status, params=failure)
    params: dict[str, Any] = {"calls_per_sample": series.calls, "complete": complete}
    if series.reference_s:
        params["beside_s"] = statistics.median(series.reference_s)
        params["times_beside"] = statistics.median(series.times_reference)
    value, samples = statistics.median(series.samples), tuple(series.samples)
    return cost_row(series.point, "latency", value, UNIT, samples=samples, params=params)
