"""Peak memory of one run, each point in a child process of its own.

Resident memory never falls inside a process once it has risen, so a point measured after a larger
one would show the larger one's peak. A child also contains an out-of-memory kill. On Linux the
peak counter is reset just before the run; on CUDA torch's allocator keeps the peak. Knows
workloads, not systems; writes no files.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import multiprocessing as mp
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rabbench.types import Measurement, Point, RabbenchError, Settings, Status, cost_row

MEASURES = ("peak_memory", "working_memory")
UNIT = "B"
PROC = Path("/proc/self")
EXIT_S = 10.0  # for a child to release what its libraries hold
POLL_S = 0.2


@dataclass(frozen=True)
class Peak:
    """Bytes resident before the run and at its peak; on CUDA, allocated and reserved."""

    baseline: int
    peak: int
    reserved: int | None = None


def _resident(key: str) -> int:
    """Bytes behind ``VmRSS`` or ``VmHWM``."""
    for line in (PROC / "status").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1]) * 1024
    raise OSError(f"{PROC}/status has no {key}: peak memory is not measured on this system")


def measure_peak(run: Callable[[], object], device: str = "cpu") -> Peak:
    """The peak memory of one call, in this process: torch's on ``cuda``, else the kernel's.

    OSError where the kernel keeps no resettable peak (not Linux).
    """
    if device == "cuda":
        return _peak_cuda(run)
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # freed memory goes back, so it does not hide new
    (PROC / "clear_refs").write_text("5")  # resets VmHWM (proc_pid_clear_refs(5))
    baseline = _resident("VmRSS")
    output = run()
    peak = _resident("VmHWM")
    del output  # resident until the peak is read
    return Peak(baseline, peak)


def _peak_cuda(run: Callable[[], object]) -> Peak:
    import torch

    torch.cuda.synchronize()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    baseline = torch.cuda.memory_allocated()
    run()
    torch.cuda.synchronize()
    return Peak(baseline, torch.cuda.max_memory_allocated(), torch.cuda.max_memory_reserved())


def _restrict(limit: int, device: str) -> None:
    """Limit this process to ``limit`` bytes; more is refused, not killed."""
    if device == "cuda":
        import torch

        total = torch.cuda.get_device_properties(0).total_memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, limit / total))
        return
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    allowed = _resident("VmData") + max(0, limit - _resident("VmRSS"))
    resource.setrlimit(resource.RLIMIT_DATA, (allowed, hard))


def _run_child(point: Point, limit: int | None, answers: Any) -> None:
    """In the child: build, load, measure, send a Peak or an error's text."""
    try:
        score = PROC / "oom_score_adj"
        if score.exists():
            score.write_text("1000")  # if memory runs out, the kernel ends this process first
        workload = point.build()
        workload.prepare()
        if limit is not None:
            _restrict(limit, workload.device)
        answers.send(measure_peak(workload.run, workload.device))
    except (RuntimeError, MemoryError, OSError, RabbenchError) as error:
        first = (str(error).splitlines() or [""])[0]
        answers.send(f"{type(error).__name__}: {first}")


def _context() -> Any:
    """Children of a server that has imported torch once; a fresh interpreter elsewhere."""
    if sys.platform == "win32":
        return mp.get_context("spawn")
    context = mp.get_context("forkserver")
    context.set_forkserver_preload(["rabbench.measures._preload"])
    return context


def _watch(receiver: Any, pid: int, timeout_s: float) -> tuple[bool, int]:
    """Wait for the child's answer: whether it came in time, and the largest resident size seen."""
    import psutil

    last_peak, end = 0, time.monotonic() + timeout_s
    while True:
        if receiver.poll(POLL_S):
            return True, last_peak
        with contextlib.suppress(psutil.Error):
            last_peak = max(last_peak, psutil.Process(pid).memory_info().rss)
        if time.monotonic() >= end:
            return False, last_peak


@dataclass(frozen=True)
class Failure:
    """The end of a child without a peak; ``last_peak`` is the largest resident size seen."""

    status: Status
    message: str
    last_peak: int


def _measure_in_child(point: Point, settings: Settings) -> Peak | Failure:
    """Measure one point in a child process, whatever its end."""
    context = _context()
    receiver, sender = context.Pipe(duplex=False)
    arguments = (point, settings.memory_limit, sender)
    child = context.Process(target=_run_child, args=arguments, daemon=True)
    child.start()
    sender.close()
    last_peak, answer = 0, None
    try:
        in_time, last_peak = _watch(receiver, child.pid, settings.timeout_s)
        if not in_time:
            return Failure("timeout", f"not done after {settings.timeout_s:g} s", last_peak)
        answer = receiver.recv()
    except EOFError:
        child.join()
        status: Status = "oom" if child.exitcode == -signal.SIGKILL else "error"
        return Failure(status, f"the child ended with {child.exitcode}", last_peak)
    finally:
        receiver.close()
        if answer is not None:
            child.join(EXIT_S)
        child.kill()
        child.join()
    if isinstance(answer, Peak):
        return answer
    return Failure("oom" if "memory" in answer.lower() else "error", answer, last_peak)


def measure(points: Sequence[Point], settings: Settings) -> Iterator[Measurement]:
    """Two rows a point: ``peak_memory`` (all that is resident) and ``working_memory``.

    Working memory is the peak less what was resident before the run (weights, libraries); it is
    what grows with the document. A point that ran out of memory or time has a status, no value,
    and in ``params["last_peak"]`` the largest resident size seen.
    """
    for completed, point in enumerate(points):
        settings.progress(f"memory {point.system} {point.phase}", completed, len(points))
        outcome = _measure_in_child(point, settings)
        if isinstance(outcome, Failure):
            failure = {"message": outcome.message, "last_peak": outcome.last_peak}
            for name in MEASURES:
                yield cost_row(point, name, None, UNIT, status=outcome.status, params=failure)
            continue
        params = {"baseline": outcome.baseline}
        if outcome.reserved is not None:
            params["reserved"] = outcome.reserved
        values = (outcome.peak, outcome.peak - outcome.baseline)
        for name, value in zip(MEASURES, values, strict=True):
            yield cost_row(point, name, value, UNIT, params=params, samples=[value])
