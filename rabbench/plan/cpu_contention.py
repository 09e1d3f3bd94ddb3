"""How busy other processes kept this machine during a piece of work.

Reads the operating system's counters; knows nothing of the work.
"""

from __future__ import annotations

import time

import psutil

WORKING = ("user", "nice", "system", "irq", "softirq", "steal")

Times = tuple[float, float, float]
"""CPU seconds of the whole machine, those of this process, and wall seconds times processors."""


def cpu_times() -> Times:
    """CPU seconds since the machine started."""
    totals = psutil.cpu_times()._asdict()
    process = psutil.Process().cpu_times()
    machine = sum(totals.get(name, 0.0) for name in WORKING)
    return machine, process.user + process.system, time.monotonic() * (psutil.cpu_count() or 1)


def cpu_contention(before: Times, after: Times) -> float:
    """The share of the machine's CPU time that neither idled nor was this process's."""
    machine, process, capacity = (late - early for early, late in zip(before, after, strict=True))
    return min(max((machine - process) / capacity, 0.0), 1.0) if capacity > 0 else 0.0
