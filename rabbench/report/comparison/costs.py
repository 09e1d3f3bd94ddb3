"""Costs of several runs side by side: tables and sentences of what ``scaling.matching`` matched."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rabbench.report.comparison.runs import LISTED
from rabbench.report.cost.ledger import judged_measures
from rabbench.report.page import Cell, Row, Table
from rabbench.scaling.fits import NOISE_FREE
from rabbench.scaling.labels import group_by, join_words, measures_of, name_of
from rabbench.scaling.matching import MatchedCost, machine_groups
from rabbench.scaling.sides import Side

DRIFT = (
    "Runs were measured one after another, not in turns: an interval holds the scatter within "
    "each run, and nothing of what changed on the machine between them."
)


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
