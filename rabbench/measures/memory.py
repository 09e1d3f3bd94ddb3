"""Peak memory of one run, each point in a child process of its own.

Resident memory never falls inside a process once it has risen, so a point measured after a larger
one would show the larger one's peak. A child also contains an out-of-memory kill. On Linux the
peak counter is reset just before the run; on CUDA torch's allocator keeps the peak. Knows
workloads, not systems; writes no files.
"""

from __future__ import annotations

import ctypes
import gc
import multiprocessing as mp
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rabbench.records import Measurement, Point, Settings, row

MEASURES = ("peak_memory", "working_memory")
STATUS = Path("/proc/self/status")
CLEAR = Path("/proc/self/clear_refs")
END_S = 10.0


@dataclass(frozen=True)
class Peak:
    """Bytes resident before the run and at its peak; on CUDA, allocated and reserved."""

    baseline: int
    peak: int
    reserved: int | None = None


def _resident(key: str) -> int:
    """Bytes behind ``VmRSS`` or ``VmHWM``."""
    for line in STATUS.read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1]) * 1024
    raise OSError(f"{STATUS} has no {key}: peak memory is not measured on this system")


def peak_of(run: Callable[[], object], device: str = "cpu") -> Peak:
    """The peak memory of one call, in this process.

    Args:
        run: the work.
        device: ``cuda`` asks torch's allocator, anything else the kernel (Linux).

    Raises:
        OSError: where the kernel keeps no resettable peak (not Linux).
    """
    if device == "cuda":
        return _peak_cuda(run)
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # freed memory goes back, so it does not hide new
    CLEAR.write_text("5")  # resets VmHWM (proc_pid_clear_refs(5))
    baseline = _resident("VmRSS")
    kept = run()
    peak = _resident("VmHWM")
    del kept
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


def _child(point: Point, answers: Any) -> None:
    """In the child: build, load, measure, send a Peak or an error's text."""
    try:
        workload = point.build()
        workload.prepare()
        answers.send(peak_of(workload.run, workload.device))
    except (RuntimeError, MemoryError, OSError) as error:
        answers.send(f"{type(error).__name__}: {str(error).splitlines()[0]}")


def _context() -> Any:
    """Children of a server that has imported torch once; a fresh interpreter elsewhere."""
    if sys.platform == "win32":
        return mp.get_context("spawn")
    context = mp.get_context("forkserver")
    context.set_forkserver_preload(["rabbench.measures._preload"])
    return context


def in_child(point: Point, timeout_s: float) -> tuple[Peak | None, str, str]:
    """Measure one point in a child process: the peak, a status, and a message on failure."""
    context = _context()
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_child, args=(point, sender), daemon=True)
    child.start()
    sender.close()
    answered = False
    try:
        if not receiver.poll(timeout_s):
            return None, "timeout", f"not done after {timeout_s:g} s"
        answer = receiver.recv()
        answered = True
    except EOFError:
        child.join()
        killed = child.exitcode == -signal.SIGKILL
        return None, "oom" if killed else "error", f"the child ended with {child.exitcode}"
    finally:
        receiver.close()
        if answered:
            child.join(END_S)  # ends by itself, so that its libraries release what they hold
        child.kill()
        child.join()
    if isinstance(answer, Peak):
        return answer, "ok", ""
    return None, "oom" if "memory" in answer.lower() else "error", answer


def measure(points: Sequence[Point], settings: Settings) -> Iterator[Measurement]:
    """Two rows a point: ``peak_memory`` (all that is resident) and ``working_memory``.

    Working memory is the peak less what was resident before the run (weights, libraries); it is
    what grows with the document.
    """
    for done, point in enumerate(points):
        settings.progress(f"memory {point.system} {point.phase}", done, len(points))
        peak, status, message = in_child(point, settings.timeout_s)
        if peak is None:
            params = {"message": message}
            for name in MEASURES:
                yield row(point, name, None, "B", status=status, params=params)
            continue
        found = {"baseline": peak.baseline}
        if peak.reserved is not None:
            found["reserved"] = peak.reserved
        grown = peak.peak - peak.baseline
        yield row(point, "peak_memory", peak.peak, "B", params=found, samples=[peak.peak])
        yield row(point, "working_memory", grown, "B", params=found, samples=[grown])
