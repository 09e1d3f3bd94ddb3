"""Energy of a unit of work, through zeus (NVML on a GPU, RAPL on a CPU) where a machine has it.

An extra (``pip install 'rabbench[energy]'``). Without zeus, or a counter that it can read, a row
has no value and says why. Knows workloads, not systems; writes no files.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence
from typing import Any

from rabbench.types import Measurement, Point, Settings, Workload, cost_row

MEASURES = ("energy",)
UNIT = "J"
# Counters are updated every few tens of milliseconds; a window this long reads them to about 2 %.
WINDOW_S = 2.0


def _monitor() -> tuple[Any, str]:
    """A zeus monitor with at least one counter, or None and the reason."""
    try:
        from zeus.monitor import ZeusMonitor
    except ImportError:
        return None, "zeus is not installed; pip install 'rabbench[energy]'"
    try:
        monitor = ZeusMonitor(approx_instant_energy=False)
    except Exception as error:
        return None, f"no energy counter could be read: {error}"
    if not monitor.gpu_indices and not monitor.cpu_indices:
        return None, "this machine offers no energy counter (neither NVML nor RAPL)"
    return monitor, ""


def _joules(monitor: Any, workload: Workload) -> tuple[float, int]:
    """Energy of as many runs as fill a window, and their number."""
    runs, end = 0, time.monotonic() + WINDOW_S
    monitor.begin_window("rabbench")
    while runs == 0 or time.monotonic() < end:
        workload.run()
        runs += 1
    return float(monitor.end_window("rabbench").total_energy), runs


def measure(points: Sequence[Point], settings: Settings) -> Iterator[Measurement]:
    """One ``energy`` row a point: joules of all counters of the machine, idle power included."""
    monitor, reason = _monitor()
    for completed, point in enumerate(points):
        settings.progress(f"energy {point.system} {point.phase}", completed, len(points))
        if monitor is None:
            params = {"message": reason}
            yield cost_row(point, "energy", None, UNIT, status="unsupported", params=params)
            continue
        workload = point.build()
        workload.prepare()
        workload.run()
        samples = []
        for _ in range(settings.rounds):
            joules, runs = _joules(monitor, workload)
            samples.append(joules / runs / workload.units)
        yield cost_row(point, "energy", statistics.median_high(samples), UNIT, samples=samples)
