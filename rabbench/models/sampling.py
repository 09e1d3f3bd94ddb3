"""Times callables in interleaved rounds within a given time; knows nothing of what they do."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

SAMPLE_S = 0.005  # a sample of a short call covers enough calls to last this long
ROUNDS = 31


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


def sampled(
    jobs: Sequence[Callable[[], object]], *, seconds: float, device: str
) -> list[list[float]]:
    """Seconds of one call of each job, sampled round by round until the time is spent.

    The first round warms up and finds how long each takes; give jobs that grow in the order of
    their size. A job that would not fit twice into what is left of the time gets no sample, unless
    it is the first; long ones get fewer samples than short ones.

    Args:
        jobs: what to time.
        seconds: in all.
        device: ``cuda`` waits for the device around each sample.

    Returns:
        The samples of each job in order; empty for a job that did not fit.
    """
    end = time.perf_counter() + seconds
    calls: list[int] = []
    last: list[float] = []
    for number, job in enumerate(jobs):
        left = end - time.perf_counter()
        # Jobs grow by a factor of up to about five; what they cost is known once they have run.
        if number and left < 3 * last[-1]:
            calls.append(0)
            last.append(last[-1])
            continue
        first = once(job, 1, device)
        if first < SAMPLE_S:
            first = once(job, 1, device)
        calls.append(max(1, round(SAMPLE_S / max(first, 1e-9))))
        last.append(first * calls[-1])
    samples: list[list[float]] = [[] for _ in jobs]
    for turn in range(ROUNDS):
        for number, job in enumerate(jobs):
            fits = time.perf_counter() + last[number] <= end
            if calls[number] and (turn == 0 or fits):
                last[number] = once(job, calls[number], device)
                samples[number].append(last[number] / calls[number])
    return samples
