"""Rank tests of one question: has a cost grown by more than a margin?

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

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from rabbench.stats.intervals import Array


@dataclass(frozen=True)
class OneSidedTests:
    """p that the growth is at most the margin (``above``), and that it is at least (``below``)."""

    above: float
    below: float


def _both_sides(test: Callable[..., Any], *samples: Array, **options: Any) -> OneSidedTests:
    above, below = (
        float(test(*samples, alternative=side, **options).pvalue) for side in ("greater", "less")
    )
    return OneSidedTests(above, below)


def mann_whitney(base: Array, head: Array, margin: float) -> OneSidedTests:
    """Mann and Whitney's test of raw samples at one point."""
    from scipy.stats import mannwhitneyu

    return _both_sides(mannwhitneyu, head, base * margin)


def signed_rank(changes: Sequence[float], margin: float) -> OneSidedTests:
    """Wilcoxon's signed-rank test of the changes at several lengths (factors)."""
    from scipy.stats import wilcoxon

    excess = np.log(np.asarray(changes)) - np.log(margin)
    excess = excess[excess != 0]
    if not len(excess):
        return OneSidedTests(1.0, 1.0)
    return _both_sides(wilcoxon, excess, method="exact")


def superiority(base: Array, head: Array) -> float:
    """How often a sample of the head exceeds one of the base, ties counting half."""
    difference = head[:, None] - base[None, :]
    return float(np.mean(difference > 0) + np.mean(difference == 0) / 2)


def within_runs(runs: Sequence[Array]) -> list[float]:
    """How far equal things lie apart within a run: log ratios of medians that ought to be 0.

    The earlier half of its samples against the later one, which also shows a machine that drifts;
    nothing of a run with fewer than four samples.
    """
    split = [(run[: len(run) // 2], run[len(run) // 2 :]) for run in runs if len(run) >= 4]
    return [float(np.log(np.median(early) / np.median(late))) for early, late in split]


def between_runs(runs: Sequence[Array]) -> list[float]:
    """How far equal things lie apart from run to run: log ratios of every two runs' medians."""
    pairs = combinations([float(np.median(run)) for run in runs], 2)
    return [float(np.log(first / second)) for first, second in pairs]


def between_lengths(changes: Sequence[float]) -> list[float]:
    """How far changes at neighbouring lengths lie apart, beyond a common level and a steady slope.

    What a process does to one point for as long as it lives (layout of memory, a kernel's tile)
    does not show within a run, and would pass for a regression there; it does show here. A real
    regression shifts or tilts all lengths, which second differences leave out.

    Args:
        changes: factors, in the order of the lengths.

    Returns:
        Second differences of their logarithms, each with the variance of a single logarithm.
    """
    logs = np.log(np.asarray(changes, dtype=float))
    return [float(d) for d in np.diff(logs, 2) / np.sqrt(6)]


def three_sigma(log_ratios: Sequence[float]) -> float:
    """Three standard deviations of log ratios, by their median size; 0 without any."""
    return 3 * float(np.median(np.abs(log_ratios))) / 0.6745 if len(log_ratios) else 0.0
