"""Seconds that a callable takes on a device; knows torch and nothing of the project."""

from __future__ import annotations

import time
from collections.abc import Callable


def once(run: Callable[[], object], calls: int, device: str) -> float:
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
