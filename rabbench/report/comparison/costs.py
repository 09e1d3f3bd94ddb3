"""Costs of several runs side by side, only where they mean the same thing.

Counts (FLOPs, bytes of index) hold on any machine; times and memory are set side by side only of
runs on one machine, by its id. Two rows are of the same work if they agree in system, phase, shape
and pair convention; the model, the attention, the type and the device may differ, since that is
what is compared. Knows rows; what is not compared is told with its reason.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from rabbench.report.comparison.runs import LeftOut, Side
from rabbench.report.labels import SEPARATOR, is_cost, measures_of, name_of, rank
from rabbench.report.page import Cell, Column, Row, Table
from rabbench.report.wording import join_words
from rabbench.scaling.fits import KEYS, NOISE_FREE, samples
from rabbench.stats.intervals import Estimate, median_ratio
from rabbench.types import PHASES, Measurement, Phase

DISTINCT = tuple(name for name in KEYS if name in {"model", "attention", "dtype", "device"})
"""The params by which one run may have several sweeps of one system."""

SHAPE = ("query_len", "n_docs", "n_queries", "k", "batch")
UNREAD = {"index": frozenset({"query_len"})}
"""What of a shape a phase does not depend on."""

DRIFT = (
    "Runs were measured one after another, not in turns: an interval holds the scatter within "
    "each run, and nothing of what changed on the machine between them."
)


@dataclass(frozen=True)
class CostKey:
    """One cost of one phase of one system's sweep, whatever its document length."""

    system: str
    label: str
    phase: Phase
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
        place = PHASES.index(self.phase)
        return (rank(self.system), self.label, place, self.pairs != "dense", self.pairs)


RowsByLength = Mapping[int, Measurement]
"""A row for each document length."""


@dataclass(frozen=True, kw_only=True)
class MatchedCost:
    """The same work in two runs or more, at the lengths that all of them have."""

    key: CostKey
    sides: tuple[str, ...]
    sweeps: tuple[RowsByLength, ...]

    @cached_property
    def lengths(self) -> list[int]:
        """The document lengths at which all have a row, ascending."""
        return sorted(set.intersection(*(set(sweep) for sweep in self.sweeps)))

    @cached_property
    def measured(self) -> list[int]:
        """Those of them at which all have a value."""
        return [n for n in self.lengths if all(s[n].value is not None for s in self.sweeps)]

    def factor(self, side: int, length: int) -> Estimate:
        """A side's value over the first side's at a length; counts are exact."""
        row, first = self.sweeps[side][length], self.sweeps[0][length]
        if not first.value:
            return Estimate(math.nan)
        value = (row.value or 0.0) / first.value
        if self.exact:
            return Estimate(value, value, value)
        drawn = samples(row), samples(first)
        if any(len(sample) < 2 for sample in drawn):
            return Estimate(value)
        interval = median_ratio(*drawn)
        return Estimate(value, interval.low, interval.high)

    @property
    def exact(self) -> bool:
        """Whether this is counted, not measured."""
        return self.key.measure in NOISE_FREE

    @property
    def equal(self) -> bool:
        """Whether all values are the same, which only counts can be expected to be."""
        return all(
            sweep[length].value == self.sweeps[0][length].value
            for length in self.measured
            for sweep in self.sweeps
        )


class CostComparison:
    """The costs of all sides, matched where they are of the same work."""

    def __init__(self, sides: Sequence[Side]) -> None:
        self.sides = sides
        rows = {side.label: [row for row in side.results.rows if is_cost(row)] for side in sides}
        self._distinct = _distinct_params(rows.values())
        self._sweeps = {label: self._by_key(costs) for label, costs in rows.items()}

    def label_of(self, system: str, params: Mapping[str, Any]) -> str:
        """A system, with the params that distinguish its sweeps where one run has several."""
        names = [n for n in DISTINCT if (system, n) in self._distinct and n in params]
        return SEPARATOR.join([system, *(str(params[name]) for name in names)])

    def _by_key(self, rows: Iterable[Measurement]) -> dict[CostKey, dict[int, Measurement]]:
        sweeps: dict[CostKey, dict[int, Measurement]] = {}
        for row in rows:
            unread = UNREAD.get(row.phase, frozenset())
            key = CostKey(
                system=row.system,
                label=self.label_of(row.system, row.params),
                phase=row.phase,  # type: ignore[arg-type]
                measure=row.measure,
                pairs=str(row.params.get("pairs", "")),
                shape=tuple((n, row.params.get(n)) for n in SHAPE if n not in unread),
            )
            sweeps.setdefault(key, {})[int(row.params["doc_len"])] = row
        return sweeps

    @cached_property
    def groups(self) -> list[tuple[str, ...]]:
        """The sides of each machine that has several; a machine without an id is alone."""
        by_machine: dict[str, list[str]] = {}
        for side in self.sides:
            if side.machine is not None:
                by_machine.setdefault(side.machine, []).append(side.label)
        return [tuple(labels) for labels in by_machine.values() if len(labels) > 1]

    @property
    def matched(self) -> list[MatchedCost]:
        """The same work in several sides."""
        return self._compared[0]

    @property
    def left_out(self) -> list[LeftOut]:
        """What is not compared; each reason once for what it concerns."""
        return list(dict.fromkeys(self._compared[1]))

    @cached_property
    def _compared(self) -> tuple[list[MatchedCost], list[LeftOut]]:
        keys = {key for sweeps in self._sweeps.values() for key in sweeps}
        matched: list[MatchedCost] = []
        left_out: list[LeftOut] = []
        for key in sorted(keys, key=lambda key: key.order):
            having = tuple(label for label, sweeps in self._sweeps.items() if key in sweeps)
            groups = self._groups(key, having)
            for group in groups:
                sweeps = tuple(self._sweeps[label][key] for label in group)
                cost = MatchedCost(key=key, sides=group, sweeps=sweeps)
                if cost.lengths:
                    matched.append(cost)
                else:
                    left_out.append(_no_common_length(cost))
            if len(having) > 1 and {label for group in groups for label in group} < set(having):
                left_out.append(self._other_machine(key, having))
            if len(having) < len(self.sides):
                left_out.append(self._lacking(key, having))
        return matched, left_out

    def _groups(self, key: CostKey, having: tuple[str, ...]) -> list[tuple[str, ...]]:
        """The sides among which a cost's values may be set side by side."""
        groups = [tuple(label for label in group if label in having) for group in self.groups]
        if key.measure in NOISE_FREE:
            groups = [having]
        return [group for group in groups if len(group) > 1]

    def _other_machine(self, key: CostKey, having: Sequence[str]) -> LeftOut:
        machines = {side.label: side.machine or "not named" for side in self.sides}
        where = "; ".join(f"{label} on {machines[label]}" for label in having)
        return LeftOut(
            what=f"{name_of(key.measure)}, absolute",
            sides=tuple(having),
            reason=f"holds on one machine only ({where}); ratios within a run are compared",
        )

    def _lacking(self, key: CostKey, having: tuple[str, ...]) -> LeftOut:
        """Why a cost is not in every side: not measured there, or measured at another shape."""
        elsewhere = {s: sweeps for s, sweeps in self._sweeps.items() if s not in having}
        for side, sweeps in elsewhere.items():
            for other in sweeps:
                same = (other.label, other.phase, other.measure, other.pairs)
                if same == (key.label, key.phase, key.measure, key.pairs):
                    apart = [
                        f"{name} {here} in {join_words(having)}, {there} in {side}"
                        for (name, here), (_, there) in zip(key.shape, other.shape, strict=True)
                        if here != there
                    ]
                    reason = f"other work: {'; '.join(apart)}"
                    return LeftOut(f"{key.label}, {key.phase}", (*having, side), reason)
        present = {other.system for sweeps in elsewhere.values() for other in sweeps}
        what = f"{key.label}: {name_of(key.measure)}" if key.system in present else key.label
        return LeftOut(what=what, sides=having, reason=f"only {join_words(having)} measured it")


def _distinct_params(runs: Iterable[Sequence[Measurement]]) -> set[tuple[str, str]]:
    """(system, param) of which one run has several values."""
    distinct = set()
    for rows in runs:
        values: dict[tuple[str, str], set[str]] = {}
        for row in rows:
            for name in row.params.keys() & set(DISTINCT):
                values.setdefault((row.system, name), set()).add(str(row.params[name]))
        distinct |= {pair for pair, several in values.items() if len(several) > 1}
    return distinct


def _no_common_length(cost: MatchedCost) -> LeftOut:
    ends = "; ".join(
        f"{min(sweep):,} to {max(sweep):,} in {label}"
        for label, sweep in zip(cost.sides, cost.sweeps, strict=True)
    )
    return LeftOut(
        what=cost.key.name,
        sides=cost.sides,
        reason=f"no document length in common ({ends}); give the same --min-doc-len, "
        "--max-doc-len and --points",
    )


def _grouped(
    costs: Sequence[MatchedCost],
) -> list[tuple[tuple[str, ...], list[MatchedCost]]]:
    """By sides, counts before what is measured; costs in their usual order."""
    order = measures_of(cost.key.measure for cost in costs)
    groups: dict[tuple[bool, tuple[str, ...]], list[MatchedCost]] = {}
    for cost in sorted(costs, key=lambda cost: (order.index(cost.key.measure), cost.key.order)):
        groups.setdefault((not cost.exact, cost.sides), []).append(cost)
    return [(key[1], groups[key]) for key in sorted(groups, key=lambda key: key[0])]


def summary_tables(costs: Sequence[MatchedCost]) -> list[Table]:
    """A table for the counts, and one for each machine: a line a cost, at the longest length.

    Of FLOPs the dense count; of two kinds of memory the one that the weights are not in.
    """
    tables = []
    for number, (sides, group) in enumerate(_grouped(costs)):
        twice = {"peak_memory"} if any(c.key.measure == "working_memory" for c in group) else set()
        rows = [
            _summary_row(cost)
            for cost in group
            if cost.measured and cost.key.pairs in {"", "dense"} and cost.key.measure not in twice
        ]
        kind = "counts" if group[0].exact else "measured"
        what = f"Times and memory of {join_words(sides)}, on one machine"
        tables.append(
            Table(
                id=f"costs-{kind}-{number}",
                caption=f"{'Counts' if group[0].exact else what}: at the longest common length; "
                f"factors are over {sides[0]}",
                columns=(
                    "system", "cost", "phase", "tokens", *sides,
                    *(f"{side}, factor" for side in sides[1:]),
                    *(f"{side}, {end} factor" for side in sides[1:] for end in ("least", "most")),
                    "lengths",
                ),
                rows=rows,
            )
        )  # fmt: skip
    return [table for table in tables if table.rows]


def _summary_row(cost: MatchedCost) -> Row:
    key, last = cost.key, cost.measured[-1]
    pairs = f" ({key.pairs})" if key.pairs else ""
    others = range(1, len(cost.sides))
    factors = [[cost.factor(side, n).value for n in cost.measured] for side in others]
    return [
        key.label,
        name_of(key.measure) + pairs,
        key.phase,
        last,
        *(Cell.of_row(sweep[last]) for sweep in cost.sweeps),
        *(Cell.estimate(cost.factor(side, last), "factor") for side in others),
        *(Cell(value=end(f), role="factor") for f in factors for end in (min, max)),
        len(cost.measured),
    ]


def length_tables(costs: Sequence[MatchedCost]) -> list[Table]:
    """A table per cost and sides: a line for each system, phase and length."""
    tables = []
    for number, (sides, group) in enumerate(_grouped(costs)):
        factors = [Column(f"{side}, factor", "factor") for side in sides[1:]]
        for measure in measures_of(cost.key.measure for cost in group):
            rows = [
                _length_row(cost, length)
                for cost in group
                if cost.key.measure == measure
                for length in cost.lengths
            ]
            caption = f"{name_of(measure)} by document length; factors are over {sides[0]}"
            columns: list[Column | str] = ["system", "phase", "tokens", *sides, *factors]
            tables.append(Table(f"length-{measure}-{number}", caption, columns, rows))
    return tables


def _length_row(cost: MatchedCost, length: int) -> Row:
    key, measured = cost.key, length in cost.measured
    return [
        key.label,
        key.phase + (f" · {key.pairs}" if key.pairs else ""),
        length,
        *(Cell.of_row(sweep[length]) for sweep in cost.sweeps),
        *(
            Cell.estimate(cost.factor(side, length) if measured else None, "factor")
            for side in range(1, len(cost.sides))
        ),
    ]
