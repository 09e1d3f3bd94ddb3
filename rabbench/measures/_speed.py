"""Seconds that a callable takes on a device; knows torch and nothing of the project."""

from __future__ import annotations

import time
from collections.abc import Callable

WARM_S = 0.1  # shorter calls are warmed up


def time_calls(run: Callable[[], object], calls: int, device: str) -> float:
    """Seconds of ``calls`` calls, the device's queue included."""
    import torch

    def wait() -> None:
        if device == "cuda":
            torch.cuda.synchronize()

    wait()
    start = time.perf_counter()
    for _ in range(calls):
        run()
    wait()
    return time.perf_counter() - start


def time_warm(run: Callable[[], object], calls: int, device: str, *, expected: float) -> float:
    """:func:`time_calls`, after an untimed call where less than ``WARM_S`` is expected.

    Other work leaves caches cold and threads asleep. That costs a short call up to a tenth of its
    time, and a long one, or many in a row, next to nothing.
    """
    if expected < WARM_S:
        run()
    return time_calls(run, calls, device)
