"""Times callables in interleaved rounds within a given time; knows nothing of what they do."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from rabbench.measures._speed import time_calls, time_warm

SAMPLE_S = 0.005  # a sample of a short call covers enough calls to last this long
ROUNDS = 31
# The next of a kind takes two to three times as long as the last; a warm-up and a sample of it must
# fit into what is left.
ROOM = 6

Job = tuple[str, Callable[[], object]]
"""A kind of work and what does it once."""


def sampled(
    jobs: Sequence[Job],
    *,
    seconds: float,
    device: str,
    rounds: int = ROUNDS,
) -> list[list[float]]:
    """Seconds of one call of each job, sampled round by round until the time is spent.

    A first round warms up and finds how long each takes. The first two jobs of a kind are always
    timed; a later one only if it is likely to fit, judged by the last of its kind, so give the jobs
    of a kind smallest first. Every job that was warmed up gets one sample, and short ones get
    more.

    Args:
        jobs: what to time.
        seconds: in all.
        device: ``cuda`` waits for the device around each sample.
        rounds: samples of a job, at most.

    Returns:
        The samples of each job in order; empty for a job that did not fit.
    """
    end = time.perf_counter() + seconds
    calls: list[int] = []
    lasting: list[float] = []
    of_kind: dict[str, list[float]] = {}
    for kind, run in jobs:
        earlier = of_kind.setdefault(kind, [])
        if len(earlier) > 1 and end - time.perf_counter() < ROOM * earlier[-1]:
            calls.append(0)
            lasting.append(0.0)
            continue
        taken = time_calls(run, 1, device)
        if taken < SAMPLE_S:
            taken = time_calls(run, 1, device)
        earlier.append(taken)
        calls.append(max(1, round(SAMPLE_S / max(taken, 1e-9))))
        lasting.append(taken * calls[-1])
    samples: list[list[float]] = [[] for _ in jobs]
    for turn in range(rounds):
        for number, (_, run) in enumerate(jobs):
            fits = time.perf_counter() + lasting[number] <= end
            if calls[number] and (turn == 0 or fits):
                single = lasting[number] / calls[number]
                lasting[number] = time_warm(run, calls[number], device, expected=single)
                samples[number].append(lasting[number] / calls[number])
    return samples
