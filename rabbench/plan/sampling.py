"""Times callables in interleaved rounds within a given time; knows nothing of what they do."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from rabbench.measures._speed import time_calls, time_warm

SAMPLE_S = 0.005  # a sample of a short call covers enough calls to last this long
ROUNDS = 31
# The next of a kind takes two to three times as long as the last; a warm-up and a sample of it must
# fit into the remaining time.
ROOM = 6


def sample_rounds(
    runs: Sequence[tuple[str, Callable[[], object]]],
    *,
    seconds: float,
    device: str,
    rounds: int = ROUNDS,
) -> list[list[float]]:
    """Seconds of one call of each run, sampled round by round until the time is spent.

    ``runs`` are callables with the kind of each; ``rounds`` is the most samples of one. A first
    round warms up and finds how long each takes. The first two runs of a kind are always timed; a
    later one only if it is likely to fit, judged by the last of its kind, so give the runs of a
    kind smallest first. Every run that was warmed up gets one sample, and short ones get more.

    Returns:
        The samples of each run in order; empty for one that did not fit.
    """
    end = time.perf_counter() + seconds
    calls: list[int] = []
    sample_s: list[float] = []
    by_kind: dict[str, list[float]] = {}
    for kind, run in runs:
        earlier = by_kind.setdefault(kind, [])
        if len(earlier) > 1 and end - time.perf_counter() < ROOM * earlier[-1]:
            calls.append(0)
            sample_s.append(0.0)
            continue
        call_s = time_calls(run, 1, device)
        if call_s < SAMPLE_S:
            call_s = time_calls(run, 1, device)
        earlier.append(call_s)
        calls.append(max(1, round(SAMPLE_S / max(call_s, 1e-9))))
        sample_s.append(call_s * calls[-1])
    samples: list[list[float]] = [[] for _ in runs]
    for turn in range(rounds):
        for number, (_, run) in enumerate(runs):
            fits = time.perf_counter() + sample_s[number] <= end
            if calls[number] and (turn == 0 or fits):
                expected = sample_s[number] / calls[number]
                sample_s[number] = time_warm(run, calls[number], device, expected=expected)
                samples[number].append(sample_s[number] / calls[number])
    return samples
