"""From rows to what the noisy tier compares: each phase's samples over those of a reference.

A cost is set over that of a reference phase at the same length in the same run, round by round, so
that the machine's speed cancels. Knows rows; judges nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from rabbench.check.reading import Identity, Reading, nearest_row
from rabbench.results import IDENTITY, row_key
from rabbench.scaling.fits import RESOLUTION
from rabbench.stats.intervals import Array
from rabbench.types import Measurement

SHAPE = ("doc_len", "query_len", "n_docs", "n_queries", "k", "batch")
ABSOLUTE = "absolute"


@dataclass
class LengthRuns:
    """One length of a phase: each run's samples, as ratios or absolute, more being worse."""

    base: list[Array] = field(default_factory=list)
    head: list[Array] = field(default_factory=list)

    @property
    def pooled(self) -> tuple[Array, Array]:
        """The samples of all runs: the baseline's, the head's."""
        return np.concatenate(self.base), np.concatenate(self.head)

    @property
    def medians(self) -> tuple[float, float]:
        """The medians of the pooled samples."""
        base, head = self.pooled
        return float(np.median(base)), float(np.median(head))

    @property
    def change(self) -> float:
        """The head's median over the base's; above 1 is worse."""
        base, head = self.medians
        return head / base

    @property
    def least_change(self) -> float:
        """The smallest change that any run of the head shows: that of its best run."""
        return min(float(np.median(run)) for run in self.head) / self.medians[0]


@dataclass
class PhaseSweep:
    """One measure of one phase over its lengths, set over the reference ``over``."""

    row: Measurement
    over: str
    points: dict[int, LengthRuns] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)

    @property
    def changes(self) -> list[float]:
        """The change at each length, shortest first."""
        return [self.points[length].change for length in sorted(self.points)]


def choose_references(rows: Sequence[Measurement]) -> tuple[str, ...]:
    """The costliest phase by the clock and the costliest of another system: least noise, in turn.

    One or two ``system/phase`` of a run's rows; where nothing was timed, by the first measure.
    """
    measures = dict.fromkeys(row.measure for row in rows)
    measure = "latency" if "latency" in measures else next(iter(measures), "")
    sums: dict[tuple[str, str], float] = {}
    for row in rows:
        if row.measure == measure and row.value:
            key = (row.system, row.phase)
            sums[key] = sums.get(key, 0.0) + row.value
    if not sums:
        return ()
    first, *rest = sorted(sums, key=lambda key: (-sums[key], key))
    rest.sort(key=lambda key: key[0] == first[0])  # stable: other systems first
    return tuple("/".join(key) for key in (first, *rest[:1]))


def build_sweeps(
    rows: Sequence[Measurement],
    base: Sequence[Reading],
    head: Sequence[Reading],
    *,
    references: Sequence[str],
    floor: float,
    absolute: bool,
) -> list[PhaseSweep]:
    """The rows of one of the baseline's runs by phase and sweep, with every run's samples.

    ``references`` are those of ``Policy``; ``absolute`` figures are set over nothing. Below
    ``floor``, a share of a figure, nothing is told apart.
    """
    sweeps: dict[tuple[str, ...], PhaseSweep] = {}
    for row in rows:
        phase = f"{row.system}/{row.phase}"
        over = ABSOLUTE if absolute else next((name for name in references if name != phase), "")
        identity = row_key(row)
        length = int(row.params["doc_len"])
        any_length = row_key(row.with_changes(params={"doc_len": None}))
        sweep = sweeps.setdefault(any_length, PhaseSweep(row, over))
        point = LengthRuns()
        for runs, readings in ((point.base, base), (point.head, head)):
            for reading in readings:
                values = _samples(reading, identity, row, over, floor)
                if isinstance(values, str):
                    sweep.missing.append(f"{length:,} tokens: {values}")
                else:
                    runs.append(values)
        if point.base and point.head:
            sweep.points[length] = point
    return list(sweeps.values())


def _samples(
    reading: Reading, identity: Identity, row: Measurement, over: str, floor: float
) -> Array | str:
    """A run's samples of one row, set over the reference's; what is missing, in words."""
    current = reading.rows.get(identity)
    if current is None:
        near = nearest_row(row, reading.rows.values())
        return f"the baseline has this row, the run has not{near}"
    values = _raw_samples(current, floor)
    if isinstance(values, str):
        return values
    if over != ABSOLUTE:
        reference = _reference(reading, current, over)
        if reference is None:
            phase = over or "another phase"
            return f"nothing to set it over: the run has no {row.measure} of {phase}"
        under = _raw_samples(reference, floor)
        if isinstance(under, str):
            return f"{over}: {under}"
        rounds = min(len(values), len(under))
        values = values[:rounds] / under[:rounds]
    return values if row.better == "lower" else 1 / values


def _raw_samples(row: Measurement, floor: float) -> Array | str:
    """A row's raw samples, or why there are none.

    Bytes below what can be told apart count as just that many: 1 MiB is the floor's share of it.
    """
    if row.value is None:
        return f"not measured ({row.status}): {row.params.get('message', 'no reason was given')}"
    raw = () if isinstance(row.samples, Mapping) else row.samples
    values = np.asarray(raw if len(raw) else [row.value], dtype=float)
    if row.unit == "B":
        values = np.maximum(values, RESOLUTION / floor)  # NaN stays NaN
    if not (np.isfinite(values).all() and (values > 0).all()):
        return "a sample is no positive number"
    return values


def _reference(reading: Reading, row: Measurement, over: str) -> Measurement | None:
    """The reference's row of the same measure and shape, of the most similar sweep."""

    def fits(candidate: Measurement) -> bool:
        phase = f"{candidate.system}/{candidate.phase}"
        return (candidate.measure, phase) == (row.measure, over) and all(
            candidate.params.get(name) == row.params.get(name) for name in SHAPE
        )

    def similarity(candidate: Measurement) -> int:
        return sum(candidate.params.get(name) == row.params.get(name) for name in IDENTITY)

    return max(filter(fits, reading.rows.values()), key=similarity, default=None)
