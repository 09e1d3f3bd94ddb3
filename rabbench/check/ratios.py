"""From rows to what the noisy tier compares: each phase's samples over those of a reference.

A cost is set over that of a reference phase at the same length in the same run, round by round, so
that the machine's speed cancels. Knows rows; judges nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from rabbench.check.reading import Identity, Reading, nearest
from rabbench.results import IDENTITY, row_key
from rabbench.scaling.fits import RESOLUTION
from rabbench.stats.intervals import Array
from rabbench.types import Measurement

SHAPE = ("doc_len", "query_len", "n_docs", "n_queries", "k", "batch")
ABSOLUTE = "absolute"


@dataclass
class Point:
    """One length of a phase: each run's samples, as ratios or absolute, more being worse."""

    base: list[Array] = field(default_factory=list)
    head: list[Array] = field(default_factory=list)

    @property
    def all(self) -> tuple[Array, Array]:
        """The samples of all runs: the baseline's, the head's."""
        return np.concatenate(self.base), np.concatenate(self.head)

    @property
    def middles(self) -> tuple[float, float]:
        """Their medians."""
        base, head = self.all
        return float(np.median(base)), float(np.median(head))

    @property
    def change(self) -> float:
        """The head's median over the base's; above 1 is worse."""
        base, head = self.middles
        return head / base

    @property
    def least(self) -> float:
        """The smallest change that any run of the head shows: that of its best run."""
        base, _ = self.middles
        return min(float(np.median(run)) for run in self.head) / base


@dataclass
class Group:
    """One measure of one phase over its lengths."""

    row: Measurement
    over: str
    points: dict[int, Point] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)

    @property
    def changes(self) -> list[float]:
        """The change at each length, shortest first."""
        return [self.points[length].change for length in sorted(self.points)]


def chosen(rows: Sequence[Measurement]) -> tuple[str, ...]:
    """The costliest phase by the clock and the costliest of another system: least noise, in turn.

    Args:
        rows: of one run.

    Returns:
        One or two ``system/phase``; where nothing was timed, the costliest by the first measure.
    """
    measures = dict.fromkeys(row.measure for row in rows)
    measure = "latency" if "latency" in measures else next(iter(measures), "")
    sums: dict[tuple[str, str], float] = {}
    for row in rows:
        if row.measure == measure and row.value:
            of = (row.system, row.phase)
            sums[of] = sums.get(of, 0.0) + row.value
    first, *others = sorted(sums, key=lambda of: (-sums[of], of)) or [("", "")]
    others.sort(key=lambda of: of[0] == first[0])  # stable: other systems first
    return tuple("/".join(of) for of in (first, *others[:1]) if of[0])


def groups(
    rows: Sequence[Measurement],
    base: Sequence[Reading],
    head: Sequence[Reading],
    references: Sequence[str],
    floor: float,
    *,
    absolute: bool,
) -> list[Group]:
    """The baseline's rows by phase and sweep, with every run's samples.

    Args:
        rows: of one of the baseline's runs: what must be there.
        base: the baseline's runs.
        head: the runs that are judged.
        references: as of ``Policy``.
        floor: the share of a figure below which nothing is told apart.
        absolute: the figures themselves, over nothing.
    """
    found: dict[tuple[str, ...], Group] = {}
    for row in rows:
        own = f"{row.system}/{row.phase}"
        over = ABSOLUTE if absolute else next((one for one in references if one != own), "")
        identity = row_key(row)
        group = found.setdefault(_sweep(identity), Group(row, over))
        length = int(row.params["doc_len"])
        point = Point()
        for runs, readings in ((point.base, base), (point.head, head)):
            for reading in readings:
                values = _samples(reading, identity, row, over, floor)
                if isinstance(values, str):
                    group.missing.append(f"{length:,} tokens: {values}")
                else:
                    runs.append(values)
        if point.base and point.head:
            group.points[length] = point
    return list(found.values())


def _sweep(identity: Identity) -> tuple[str, ...]:
    """An identity without the length."""
    params = {key: of for key, of in json.loads(identity[-1]).items() if key != "doc_len"}
    return (*identity[:-1], json.dumps(params, sort_keys=True))


def _samples(
    reading: Reading, identity: Identity, row: Measurement, over: str, floor: float
) -> Array | str:
    """A run's samples of one row, set over the reference's; what is missing, in words."""
    now = reading.rows.get(identity)
    if now is None:
        near = nearest(row, reading.rows.values())
        return f"the baseline has this row, the run has not{near}"
    own = _values(now, floor)
    if isinstance(own, str):
        return own
    if over == ABSOLUTE:
        return own if row.better == "lower" else 1 / own
    reference = _reference(reading, now, over)
    if reference is None:
        return f"nothing to set it over: the run has no {row.measure} of {over or 'another phase'}"
    under = _values(reference, floor)
    if isinstance(under, str):
        return f"{over}: {under}"
    rounds = min(len(own), len(under))
    ratios = own[:rounds] / under[:rounds]
    return ratios if row.better == "lower" else 1 / ratios


def _values(row: Measurement, floor: float) -> Array | str:
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

    def fits(other: Measurement) -> bool:
        same = all(other.params.get(name) == row.params.get(name) for name in SHAPE)
        return same and (other.measure, f"{other.system}/{other.phase}") == (row.measure, over)

    def shared(other: Measurement) -> int:
        names = IDENTITY
        return sum(other.params.get(name) == row.params.get(name) for name in names)

    return max(filter(fits, reading.rows.values()), key=shared, default=None)
