"""Costs of several runs matched, only where they mean the same thing; ratios and fits by run.

Counts (FLOPs, bytes of index) hold on any machine; times and memory are matched only of runs on
one machine, by its id. Two rows are of the same work if they agree in system, phase, shape and
pair convention; the model, the attention, the type and the device may differ, since that is what is
compared. A ratio of two systems, measured in turns in one run, has no unit and no machine; neither
has the order in which a cost grows. Ratios of other work (another query length) are not matched.
Knows rows; what is not compared is told with its reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from rabbench.scaling.fits import NOISE_FREE, Fit, fit_sweeps, is_dense
from rabbench.scaling.labels import (
    Labels,
    group_by,
    join_words,
    measures_of,
    name_of,
    pairs_text,
    rank,
)
from rabbench.scaling.ratios import Ratio, cost_ratios, estimate_ratio
from rabbench.scaling.sides import LeftOut, Side
from rabbench.stats.intervals import UNKNOWN, Estimate
from rabbench.types import PHASES, Measurement

DISTINCT = ("model", "attention", "dtype", "device")
"""The params by which one run may have several sweeps of one system."""

SHAPE = ("query_len", "n_docs", "n_queries", "k", "batch")
UNREAD = {"index": frozenset({"query_len"})}
"""What of a shape a phase does not depend on."""


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


RatioKey = tuple[str, str, str, str]
"""Label of the one system, name of the other, measure and pair convention."""


@dataclass(frozen=True)
class RatioComparison:
    """One ratio of one cost, in each side that has it: ``columns`` by side, then length."""

    over: str
    under: str
    measure: str
    pairs: str
    columns: Mapping[str, Mapping[int, Ratio]]

    @property
    def name(self) -> str:
        """“FLOPs (dense pairs) of a pair: teacher over rabtriever”."""
        pairs = pairs_text(self.pairs)[1]
        return f"{name_of(self.measure)}{pairs} of a pair: {self.over} over {self.under}"

    @property
    def shared(self) -> list[int]:
        """The document lengths that every side has."""
        return sorted(set.intersection(*map(set, self.columns.values())))

    def factors(self, *, with_query: bool) -> dict[str, dict[int, Estimate]]:
        """By side and length: the pair alone, or with the query's encoding where it adds up."""
        return {
            side: {
                length: factor
                for length, ratio in column.items()
                if (factor := ratio.with_query if with_query else ratio.score) is not None
            }
            for side, column in self.columns.items()
        }

    def at_end(self) -> dict[str, Estimate]:
        """By side, at the longest document that all have, the query counted in where it adds up."""
        end = self.shared[-1]
        return {side: c[end].with_query or c[end].score for side, c in self.columns.items()}


def match_ratios(sides: Sequence[Side], labels: Labels) -> Iterator[RatioComparison | LeftOut]:
    """Teacher over student in each of its forms, and what of it is not set side by side."""
    by_shape: dict[RatioKey, dict[tuple[str, ...], dict[str, dict[int, Ratio]]]] = {}
    for side in sides:
        for ratio in cost_ratios(side.costs):
            over, pairs = labels.of(ratio.over_system, ratio.key), str(ratio.key.get("pairs", ""))
            key = (over, ratio.under_system, ratio.measure, pairs)
            shape = tuple(str(ratio.key.get(name)) for name in SHAPE)
            columns = by_shape.setdefault(key, {}).setdefault(shape, {})
            columns.setdefault(side.label, {})[ratio.doc_len] = ratio
    measures = measures_of(measure for _, _, measure, _ in by_shape)
    for key in sorted(by_shape, key=lambda key: measures.index(key[2])):
        for columns in by_shape[key].values():
            comparison = RatioComparison(*key, columns)
            if len(columns) > 1:
                yield comparison
            elif len(by_shape[key]) > 1:
                reason = "measured at another shape than in the other runs"
                yield LeftOut(f"ratio {comparison.name}", tuple(columns), reason)


FitsBySide = Mapping[tuple[str, str, str], Mapping[str, Fit]]
"""By system's label, measure and phase, then side: the fit of a cost; of FLOPs the dense count."""


def fit_costs(sides: Sequence[Side], labels: Labels) -> FitsBySide:
    """Every cost's fit in every side that measured it."""
    by_side: dict[tuple[str, str, str], dict[str, Fit]] = {}
    for side in sides:
        for fit in fit_sweeps(side.costs):
            if is_dense(fit.key) and fit.values:
                key = labels.of(fit.system, fit.key), fit.measure, fit.phase
                by_side.setdefault(key, {})[side.label] = fit
    return by_side
