"""Tables of ranking quality: means per data set and over data sets, tests, ties, truncation.

Reads rankings; knows no cost.
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

from rabbench.quality.rankings import (
    MeanOverDatasets,
    Ranking,
    Rankings,
    SystemRow,
    row_estimate,
    rows_by_dataset,
)
from rabbench.quality.significance import SystemPair
from rabbench.report.page import Cell, Column, Figure, Record, Table, Value
from rabbench.report.plots.dots import Dot, dots_figure
from rabbench.scaling.labels import Labels, group_by, system_label
from rabbench.types import Measurement

TIES_MATTER = 0.005  # difference of a mean at which the expectation under ties is shown
MANY_TIES = 0.1  # share of queries with ties at which their range deserves a warning
WIDE = 0.02  # width of a metric's range over tie orders that does
MARKS = (
    "; the best of a column is bold, and a letter behind a mean names a system that is "
    "significantly worse (paired permutation test, Holm’s correction)"
)
METHOD = (
    "Every two systems are compared on the same queries, by the first metric of each data set: a "
    "paired permutation test (all sign patterns where at most 13 queries differ, else 9,999 drawn "
    "ones), with Holm’s correction over all pairs of the data set. A difference that is not "
    "significant does not show that two systems are equal: the last column is the difference that "
    "these queries would show with 80 % power at the 5 % level, before correction."
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


def rank_systems(rows: Iterable[Measurement]) -> Rankings:
    """Each data set's rankings, systems by the labels that tell its rows apart."""
    rankings = {}
    for dataset, part in rows_by_dataset(rows).items():
        labels = Labels(part)
        systems = [SystemRow(system_label(row, labels), row) for row in part]
        by_metric = group_by(systems, lambda system: system.row.measure)
        rankings[dataset] = [Ranking(dataset, *group) for group in by_metric.items()]
    return rankings


def dataset_tables(rankings: Rankings) -> list[Table]:
    """A table per data set: a line per system, best first, and a column per metric."""
    return [_dataset_table(dataset, by_metric) for dataset, by_metric in rankings.items()]


def _dataset_table(dataset: str, rankings: Sequence[Ranking]) -> Table:
    ranked = chain.from_iterable(ranking.systems for ranking in rankings)
    labels = dict.fromkeys(system.label for system in chain(ranked, _systems(rankings)))
    is_tested = any(ranking.pairs for ranking in rankings)
    letters = {label: _letter(i) if is_tested else "" for i, label in enumerate(labels)}
    records = []
    for label in labels:
        record: dict[Column | str, Cell | Value] = {
            "system": Cell(value=label, letter=letters[label])
        }
        for ranking in rankings:
            record |= _metric_cells(ranking, label, letters)
        rows = [system.row for system in _systems(rankings) if system.label == label]
        record["queries"] = max(len(row.samples) for row in rows)
        record[Column("queries with ties", "share")] = rows[0].params.get("tied_queries")
        records.append(record)
    queries = max(len(system.row.samples) for system in _systems(rankings))
    caption = f"{dataset}: mean over {queries:,} queries, with 95 % bootstrap interval"
    caption += MARKS if is_tested else ""
    return Table.from_records(f"quality-{dataset}", caption, records, paper=True)


def _systems(rankings: Sequence[Ranking]) -> list[SystemRow]:
    """All rows of a data set."""
    return [system for ranking in rankings for system in ranking.rows]


def _metric_cells(ranking: Ranking, label: str, letters: Mapping[str, str]) -> Record:
    """A system's mean by one metric, and the mean over tie orders where a system needs it."""
    rows = [system.row for system in ranking.rows if system.label == label]
    best = ranking.systems[0].mean if ranking.systems and len(letters) > 1 else None
    first, *rest = [_mean_cell(row, best) for row in rows] or [Cell()]
    worse = [pair.second for pair in ranking.pairs if pair.significant and pair.first == label]
    marks = sorted(letters[second] for second in worse)
    cells: dict[Column | str, Cell | Value] = {
        Column(ranking.metric, "score"): replace(first, letters=marks, below=rest)
    }
    if any(_mean_over_ties(system.row) is not None for system in ranking.rows):
        heading = Column(f"{ranking.metric}, mean over tie orders", "score")
        cells[heading] = next(map(_mean_over_ties, rows), None)
    return cells


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


def dots_figures(rankings: Sequence[Ranking], slots: Mapping[str, int]) -> list[Figure]:
    """Each ranking, a dot a system with its interval."""
    return [
        dots_figure(
            f"fig-quality-{i}",
            f"{ranking.metric} on {ranking.dataset}",
            [
                Dot(system.label, slots[system.row.system], system.estimate)
                for system in ranking.systems
            ],
            heads=("system", ranking.metric),
            over="queries with 95 % bootstrap intervals",
        )
        for i, ranking in enumerate(rankings)
    ]


def best_tables(rankings: Sequence[Ranking]) -> list[Table]:
    """A table per data set: the best system against each other one."""
    return [
        pairs_table(
            f"best-{ranking.dataset}",
            f"{ranking.dataset}: {ranking.pairs[0].first}, the best, against the others",
            [pair for pair in ranking.pairs if pair.first == ranking.pairs[0].first],
        )
        for ranking in rankings
        if ranking.pairs
    ]


def all_pairs_tables(rankings: Sequence[Ranking]) -> list[Table]:
    """A table per data set with every pair, where there are more than two systems."""
    return [
        pairs_table(
            f"pairs-{ranking.dataset}", f"{ranking.dataset}: every pair of systems", ranking.pairs
        )
        for ranking in rankings
        if len(ranking.pairs) > 1
    ]


def pairs_table(id_: str, caption: str, pairs: Sequence[SystemPair]) -> Table:
    """A line for each pair, in the order given."""
    records: list[Record] = [
        {
            "system": pair.first,
            "against": pair.second,
            "difference (95 %)": Cell.estimate(pair.difference, "change"),
            "p": Cell(value=pair.p, role="p", note="exact" if pair.exact else ""),
            "p, Holm": Cell(value=pair.adjusted, role="p"),
            "significant": "yes" if pair.significant else "no",
            "wins": pair.wins,
            "ties": pair.ties,
            "losses": pair.losses,
            "detectable": Cell(value=pair.detectable, role="score"),
        }
        for pair in pairs
    ]
    return Table.from_records(id_, caption, records)


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


def ties_table(rankings: Sequence[Ranking]) -> Table:
    """Each system that ties documents: share of queries, and the range of its mean."""
    records: list[Record] = []
    for ranking, system in _ranked(rankings):
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
                "data set": ranking.dataset,
                "system": system.label,
                "metric": ranking.metric,
                Column("queries with ties in ranks 1–10", "share"): share,
                **{Column(name, "score"): mean for name, mean in means.items()},
            })  # fmt: skip
    return Table.from_records("ties", "What ties do to a figure", records)


def _ranked(rankings: Sequence[Ranking]) -> list[tuple[Ranking, SystemRow]]:
    return [(ranking, system) for ranking in rankings for system in ranking.systems]


def _tie_range(params: Mapping[str, Any]) -> tuple[float | None, float | None]:
    """The means by the worst and the best order of tied documents; None where unknown."""
    worst, best = params.get("worst_under_ties"), params.get("best_under_ties")
    return (None, None) if worst is None or best is None else (worst, best)


def tie_warnings(rankings: Sequence[Ranking]) -> list[str]:
    """Where ties are many, how far a mean could move with their order."""
    warnings = []
    for ranking, system in _ranked(rankings):
        worst, best = _tie_range(system.row.params)
        many = (system.row.params.get("tied_queries") or 0) > MANY_TIES
        if many and worst is not None and best is not None and best - worst > WIDE:
            warnings.append(
                f"{system.label} on {ranking.dataset}: {ranking.metric} is {system.mean:.3f} by "
                f"the tie rule, and anything from {worst:.3f} to {best:.3f} by other orders of its "
                "tied documents."
            )
    return warnings


def truncation_table(rankings: Rankings) -> Table:
    """How much of the documents each system read, where its rows have it."""
    records: list[Record] = []
    for dataset, by_metric in rankings.items():
        by_label: dict[str, Mapping[str, Any]] = {}
        for system in _systems(by_metric):
            by_label.setdefault(system.label, system.row.params)
        for label, params in by_label.items():
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
