"""Latency: wall time of a unit of work, sampled in interleaved rounds.

All points of a sweep are built first and then visited round by round, so that a machine that
warms up or slows down does so for every system and length alike. Raw samples are kept; the value
is their median. What the settings give to be timed beside a point says how fast the machine was
meanwhile. Knows workloads, not systems; writes no files.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
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
class _Timed:
    point: Point
    workload: Workload
    calls: int = 1
    samples: list[float] = field(default_factory=list)
    total_s: float = 0.0
    last_s: float = 0.0
    beside: Callable[[], object] | None = None
    beside_s: list[float] = field(default_factory=list)
    times_beside: list[float] = field(default_factory=list)
    error: str | None = None


def time_workload(workload: Workload, calls: int = 1) -> float:
    """Seconds that ``calls`` runs take: CUDA events on a GPU, the monotonic clock elsewhere."""
    if workload.device == "cuda":
        return _time_cuda(workload, calls)
    start = time.perf_counter()
    for _ in range(calls):
        workload.run()
    return time.perf_counter() - start


def _time_cuda(workload: Workload, calls: int) -> float:
    import torch

    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize()
    start.record()
    for _ in range(calls):
        workload.run()
    end.record()
    torch.cuda.synchronize()
    return float(start.elapsed_time(end)) / 1e3


def _prepare(timed: _Timed, settings: Settings) -> float:
    timed.workload.prepare()
    if settings.reference_layers is not None:
        timed.beside = settings.reference_layers(timed.point)
    return 0.0


def _warm(timed: _Timed) -> float:
    """Run until warm, and set how many calls make a sample. Returns the seconds of one run."""
    once = time_workload(timed.workload)
    if once > LONG_S:
        return once
    once = time_workload(timed.workload)
    while once * timed.calls < SAMPLE_S:
        timed.calls *= 2
        once = time_workload(timed.workload, timed.calls) / timed.calls
    return once


def _sample(timed: _Timed) -> float:
    device, expected = timed.workload.device, timed.beside_s[-1] if timed.beside_s else 0.0
    if timed.beside is not None:
        timed.beside_s.append(_speed.time_warm(timed.beside, 1, device, expected=expected))
    elapsed = time_workload(timed.workload, timed.calls)
    if timed.beside is not None:
        timed.times_beside.append(elapsed / timed.calls / timed.beside_s[-1])
    timed.total_s += elapsed
    timed.last_s = elapsed
    timed.samples.append(elapsed / timed.calls / timed.workload.units)
    return elapsed


def _unfinished(timed: _Timed, settings: Settings) -> bool:
    rounds = len(timed.samples)
    if timed.error is not None or rounds >= settings.max_rounds:
        return False
    return rounds < settings.rounds or timed.total_s < settings.min_time_s


def _guarded(timed: _Timed, step: Callable[[_Timed], float]) -> float:
    """Run a step on a point; a failure is kept with the point, not raised."""
    if timed.error is not None:
        return 0.0
    try:
        return step(timed)
    except (RuntimeError, MemoryError, RabbenchError) as error:
        timed.error = str(error).splitlines()[0]
        return 0.0


def measure(points: Sequence[Point], settings: Settings) -> Iterator[Measurement]:
    """One ``latency`` row a point: seconds a document, query or pair, with raw samples.

    ``params["beside_s"]`` is the median time of the point's ``settings.reference_layers``,
    ``params["times_beside"]`` the median over samples of a run's time over it.

    Tokenisation is outside the time of transformer phases, which start from token ids; it is
    part of BM25's, whose work it is. A long run's row is also yielded after each round, marked
    ``complete: false`` until its last, so that an interrupted sweep loses nothing.
    """
    timed = [_Timed(point, point.build(), samples=list(point.samples)) for point in points]
    timed.sort(key=lambda one: one.workload.shape.doc_len)
    long: set[tuple[str, str]] = set()
    for done, one in enumerate(timed):
        settings.progress("latency: warm-up", done, len(timed))
        kind = (one.point.system, one.point.phase)
        _guarded(one, partial(_prepare, settings=settings))
        if kind not in long and _guarded(one, _warm) > LONG_S:
            long.add(kind)
    collecting = gc.isenabled()
    gc.disable()
    gc.freeze()  # what is there stays: the collections between rounds look at new objects only
    try:
        for number in range(settings.max_rounds):
            left = [one for one in timed if _unfinished(one, settings)]
            for done, one in enumerate(left):
                what = f"latency: round {number + 1}, {one.point.system} {one.point.phase}"
                settings.progress(what, done, len(left))
                _guarded(one, _sample)
                if one.last_s > LONG_S and _unfinished(one, settings):
                    yield _row(one, complete=False)
            gc.collect()
    finally:
        gc.unfreeze()
        if collecting:
            gc.enable()
    for one in timed:
        yield _row(one)


def _row(one: _Timed, *, complete: bool = True) -> Measurement:
    if one.error is not None:
        status = "oom" if "memory" in one.error.lower() else "error"
        failed = {"message": one.error}
        return cost_row(one.point, "latency", None, UNIT, status=status, params=failed)
    params: dict[str, Any] = {"calls_per_sample": one.calls, "complete": complete}
    if one.beside_s:
        params["beside_s"] = statistics.median(one.beside_s)
        params["times_beside"] = statistics.median(one.times_beside)
    value = statistics.median(one.samples)
    return cost_row(one.point, "latency", value, UNIT, samples=tuple(one.samples), params=params)
