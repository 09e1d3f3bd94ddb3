"""Tables of ranking quality: means per data set and over data sets, ties, truncation.

Reads rankings and the tests between their systems; knows no cost.
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from rabbench.quality.significance import SystemPair
from rabbench.report.labels import Labels
from rabbench.report.page import Cell, Column, Figure, Record, Table, Value
from rabbench.report.plots.dots import Dot, dots_figure
from rabbench.report.quality.rankings import (
    MeanOverDatasets,
    SystemRow,
    metrics,
    ranked_systems,
    row_estimate,
    rows_by_dataset,
    system_label,
)
from rabbench.types import Measurement

TIES_MATTER = 0.005  # difference of a mean at which the expectation under ties is shown
MANY_TIES = 0.1  # share of queries with ties at which their range deserves a warning
WIDE = 0.02  # width of a metric's range over tie orders that does
MARKS = (
    "; the best of a column is bold, and a letter behind a mean names a system that is "
    "significantly worse (paired permutation test, Holm’s correction)"
)
MEAN_RULE = (
    "Each data set counts once, however many queries it has; parts that their suite counts as "
    "one are averaged first. A system stands here if it was measured on all of them."
)
TIE_RULE = (
    "Documents of equal score stand in the order of their ids, largest first, as trec_eval has it. "
    "Beside the mean by that rule: the mean over all orders of tied documents, and the means that "
    "the worst and the best order would give. Ties with documents below the depth are not seen."
)
Pairs = Mapping[tuple[str, str], Sequence[SystemPair]]
"""The tests of every two systems, by data set and metric."""

Rankings = Mapping[str, Sequence[SystemRow]]
"""The systems of each data set by its first metric, best first."""


def dataset_tables(rows: Iterable[Measurement], pairs: Pairs) -> list[Table]:
    """A table per data set: a line per system, best first, and a column per metric."""
    return [_dataset_table(name, part, pairs) for name, part in rows_by_dataset(rows).items()]


def _dataset_table(dataset: str, rows: Sequence[Measurement], pairs: Pairs) -> Table:
    labels = Labels(rows)
    by_label: dict[str, list[Measurement]] = {
        system.label: [] for metric in metrics(rows) for system in ranked_systems(rows, metric)
    }
    for row in rows:
        by_label.setdefault(system_label(row, labels), []).append(row)
    is_tested = any((dataset, metric) in pairs for metric in metrics(rows))
    letters = {label: _letter(i) if is_tested else "" for i, label in enumerate(by_label)}
    best = {system.row.measure: system.mean for metric in metrics(rows)
            for system in ranked_systems(rows, metric)[:1] if len(by_label) > 1}  # fmt: skip
    with_ties = {row.measure for row in rows if _mean_over_ties(row) is not None}
    records = []
    for label, measured in by_label.items():
        record: dict[Column | str, Cell | Value] = {
            "system": Cell(value=label, letter=letters[label])
        }
        for metric in metrics(rows):
            worse = [
                letters[test.second]
                for test in pairs.get((dataset, metric), ())
                if test.significant and test.first == label
            ]
            of_metric = [row for row in measured if row.measure == metric]
            first, *rest = [_mean_cell(row, best.get(metric)) for row in of_metric] or [Cell()]
            record[Column(metric, "score")] = replace(first, letters=sorted(worse), below=rest)
            if metric in with_ties:
                heading = Column(f"{metric}, mean over tie orders", "score")
                record[heading] = next(map(_mean_over_ties, of_metric), None)
        record["queries"] = max(len(row.samples) for row in measured)
        record[Column("queries with ties", "share")] = measured[0].params.get("tied_queries")
        records.append(record)
    queries = max(len(row.samples) for row in rows)
    caption = f"{dataset}: mean over {queries:,} queries, with 95 % bootstrap interval"
    caption += MARKS if is_tested else ""
    return Table.from_records(f"quality-{dataset}", caption, records, paper=True)


def _mean_cell(row: Measurement, best: float | None) -> Cell:
    estimate = row_estimate(row)
    if estimate is None:
        return Cell(role="score", words=f"not measured ({row.status})")
    is_best = best is not None and f"{estimate.value:.3f}" == f"{best:.3f}"
    return replace(Cell.estimate(estimate, "score"), best=is_best)


def _mean_over_ties(row: Measurement) -> float | None:
    """The mean over all orders of tied documents, where it differs enough to be shown."""
    mean = row.params.get("expected_under_ties")
    if row.value is None or not isinstance(mean, float) or abs(mean - row.value) <= TIES_MATTER:
        return None
    return mean


def _letter(number: int) -> str:
    """A short name of a system: a, b, … z, aa, ab, …."""
    more, place = divmod(number, len(string.ascii_lowercase))
    return (_letter(more - 1) if more else "") + string.ascii_lowercase[place]


def dots_figures(ranked: Rankings, slots: Mapping[str, int]) -> list[Figure]:
    """Each data set's first metric, a dot a system with its interval."""
    figures: list[Figure] = []
    for dataset, systems in ranked.items():
        metric = systems[0].row.measure
        dots = [Dot(system.label, slots[system.row.system], system.estimate) for system in systems]
        figures.append(
            dots_figure(
                f"fig-quality-{len(figures)}",
                f"{metric} on {dataset}",
                dots,
                heads=("system", metric),
                over="queries with 95 % bootstrap intervals",
            )
        )
    return figures


def means_table(means: Sequence[MeanOverDatasets]) -> Table:
    """A line per system, a column per metric, where several data sets have one."""
    names = dict.fromkeys(name for mean in means for name in mean.groups)
    records: list[Record] = [
        {
            "system": label,
            **{
                f"{mean.metric}, {len(mean.groups)} data sets": Cell.estimate(
                    mean.estimate(label) if label in mean.labels else None, "score"
                )
                for mean in means
            },
        }
        for label in dict.fromkeys(label for mean in means for label in mean.labels)
    ]
    caption = f"Mean over data sets ({', '.join(names)}), with 95 % bootstrap interval"
    return Table.from_records("means", caption, records, paper=True)


def ties_table(ranked: Rankings) -> Table:
    """Each system that ties documents: share of queries, and the first metric's range."""
    records: list[Record] = []
    for dataset, systems in ranked.items():
        for system in systems:
            params = system.row.params
            share, (worst, best) = params.get("tied_queries"), _tie_range(params)
            if share or worst != best:
                means = {
                    "by the rule": system.mean,
                    "mean over orders": params.get("expected_under_ties"),
                    "worst order": worst,
                    "best order": best,
                }
                records.append({
                    "data set": dataset,
                    "system": system.label,
                    "metric": system.row.measure,
                    Column("queries with ties in ranks 1–10", "share"): share,
                    **{Column(name, "score"): mean for name, mean in means.items()},
                })  # fmt: skip
    return Table.from_records("ties", "What ties do to a figure", records)


def _tie_range(params: Mapping[str, Any]) -> tuple[float | None, float | None]:
    """The means by the worst and the best order of tied documents; None where unknown."""
    worst, best = params.get("worst_under_ties"), params.get("best_under_ties")
    return (None, None) if worst is None or best is None else (worst, best)


def tie_warnings(ranked: Rankings) -> list[str]:
    """Where ties are many, how far a mean could move with their order."""
    warnings = []
    for dataset, systems in ranked.items():
        for system in systems:
            worst, best = _tie_range(system.row.params)
            many = (system.row.params.get("tied_queries") or 0) > MANY_TIES
            if many and worst is not None and best is not None and best - worst > WIDE:
                warnings.append(
                    f"{system.label} on {dataset}: {system.row.measure} is {system.mean:.3f} by "
                    f"the tie rule, and anything from {worst:.3f} to {best:.3f} by other orders of "
                    "its tied documents."
                )
    return warnings


def truncation_table(rows: Sequence[Measurement]) -> Table:
    """How much of the documents each system read, where its rows have it."""
    records: list[Record] = []
    for dataset, part in rows_by_dataset(rows).items():
        labels = Labels(part)
        by_label = {system_label(row, labels): row.params for row in reversed(part)}
        for label, params in reversed(by_label.items()):
            documents, cut = params.get("documents_read"), params.get("documents_cut")
            if documents and cut is not None:
                lost, read = params.get("tokens_cut", 0), params.get("tokens_read", 0)
                records.append({
                    "data set": dataset,
                    "system": label,
                    "documents read": documents,
                    Column("of them cut short", "share"): cut / documents,
                    Column("tokens read, mean", "count"): read / documents,
                    Column("tokens lost", "share"): lost / (lost + read) if lost else 0.0,
                })  # fmt: skip
    caption = "How much of its documents each system read, in its own tokens"
    return Table.from_records("truncation", caption, records)
