"""What equal scores and truncation do to ranking quality, as tables.

Reads quality rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rabbench.report.labels import Labels
from rabbench.report.page import Table
from rabbench.report.quality.tables import datasets, entries, named
from rabbench.report.wording import percent
from rabbench.types import Measurement

MANY_TIES = 0.1  # share of queries with ties at which their range deserves a warning
WIDE = 0.02  # width of a metric's range over tie orders that does

TIE_RULE = (
    "Documents of equal score stand in the order of their ids, largest first, as trec_eval has it. "
    "Beside the mean by that rule: the mean over all orders of tied documents, and the means that "
    "the worst and the best order would give. Ties with documents below the depth are not seen."
)


def ties_table(rows: Sequence[Measurement]) -> Table | None:
    """Each system that ties documents: share of queries, and the first metric's range."""
    lines = []
    for dataset, of_dataset in datasets(rows).items():
        for one in entries(of_dataset):
            params = one.row.params
            share, bounds = params.get("tied_queries"), _bounds(params)
            if not share and (bounds is None or bounds[0] == bounds[1]):
                continue
            mean = params.get("expected_under_ties")
            lines.append(
                (
                    dataset,
                    one.label,
                    one.row.measure,
                    "–" if share is None else percent(share),
                    f"{one.row.value:.3f}",
                    "–" if mean is None else f"{mean:.3f}",
                    "–" if bounds is None else f"{bounds[0]:.3f} to {bounds[1]:.3f}",
                )
            )
    if not lines:
        return None
    columns = (
        "data set",
        "system",
        "metric",
        "queries with ties in ranks 1–10",
        "by the rule",
        "mean over orders",
        "worst to best order",
    )
    caption = "What ties do to a figure"
    return Table("ties", caption, columns, lines, frozenset({3, 4, 5, 6}))


def _bounds(params: Mapping[str, Any]) -> tuple[float, float] | None:
    worst, best = params.get("worst_under_ties"), params.get("best_under_ties")
    return None if worst is None or best is None else (worst, best)


def warnings(rows: Sequence[Measurement]) -> list[str]:
    """Where ties are many, how far a figure could move with their order."""
    found = []
    for dataset, of_dataset in datasets(rows).items():
        for one in entries(of_dataset):
            bounds = _bounds(one.row.params)
            many = (one.row.params.get("tied_queries") or 0) > MANY_TIES
            if many and bounds is not None and bounds[1] - bounds[0] > WIDE:
                found.append(
                    f"{one.label} on {dataset}: {one.row.measure} is {one.row.value:.3f} by the "
                    f"tie rule, and anything from {bounds[0]:.3f} to {bounds[1]:.3f} by other "
                    "orders of its tied documents."
                )
    return found


def truncation_table(rows: Sequence[Measurement]) -> Table | None:
    """How much of the documents each system read, where it says so."""
    lines = []
    for dataset, of_dataset in datasets(rows).items():
        labels = Labels(of_dataset)
        first = {named(row, labels): row for row in reversed(of_dataset)}
        for label, row in reversed(first.items()):
            read, cut = row.params.get("documents_read"), row.params.get("documents_cut")
            if not read or cut is None:
                continue
            lost, kept = row.params.get("tokens_cut", 0), row.params.get("tokens_read", 0)
            lines.append(
                (
                    dataset,
                    label,
                    f"{read:,}",
                    percent(cut / read) if cut else "0 %",
                    f"{kept / read:,.0f}",
                    percent(lost / (lost + kept)) if lost else "0 %",
                )
            )
    if not lines:
        return None
    columns = (
        "data set",
        "system",
        "documents read",
        "of them cut short",
        "tokens read, mean",
        "tokens lost",
    )
    caption = "How much of its documents each system read, in its own tokens"
    return Table("truncation", caption, columns, lines, frozenset({2, 3, 4, 5}))
