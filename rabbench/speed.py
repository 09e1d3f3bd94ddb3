"""How fast the machine is at one moment: the time of a matrix product that is always the same.

Neighbours on the same host, heat and power limits change a machine's speed by tens of percent
within a minute. A fixed product timed beside each sample tells such changes from those of the work
itself. Knows torch and nothing of the project.
"""

from __future__ import annotations

import time
from collections.abc import Callable

SIDE = {"cpu": 768, "cuda": 4096}  # a few milliseconds on common machines


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


def product(device: str) -> Callable[[], float]:
    """A timer of the fixed product: each call does it twice and gives the second one's seconds.

    The first brings its matrices into the caches, whatever ran before: fetched from memory they
    take a tenth longer, which says nothing of the machine's speed.

    Args:
        device: ``cpu`` or ``cuda``; float32, of side ``SIDE[device]``.
    """
    import torch

    factor = torch.full((SIDE[device], SIDE[device]), 0.5, device=device)
    out = torch.empty_like(factor)

    def multiply() -> None:
        with torch.inference_mode():
            torch.mm(factor, factor, out=out)

    def timed() -> float:
        multiply()
        return once(multiply, 1, device)

    timed()  # the first call of a library is not its speed
    return timed
