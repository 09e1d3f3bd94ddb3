"""Costs of several runs side by side, only where they mean the same thing.

Counts (FLOPs, bytes of index) hold on any machine; times and memory are set side by side only of
runs on one machine, by its id. Two rows are of the same work if they agree in system, phase, shape
and pair convention; the model, the attention, the type and the device may differ, since that is
what is compared. Knows rows; what is not compared is told with its reason.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from rabbench.report.comparison.runs import LeftOut, Side
from rabbench.report.labels import SEPARATOR, is_cost, name_of, rank
from rabbench.report.wording import join_words
from rabbench.scaling.fits import KEYS, NOISE_FREE, samples
from rabbench.stats.intervals import Estimate
from rabbench.types import PHASES, Measurement

TELLING = tuple(name for name in KEYS if name in {"model", "attention", "dtype", "device"})
"""The params by which one run may have several sweeps of one system."""

SHAPE = ("query_len", "n_docs", "n_queries", "k", "batch")
UNREAD = {"index": frozenset({"query_len"})}
"""What of a shape a phase does not depend on."""

RESAMPLES = 999
DRIFT = (
    "Runs were measured one after another, not in turns: an interval holds the scatter within "
    "each run, and nothing of what changed on the machine between them."
)


@dataclass(frozen=True)
class Work:
    """One cost of one phase of one system's sweep, whatever its document length."""

    system: str
    label: str
    phase: str
    measure: str
    pairs: str
    shape: tuple[tuple[str, Any], ...]

    @property
    def name(self) -> str:
        """As a sentence names it: “teacher, score, FLOPs”."""
        pairs = f" ({self.pairs})" if self.pairs not in {"", "dense"} else ""
        return f"{self.label}, {self.phase}, {name_of(self.measure)}{pairs}"

    @property
    def order(self) -> tuple[Any, ...]:
        """Where it stands among others."""
        phase = [*PHASES].index(self.phase)  # type: ignore[arg-type]
        return (rank(self.system), self.label, phase, self.pairs != "dense", self.pairs)


Sweep = Mapping[int, Measurement]
"""A row for each document length."""


@dataclass(frozen=True, kw_only=True)
class Matched:
    """The same work in two runs or more, at the lengths that all of them have."""

    work: Work
    sides: tuple[str, ...]
    sweeps: tuple[Sweep, ...]

    @cached_property
    def lengths(self) -> list[int]:
        """The document lengths at which all have a row, ascending."""
        return sorted(set.intersection(*(set(sweep) for sweep in self.sweeps)))

    @cached_property
    def measured(self) -> list[int]:
        """Those of them at which all have a value."""
        return [n for n in self.lengths if all(one[n].value is not None for one in self.sweeps)]

    def factor(self, side: int, length: int) -> Estimate:
        """A side's value over the first side's at a length; counts are exact."""
        return _over(self.sweeps[side][length], self.sweeps[0][length])

    @property
    def exact(self) -> bool:
        """Whether this is counted, not measured."""
        return self.work.measure in NOISE_FREE

    @property
    def equal(self) -> bool:
        """Whether all values are the same, which only counts can be expected to be."""
        return all(
            one[length].value == self.sweeps[0][length].value
            for length in self.measured
            for one in self.sweeps
        )


def _over(row: Measurement, first: Measurement) -> Estimate:
    """The ratio of two rows' values, with the interval that resampling their samples gives."""
    if not first.value:
        return Estimate(math.nan)
    value = (row.value or 0.0) / first.value
    if row.measure in NOISE_FREE:
        return Estimate(value, value, value)
    drawn = [samples(row), samples(first)]
    if any(len(sample) < 2 for sample in drawn):
        return Estimate(value)
    from scipy import stats

    def ratio(over: Any, under: Any, axis: int = -1) -> Any:
        return np.median(over, axis=axis) / np.median(under, axis=axis)

    rng = np.random.default_rng(0)
    options: Any = {"n_resamples": RESAMPLES, "method": "percentile", "random_state": rng}
    found = stats.bootstrap(drawn, ratio, **options).confidence_interval
    return Estimate(value, float(found.low), float(found.high))


class Costs:
    """The costs of all sides, matched where they are of the same work."""

    def __init__(self, sides: Sequence[Side]) -> None:
        self.sides = sides
        rows = {side.label: [row for row in side.results.rows if is_cost(row)] for side in sides}
        self._telling = _telling(rows.values())
        self._sweeps = {label: self._by_work(found) for label, found in rows.items()}

    def label_of(self, system: str, params: Mapping[str, Any]) -> str:
        """A system, with what tells its sweeps apart where one run has several."""
        told = [n for n in TELLING if (system, n) in self._telling and n in params]
        return SEPARATOR.join([system, *(str(params[name]) for name in told)])

    def _by_work(self, rows: Sequence[Measurement]) -> dict[Work, dict[int, Measurement]]:
        found: dict[Work, dict[int, Measurement]] = {}
        for row in rows:
            unread = UNREAD.get(row.phase, frozenset())
            shape = tuple((n, row.params.get(n)) for n in SHAPE if n not in unread)
            pairs = str(row.params.get("pairs", ""))
            work = Work(
                row.system,
                self.label_of(row.system, row.params),
                row.phase,
                row.measure,
                pairs,
                shape,
            )
            found.setdefault(work, {})[int(row.params["doc_len"])] = row
        return found

    @cached_property
    def groups(self) -> list[tuple[str, ...]]:
        """The sides of each machine that has several; a machine without an id is alone."""
        by_machine: dict[str, list[str]] = {}
        for side in self.sides:
            if side.machine is not None:
                by_machine.setdefault(side.machine, []).append(side.label)
        return [tuple(labels) for labels in by_machine.values() if len(labels) > 1]

    @cached_property
    def _compared(self) -> tuple[list[Matched], list[LeftOut]]:
        """All that is compared, and what is not."""
        works = dict.fromkeys(work for sweeps in self._sweeps.values() for work in sweeps)
        matched: list[Matched] = []
        out: list[LeftOut] = []
        for work in sorted(works, key=lambda one: one.order):
            having = tuple(label for label, sweeps in self._sweeps.items() if work in sweeps)
            groups = self._groups(work, having)
            for group in groups:
                sweeps = tuple(self._sweeps[label][work] for label in group)
                one = Matched(work=work, sides=group, sweeps=sweeps)
                if one.lengths:
                    matched.append(one)
                else:
                    out.append(_no_length(one))
            if len(having) > 1 and len({label for group in groups for label in group}) < len(
                having
            ):
                out.append(self._other_machine(work, having))
            if len(having) < len(self.sides):
                out.append(self._lacking(work, having))
        return matched, out

    def _groups(self, work: Work, having: tuple[str, ...]) -> list[tuple[str, ...]]:
        """The sides among which a work's values may be set side by side."""
        if work.measure in NOISE_FREE:
            groups = [having]
        else:
            groups = [tuple(one for one in group if one in having) for group in self.groups]
        return [group for group in groups if len(group) > 1]

    def _other_machine(self, work: Work, having: Sequence[str]) -> LeftOut:
        machines = {side.label: side.machine or "not named" for side in self.sides}
        named = "; ".join(f"{label} on {machines[label]}" for label in having)
        return LeftOut(
            what=f"{name_of(work.measure)}, absolute",
            sides=tuple(having),
            reason=f"holds on one machine only ({named}); ratios within a run are compared",
        )

    def _lacking(self, work: Work, having: tuple[str, ...]) -> LeftOut:
        """Why a work is not in every side: not measured there, or measured at another shape."""
        for label, sweeps in self._sweeps.items():
            for other in sweeps:
                same = (other.label, other.phase, other.measure, other.pairs)
                if label in having or same != (work.label, work.phase, work.measure, work.pairs):
                    continue
                apart = [
                    f"{name} {mine} in {join_words(having)}, {theirs} in {label}"
                    for (name, mine), (_, theirs) in zip(work.shape, other.shape, strict=True)
                    if mine != theirs
                ]
                return LeftOut(
                    what=f"{work.label}, {work.phase}",
                    sides=(*having, label),
                    reason=f"other work: {'; '.join(apart)}",
                )
        others = [sweeps for label, sweeps in self._sweeps.items() if label not in having]
        present = {other.system for sweeps in others for other in sweeps}
        what = (
            work.label if work.system not in present else f"{work.label}: {name_of(work.measure)}"
        )
        return LeftOut(what=what, sides=having, reason=f"only {join_words(having)} measured it")

    @property
    def matched(self) -> list[Matched]:
        """The same work in several sides, counts first."""
        return self._compared[0]

    @property
    def left_out(self) -> list[LeftOut]:
        """What is not compared; each reason once for what it concerns."""
        return list(dict.fromkeys(self._compared[1]))


def _telling(groups: Any) -> set[tuple[str, str]]:
    """(system, param) of which one run has several values."""
    found = set()
    for rows in groups:
        seen: dict[tuple[str, str], set[str]] = {}
        for row in rows:
            for name in TELLING:
                if name in row.params:
                    seen.setdefault((row.system, name), set()).add(str(row.params[name]))
        found |= {pair for pair, values in seen.items() if len(values) > 1}
    return found


def _no_length(one: Matched) -> LeftOut:
    ends = "; ".join(
        f"{min(sweep):,} to {max(sweep):,} in {label}"
        for label, sweep in zip(one.sides, one.sweeps, strict=True)
    )
    return LeftOut(
        what=one.work.name,
        sides=one.sides,
        reason=f"no document length in common ({ends}); give the same --min-doc-len, "
        "--max-doc-len and --points",
    )
