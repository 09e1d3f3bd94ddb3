"""Seconds that a callable takes on a device; knows torch and nothing of the project."""

from __future__ import annotations

import time
from collections.abc import Callable

WARM_S = 0.1  # calls below this are warmed up


def time_calls(run: Callable[[], object], calls: int, device: str) -> float:
    """Seconds that ``calls`` calls take, the device's queue included."""
    import torch

    wait = torch.cuda.synchronize if device == "cuda" else None
    if wait:
        wait()
    start = time.perf_counter()
    for _ in range(calls):
        run()
    if wait:
        wait()
    return time.perf_counter() - start


def time_warm(run: Callable[[], object], calls: int, device: str, *, expected: float) -> float:
    """:func:`once`, after an untimed call where one is expected to take less than ``WARM_S``.

    What ran before leaves caches cold and threads asleep. That costs a short call up to a tenth of
    its time, and a long one, or many in a row, next to nothing.
    """
    if expected < WARM_S:
        run()
    return time_calls(run, calls, device)
