"""How repeated timings spread: medians with their intervals, and the slow end.

Reads latency rows with raw samples.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from rabbench.report.labels import Labels, is_cost, rank
from rabbench.report.page import Table
from rabbench.report.wording import amount, cell, interval
from rabbench.scaling.fits import samples
from rabbench.stats.intervals import Estimate
from rabbench.types import PHASES, Measurement


def middle(row: Measurement) -> Estimate | None:
    """The median of a row's repeated runs with its 95 % interval; None where nothing was timed.

    The interval lies between two order statistics and holds for any distribution; fewer than six
    runs cannot carry one (Conover, Practical Nonparametric Statistics, 3.2).
    """
    from scipy.stats import binom

    if row.value is None:
        return None
    runs = np.sort(samples(row))
    below = int(binom.ppf(0.025, len(runs), 0.5))  # as many runs, less one, lie outside each side
    if below < 1:
        return Estimate(row.value)
    return Estimate(row.value, float(runs[below - 1]), float(runs[-below]))


def timed(row: Measurement) -> str:
    """A row's cell; a time with the interval of its median."""
    found = middle(row) if row.measure == "latency" else None
    if found is None or not math.isfinite(found.low):
        return cell(row)
    return f"{cell(row)} ({interval(found, row.unit)})"


def spread(rows: Iterable[Measurement], labels: Labels) -> Table | None:
    """Median, 90th and 99th percentile of every point that was timed more than once."""
    found = [
        row
        for row in rows
        if row.measure == "latency" and is_cost(row) and row.value and len(row.samples) > 1
    ]
    found.sort(
        key=lambda row: (
            rank(row.system),
            labels.of(row.system, row.params),
            PHASES.index(row.phase),
            row.params["doc_len"],
        )
    )
    lines = []
    for row in found:
        runs, known = samples(row), middle(row)
        p90, p99 = np.percentile(runs, [90, 99])
        lines.append(
            (
                labels.of(row.system, row.params),
                row.phase,
                f"{row.params['doc_len']:,}",
                str(len(runs)),
                cell(row),
                interval(known, row.unit) if known else "–",
                amount(float(p90), row.unit),
                amount(float(p99), row.unit),
            )
        )
    if not lines:
        return None
    return Table(
        id="timings",
        caption="Repeated runs: median (p50) with its 95 % interval, 90th and 99th percentile; of "
        "fewer than 100 runs the 99th is close to the slowest",
        columns=("system", "phase", "tokens", "runs", "p50", "95 % interval", "p90", "p99"),
        rows=lines,
        numeric=frozenset(range(2, 8)),
    )
