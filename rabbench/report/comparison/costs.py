"""Costs of several runs side by side, only where they mean the same thing.

Counts (FLOPs, bytes of index) hold on any machine; times and memory are set side by side only of
runs on one machine, by its id. Two rows are of the same work if they agree in system, phase, shape
and pair convention; the model, the attention, the type and the device may differ, since that is
what is compared. Knows rows; what is not compared is told with its reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from rabbench.report.comparison.runs import LISTED, LeftOut, Side
from rabbench.report.cost.ledger import judged_measures
from rabbench.report.labels import Labels, group_by, measures_of, name_of, rank
from rabbench.report.page import Cell, Row, Table
from rabbench.report.wording import join_words
from rabbench.scaling.fits import NOISE_FREE
from rabbench.scaling.ratios import estimate_ratio
from rabbench.stats.intervals import UNKNOWN, Estimate
from rabbench.types import PHASES, Measurement

DISTINCT = ("model", "attention", "dtype", "device")
"""The params by which one run may have several sweeps of one system."""

SHAPE = ("query_len", "n_docs", "n_queries", "k", "batch")
UNREAD = {"index": frozenset({"query_len"})}
"""What of a shape a phase does not depend on."""

DRIFT = (
    "Runs were measured one after another, not in turns: an interval holds the scatter within "
    "each run, and nothing of what changed on the machine between them."
)


@dataclass(frozen=True, kw_only=True)
class CostKey:
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
        pairs = f" ({self.pairs})" if self.pairs == "causal" else ""
        return f"{self.label}, {self.phase}, {name_of(self.measure)}{pairs}"

    @property
    def exact(self) -> bool:
        """Whether this is counted, not measured."""
        return self.measure in NOISE_FREE


@dataclass(frozen=True, kw_only=True)
class MatchedCost:
    """The same work in two runs or more: the rows of each side by document length."""

    key: CostKey
    sweeps: Mapping[str, Mapping[int, Measurement]]

    @property
    def sides(self) -> tuple[str, ...]:
        """The sides that are compared."""
        return tuple(self.sweeps)

    @cached_property
    def points(self) -> dict[int, list[Measurement]]:
        """Each side's row at the document lengths at which all have one, ascending."""
        lengths = sorted(set.intersection(*map(set, self.sweeps.values())))
        return {n: [sweep[n] for sweep in self.sweeps.values()] for n in lengths}

    @cached_property
    def factors(self) -> dict[int, list[Estimate]]:
        """The later sides' values over the first's, where all have a value; counts are exact."""
        return {
            length: [estimate_ratio(row, first) if first.value else UNKNOWN for row in later]
            for length, (first, *later) in self.points.items()
            if all(row.value is not None for row in (first, *later))
        }

    @property
    def equal(self) -> bool:
        """Whether all values are the same, which only counts can be expected to be."""
        return all(len({row.value for row in self.points[n]}) == 1 for n in self.factors)


def machine_groups(sides: Iterable[Side]) -> list[tuple[str, ...]]:
    """The sides of each machine that has several; a machine without an id is alone."""
    machines = group_by((side for side in sides if side.machine), lambda side: side.machine)
    return [tuple(side.label for side in group) for group in machines.values() if len(group) > 1]


def match_costs(sides: Sequence[Side], labels: Labels) -> Iterator[MatchedCost | LeftOut]:
    """The costs of the same work in several sides, and what is not compared."""
    costs = _sweeps_by_key(sides, labels)
    for key, sweeps in costs.items():
        present = [side for side in sides if side.label in sweeps]
        everywhere = [tuple(sweeps)] if len(sweeps) > 1 else []
        groups = everywhere if key.exact else machine_groups(present)
        for group in groups:
            cost = MatchedCost(key=key, sweeps={label: sweeps[label] for label in group})
            yield cost if cost.points else _no_common_length(cost)
        if not key.exact and len(present) > max(1, sum(map(len, groups))):
            where = "; ".join(f"{side.label} on {side.machine or 'not named'}" for side in present)
            reason = f"holds on one machine only ({where}); ratios within a run are compared"
            yield LeftOut(f"{name_of(key.measure)}, absolute", tuple(sweeps), reason)
        if len(present) < len(sides):
            yield _lacking(key, tuple(sweeps), costs)


def _sweeps_by_key(
    sides: Sequence[Side], labels: Labels
) -> dict[CostKey, dict[str, dict[int, Measurement]]]:
    """By cost, in the order of a report's tables, then side and document length."""
    sweeps: dict[CostKey, dict[str, dict[int, Measurement]]] = {}
    for side in sides:
        for row in side.costs:
            unread = UNREAD.get(row.phase, ())
            key = CostKey(
                system=row.system,
                label=labels.of(row.system, row.params),
                phase=row.phase,
                measure=row.measure,
                pairs=str(row.params.get("pairs", "")),
                shape=tuple((n, row.params.get(n)) for n in SHAPE if n not in unread),
            )
            sweep = sweeps.setdefault(key, {}).setdefault(side.label, {})
            sweep[int(row.params["doc_len"])] = row
    phases, measures = list[str](PHASES), measures_of(key.measure for key in sweeps)

    def place(key: CostKey) -> tuple[Any, ...]:
        phase, measure = phases.index(key.phase), measures.index(key.measure)
        return rank(key.system), key.label, phase, key.pairs != "dense", key.pairs, measure

    return {key: sweeps[key] for key in sorted(sweeps, key=place)}


def _no_common_length(cost: MatchedCost) -> LeftOut:
    ends = [f"{min(sweep):,} to {max(sweep):,} in {side}" for side, sweep in cost.sweeps.items()]
    reason = (
        f"no document length in common ({'; '.join(ends)}); give the same --min-doc-len, "
        "--max-doc-len and --points"
    )
    return LeftOut(cost.key.name, cost.sides, reason)


def _lacking(
    key: CostKey, sides: tuple[str, ...], costs: Mapping[CostKey, Mapping[str, Any]]
) -> LeftOut:
    """Why a cost is not in every side: not measured there, or measured at another shape."""
    elsewhere = [(k, s) for k, sweeps in costs.items() for s in sweeps if s not in sides]
    for near, side in elsewhere:
        if replace(near, shape=key.shape) == key:
            shapes = zip(key.shape, near.shape, strict=True)
            differing = [
                f"{name} {here} in {join_words(sides)}, {there} in {side}"
                for (name, here), (_, there) in shapes
                if here != there
            ]
            reason = f"other work: {'; '.join(differing)}"
            return LeftOut(f"{key.label}, {key.phase}", (*sides, side), reason)
    is_present = any(near.system == key.system for near, _ in elsewhere)
    subject = f"{key.label}: {name_of(key.measure)}" if is_present else key.label
    return LeftOut(subject, sides, f"only {join_words(sides)} measured it")


def _groups(costs: Sequence[MatchedCost]) -> list[list[MatchedCost]]:
    """By sides, counts before what is measured; costs in their usual order."""
    order = measures_of(cost.key.measure for cost in costs)
    costs = sorted(costs, key=lambda c: (not c.key.exact, order.index(c.key.measure)))
    return list(group_by(costs, lambda cost: (cost.key.exact, cost.sides)).values())


def summary_tables(costs: Sequence[MatchedCost]) -> list[Table]:
    """A table for the counts, or one for each machine: a line a cost, at the longest length.

    Of FLOPs the dense count; of two kinds of memory the one that the weights are not in.
    """
    tables = []
    for number, group in enumerate(_groups(costs)):
        sides = group[0].sides
        measures = judged_measures(cost.key.measure for cost in group)
        rows = [
            _summary_row(cost)
            for cost in group
            if cost.factors and cost.key.pairs != "causal" and cost.key.measure in measures
        ]
        kind, subject = "counts", "Counts"
        if not group[0].key.exact:
            kind, subject = "measured", f"Times and memory of {join_words(sides)}, on one machine"
        caption = f"{subject}: at the longest common length; factors are over {sides[0]}"
        ends = [f"{side}, {end} factor" for side in sides[1:] for end in ("least", "most")]
        columns = ["system", "cost", "phase", "tokens", *_headings(group[0]), *ends, "lengths"]
        tables.append(Table(f"costs-{kind}-{number}", caption, columns, rows))
    return [table for table in tables if table.rows]


def _summary_row(cost: MatchedCost) -> Row:
    key, last = cost.key, max(cost.factors)
    ends = [
        Cell(value=end(factor.value for factor in factors), role="factor")
        for factors in zip(*cost.factors.values(), strict=True)
        for end in (min, max)
    ]
    name = name_of(key.measure) + (f" ({key.pairs})" if key.pairs else "")
    return [key.label, name, key.phase, last, *_cells(cost, last), *ends, len(cost.factors)]


def length_tables(costs: Sequence[MatchedCost]) -> list[Table]:
    """A table per cost and sides: a line for each system, phase and length."""
    tables = []
    for number, group in enumerate(_groups(costs)):
        columns = ["system", "phase", "tokens", *_headings(group[0])]
        for measure, of_measure in group_by(group, lambda cost: cost.key.measure).items():
            rows: list[Row] = []
            for cost in of_measure:
                phase = cost.key.phase + (f" · {cost.key.pairs}" if cost.key.pairs else "")
                rows += [[cost.key.label, phase, n, *_cells(cost, n)] for n in cost.points]
            first = group[0].sides[0]
            caption = f"{name_of(measure)} by document length; factors are over {first}"
            tables.append(Table(f"length-{measure}-{number}", caption, columns, rows))
    return tables


def _headings(cost: MatchedCost) -> list[str]:
    return [*cost.sides, *(f"{side}, factor" for side in cost.sides[1:])]


def _cells(cost: MatchedCost, length: int) -> list[Cell]:
    """Each side's value at a length, and the later ones' factors over the first."""
    factors = cost.factors.get(length, [None] * (len(cost.sides) - 1))
    values = map(Cell.of_row, cost.points[length])
    return [*values, *(Cell.estimate(factor, "factor") for factor in factors)]


def count_sentences(costs: Iterable[MatchedCost]) -> list[str]:
    """Whether all counts of the same work are equal, and which are not."""
    counts = [cost for cost in costs if cost.key.exact and cost.factors]
    points = sum(len(cost.factors) for cost in counts)
    unequal = [cost.key.name for cost in counts if not cost.equal]
    if not counts:
        return []
    if not unequal:
        return [f"FLOPs and index sizes are equal at all {points:,} points that the runs share."]
    many = len(unequal) > LISTED
    names = f"{len(unequal)} of {len(counts)} costs" if many else join_words(unequal)
    return [f"Counts differ between the runs in {names}: the work itself is another."]


def machine_sentences(sides: Sequence[Side]) -> list[str]:
    """Which runs' times and memory are set side by side, or that none are."""
    timed = [side for side in sides if any(row.measure not in NOISE_FREE for row in side.costs)]
    groups = machine_groups(timed)
    if len(timed) > 1 and not groups:
        names = join_words([side.label for side in timed])
        return [f"Times and memory of {names} are not set side by side: no two are of one machine."]
    return [
        f"{join_words(group)} are of one machine: their times and memory are set side by side."
        for group in groups
    ]
