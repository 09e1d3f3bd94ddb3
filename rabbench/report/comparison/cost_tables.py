"""Tables of costs side by side: the longest common length at a glance, and every length.

Reads what ``compare_costs`` has matched; compares nothing itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from rabbench.report.comparison.costs import Matched, Work
from rabbench.report.labels import measures_of, name_of
from rabbench.report.page import Table
from rabbench.report.wording import between, cell, join_words, times


def summaries(found: Sequence[Matched]) -> list[Table]:
    """A table for the counts, and one for each machine: a line a work, at the longest length.

    Of FLOPs the dense count; of two kinds of memory the one that the weights are not in.
    """
    made = []
    for number, (sides, mine) in enumerate(_grouped(found)):
        present = {one.work.measure for one in mine}
        lines = [_summary(one) for one in mine if one.measured and _opens(one.work, present)]
        counted = mine[0].exact
        what = "Counts" if counted else f"Times and memory of {join_words(sides)}, on one machine"
        made.append(
            Table(
                id=f"costs-{'counts' if counted else 'measured'}-{number}",
                caption=f"{what}: at the longest common length; factors are over {sides[0]}",
                columns=(
                    "system",
                    "cost",
                    "phase",
                    "tokens",
                    *sides,
                    *(f"{side}, factor" for side in sides[1:]),
                    *(f"{side}, factor at all lengths" for side in sides[1:]),
                ),
                rows=lines,
                numeric=frozenset(range(3, 2 + 3 * len(sides))),
            )
        )
    return [table for table in made if table.rows]


def _opens(work: Work, present: set[str]) -> bool:
    twice = work.measure == "peak_memory" and "working_memory" in present
    return work.pairs in {"", "dense"} and not twice


def _grouped(found: Sequence[Matched]) -> list[tuple[tuple[str, ...], list[Matched]]]:
    """By sides, counts before what is measured; costs in their usual order."""
    order = measures_of(one.work.measure for one in found)
    groups: dict[tuple[bool, tuple[str, ...]], list[Matched]] = {}
    for one in sorted(found, key=lambda m: (order.index(m.work.measure), m.work.order)):
        groups.setdefault((not one.exact, one.sides), []).append(one)
    return [(key[1], groups[key]) for key in sorted(groups, key=lambda key: key[0])]


def _summary(one: Matched) -> tuple[str, ...]:
    last, others = one.measured[-1], range(1, len(one.sides))
    return (
        one.work.label,
        _cost(one.work),
        one.work.phase,
        f"{last:,}",
        *(cell(sweep[last]) for sweep in one.sweeps),
        *(between(one.factor(i, last)) for i in others),
        *(_range(one, i) for i in others),
    )


def _cost(work: Work) -> str:
    return name_of(work.measure) + (f" ({work.pairs})" if work.pairs else "")


def _range(one: Matched, side: int) -> str:
    """“1.00× at 9 lengths”, or “0.95× to 1.10× at 9 lengths”."""
    values = [one.factor(side, length).value for length in one.measured]
    lengths = f"{len(values)} length{'' if len(values) == 1 else 's'}"
    low, high = times(min(values)), times(max(values))
    return f"{low} at {lengths}" if low == high else f"{low} to {high} at {lengths}"


def by_length(found: Sequence[Matched]) -> list[Table]:
    """A table per cost and sides: a line for each system, phase and length."""
    made = []
    for number, (sides, mine) in enumerate(_grouped(found)):
        ratios = (f"{side}, factor" for side in sides[1:])
        columns = ("system", "phase", "tokens", *sides, *ratios)
        for measure in measures_of(one.work.measure for one in mine):
            lines = [
                _at(one, length)
                for one in mine
                if one.work.measure == measure
                for length in one.lengths
            ]
            caption = f"{name_of(measure)} by document length; factors are over {sides[0]}"
            numeric = frozenset(range(2, len(columns)))
            made.append(Table(f"length-{measure}-{number}", caption, columns, lines, numeric))
    return made


def _at(one: Matched, length: int) -> tuple[str, ...]:
    known = length in one.measured
    return (
        one.work.label,
        one.work.phase + (f" · {one.work.pairs}" if one.work.pairs else ""),
        f"{length:,}",
        *(cell(sweep[length]) for sweep in one.sweeps),
        *(between(one.factor(i, length)) if known else "–" for i in range(1, len(one.sides))),
    )
