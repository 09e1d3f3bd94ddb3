"""Rank tests of one thing: has a cost grown by more than a margin?

Knows arrays of positive numbers; knows no row. Two one-sided tests against the same margin leave
three answers: grown by more (a regression), by less (a pass), or not shown (unclear), which is what
too few samples give. So few samples can never pass.

Runs are repeated because repetitions within one do not show what differs from process to process.

Sources: Mann and Whitney, "On a test of whether one of two random variables is stochastically
larger than the other", 1947; Wilcoxon, "Individual comparisons by ranking methods", 1945; two
one-sided tests as Schuirmann (1987) has them for equivalence; the chance that one sample exceeds
another as effect size after McGraw and Wong, "A common language effect size statistic", 1992;
repetition of whole runs as Kalibera and Jones, "Rigorous benchmarking in reasonable time", 2013.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Sides:
    """p that the growth is at most the margin (``above``), and that it is at least (``below``)."""

    above: float
    below: float


def samples(base: Array, head: Array, margin: float) -> Sides:
    """Mann and Whitney's test of raw samples at one point."""
    from scipy.stats import mannwhitneyu

    bound = base * margin
    above, below = (
        float(mannwhitneyu(head, bound, alternative=side).pvalue) for side in ("greater", "less")
    )
    return Sides(above, below)


def lengths(changes: Sequence[float], margin: float) -> Sides:
    """Wilcoxon's signed-rank test of the changes at several lengths (factors)."""
    from scipy.stats import wilcoxon

    beyond = np.log(np.asarray(changes)) - np.log(margin)
    beyond = beyond[beyond != 0]
    if not len(beyond):
        return Sides(1.0, 1.0)
    above, below = (
        float(wilcoxon(beyond, alternative=side, method="exact").pvalue)
        for side in ("greater", "less")
    )
    return Sides(above, below)


def chance(base: Array, head: Array) -> float:
    """How often a sample of the head exceeds one of the base, ties counting half."""
    difference = head[:, None] - base[None, :]
    return float(np.mean(difference > 0) + np.mean(difference == 0) / 2)


def halves(runs: Sequence[Array]) -> list[float]:
    """How far equal things lie apart within a run: log ratios of medians that ought to be 0.

    The earlier half of its samples against the later one, which also shows a machine that drifts;
    nothing of a run with fewer than four samples.
    """
    split = [(run[: len(run) // 2], run[len(run) // 2 :]) for run in runs if len(run) >= 4]
    return [float(np.log(np.median(early) / np.median(late))) for early, late in split]


def between(runs: Sequence[Array]) -> list[float]:
    """How far equal things lie apart from run to run: log ratios of every two runs' medians."""
    pairs = combinations([float(np.median(run)) for run in runs], 2)
    return [float(np.log(one / other)) for one, other in pairs]


def unsteady(changes: Sequence[float]) -> list[float]:
    """How far changes at neighbouring lengths lie apart, beyond a common level and a steady slope.

    What a process does to one point for as long as it lives (layout of memory, a kernel's tile)
    does not show within a run, and would pass for a regression there; it does show here. A real
    regression shifts or tilts all lengths, which second differences leave out.

    Args:
        changes: factors, in the order of the lengths.

    Returns:
        Second differences of their logarithms, each with the variance of one of them.
    """
    logs = np.log(np.asarray(changes, dtype=float))
    return [float(d) for d in np.diff(logs, 2) / np.sqrt(6)]


def spread(apart: Sequence[float]) -> float:
    """Three standard deviations of log ratios, by their median size; 0 without any."""
    return 3 * float(np.median(np.abs(apart))) / 0.6745 if len(apart) else 0.0
