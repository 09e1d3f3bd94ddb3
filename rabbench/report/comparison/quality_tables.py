"""Tables of rankings side by side: means over the same queries, and what changed.

Reads what ``compare_quality`` has matched and tested.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from rabbench.report.comparison.quality import Cell, Change, Ranked
from rabbench.report.comparison.runs import shortened
from rabbench.report.page import Table
from rabbench.report.quality import comparisons

RULE = (
    "Each data set is known by its fingerprint. A mean stands beside another only over the same "
    "queries, by the same metric and with the same number of candidates."
)
METHOD = (
    "A system against itself in another run, on the same queries, by the first metric: the later "
    "run’s mean less the earlier one’s, in the order in which the runs were given. The test is the "
    "paired permutation test, with Holm’s correction over all lines of a data set; a difference "
    "that is not told apart from nothing is not thereby nothing."
)


def means_tables(found: Sequence[Ranked]) -> list[Table]:
    """A table for each data set and depth: a line for each metric and system."""
    made = []
    by_data = groupby(found, key=lambda one: (one.fingerprint, one.depth))
    for number, (_, group) in enumerate(by_data):
        of_data = list(group)
        first = of_data[0]
        sides = tuple(dict.fromkeys(side for one in of_data for side in one.sides))
        lines = [
            (label, one.metric, *(_mean(of_system.get(side)) for side in sides))
            for one in of_data
            for label, of_system in one.cells.items()
        ]
        cut = any(c.cut for one in of_data for of in one.cells.values() for c in of.values())
        over = f"{first.queries:,} queries" + (" that all scored" if cut else "")
        made.append(
            Table(
                id=f"means-{number}",
                caption=f"{first.dataset} ({shortened(first.fingerprint)}), {first.depth}: mean "
                f"over {over}, with 95 % bootstrap interval",
                columns=("system", "metric", *sides),
                rows=lines,
                numeric=frozenset(range(2, 2 + len(sides))),
            )
        )
    return made


def _mean(cell: Cell | None) -> str:
    found = None if cell is None else cell.estimate()
    if found is None:
        return "–"
    return f"{found.value:.3f} ({found.low:.3f}–{found.high:.3f})"


def changes_tables(found: Sequence[Change]) -> list[Table]:
    """A table for each data set: a line for each system and two runs."""
    made = []
    for number, (dataset, group) in enumerate(groupby(found, key=lambda one: one.dataset)):
        mine = list(group)
        pairs = [one.comparison for one in mine]
        plain = comparisons.pairs_table(
            f"changes-{number}", f"{dataset}, {mine[0].metric}: what changed", pairs
        )
        rows = [(one.system, *line) for one, line in zip(mine, plain.rows, strict=True)]
        columns = ("system", "in", "less in", *plain.columns[2:])
        numeric = frozenset(i + 1 for i in plain.numeric)
        made.append(replace(plain, columns=columns, rows=rows, numeric=numeric))
    return made
