"""Ranking quality query by query, and by the length of the documents that answer a query.

Reads quality rows and the cards of their data sets, which hold each query's length; texts of
queries are not in the results.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any

from rabbench.report.labels import FIRST, STUDENT, TEACHER
from rabbench.report.page import Cell, Column, Figure, Row, Table, figure_data
from rabbench.report.plots.dots import draw_buckets, draw_differences
from rabbench.report.quality.rankings import SystemRow, metrics, ranked_systems, rows_by_dataset
from rabbench.stats.intervals import Estimate, mean_interval
from rabbench.types import Measurement

FIGURES = 4  # data sets drawn at most
EXTREMES = 8  # wins, and losses
MOST_QUERIES = 500  # in the table of every score
LEAST_QUERIES = 10  # in a bucket of document lengths
MOST_SYSTEMS = 5  # in a figure by length; the table has all
LENGTH_METRIC = "ndcg@10"
QUERY_RULE = (
    "The student against its teacher, or else against the best other system; without a trained "
    "student the best system against the next. By the metric that tells the most queries apart. "
    "Queries are named as in the data set, whose texts are not in the results."
)
LENGTH_RULE = (
    "Queries are split by the mean length of their relevant documents, in words between spaces; "
    f"buckets are powers of two, joined until each has {LEAST_QUERIES} queries."
)

Cards = Sequence[Mapping[str, Any]]


def _relevant_words(cards: Cards, dataset: str) -> Mapping[str, int]:
    """The mean length of each query's relevant documents, where a data set's card has it."""
    words = {card.get("name"): card.get("relevant_words") for card in cards}
    return words.get(dataset) or {}


@dataclass(frozen=True)
class PairwiseDiff:
    """Two systems on one data set, query by query; ``systems`` are all, best first."""

    dataset: str
    metric: str
    system: SystemRow
    reference: SystemRow
    systems: Sequence[SystemRow]

    @cached_property
    def differences(self) -> dict[str, float]:
        """The system's score less the reference's, by query, largest first."""
        scores, reference = self.system.scores, self.reference.scores
        differences = {query: scores[query] - reference[query]
                       for query in scores if query in reference}  # fmt: skip
        return dict(sorted(differences.items(), key=lambda item: (-item[1], item[0])))


def pairwise_diffs(rows: Sequence[Measurement]) -> list[PairwiseDiff]:
    """Two systems of each data set that has two."""
    diffs = []
    for dataset, part in rows_by_dataset(rows).items():
        metric = _telling_metric(part)
        systems = ranked_systems(part, metric)
        if len(systems) < 2:
            continue
        system = next(filter(_is_student, systems), systems[0])
        rest = [row for row in systems if row is not system]
        rest = [row for row in rest if row.is_trained] or rest
        teachers = [row for row in rest if row.stages[1].startswith(TEACHER)]
        reference = teachers[0] if teachers and _is_student(system) else rest[0]
        diff = PairwiseDiff(dataset, metric, system, reference, systems)
        if diff.differences:
            diffs.append(diff)
    return diffs


def _is_student(system: SystemRow) -> bool:
    return system.stages[1].startswith(STUDENT) and system.is_trained


def _telling_metric(rows: Sequence[Measurement]) -> str:
    """The metric with the most different scores; of equal ones the first."""
    scores: dict[str, set[float]] = {metric: set() for metric in metrics(rows)}
    for row in rows:
        scores[row.measure].update(row.samples.values() if isinstance(row.samples, Mapping) else ())
    return max(scores, key=lambda metric: len(scores[metric]))


def query_tables(diffs: Sequence[PairwiseDiff], cards: Cards) -> list[Table]:
    """For each pair the largest wins and losses, then every score where they are few enough."""
    tables = []
    for diff in diffs:
        queries, system, reference = list(diff.differences), diff.system.label, diff.reference.label
        wins = [query for query in queries if diff.differences[query] > 0]
        losses = [query for query in reversed(queries) if diff.differences[query] < 0]
        every = queries if len(queries) <= MOST_QUERIES else []
        parts = {
            "wins": (f"largest wins of {system} over {reference}", wins[:EXTREMES]),
            "losses": (f"largest losses of {system} against {reference}", losses[:EXTREMES]),
            "queries": (f"{diff.metric} of every query", every),
        }
        words = _relevant_words(cards, diff.dataset)
        tables += [
            _query_table(name, caption, diff, part, words)
            for name, (caption, part) in parts.items()
            if part
        ]
    return tables


def _query_table(
    name: str, caption: str, diff: PairwiseDiff, queries: Sequence[str], words: Mapping[str, int]
) -> Table:
    """A line a query: the difference, then every system's score, both compared ones first."""
    rest = [row for row in diff.systems if row is not diff.system and row is not diff.reference]
    systems = [diff.system, diff.reference, *rest]
    columns: list[Column | str] = ["query", Column("difference", "change")]
    columns += [Column(system.label, "score") for system in systems]
    rows: list[Row] = [
        [query, diff.differences[query], *(system.scores.get(query) for system in systems)]
        for query in queries
    ]
    if words:
        columns.append("words of what is relevant")
        rows = [[*row, words.get(query)] for row, query in zip(rows, queries, strict=True)]
    return Table(
        id=f"{name}-{diff.dataset}",
        caption=f"{diff.dataset}: {caption}",
        columns=columns,
        rows=rows,
        folded=name == "queries",
    )


def query_figures(diffs: Sequence[PairwiseDiff], slots: Mapping[str, int]) -> list[Figure]:
    """Every query's difference, largest first."""
    figures = []
    for i, diff in enumerate(diffs[:FIGURES]):
        values = list(diff.differences.values())
        wins, losses = sum(value > 0 for value in values), sum(value < 0 for value in values)
        label, reference = diff.system.label, diff.reference.label
        title = f"{diff.metric}, {label} less {reference}: {diff.dataset}"
        ties = f"{len(values) - wins - losses:,} are tied"
        alt = (
            f"{title}. Of {len(values):,} queries {label} is better on {wins:,}, "
            f"{reference} on {losses:,}; {ties}."
        )
        sides = (
            (label, slots[diff.system.row.system]),
            (reference, slots[diff.reference.row.system]),
        )
        svg = draw_differences(f"fig-queries-{i}", values, sides, alt)
        data = figure_data([("query", ""), ("difference", "")], list(diff.differences.items()))
        note = f"Of {len(values):,} queries {ties}."
        figures.append(Figure(f"fig-queries-{i}", title, alt, svg, data, note))
    return figures


@dataclass(frozen=True)
class Bucket:
    """Queries whose relevant documents have from ``low`` to ``high`` words."""

    low: int
    high: int
    query_ids: tuple[str, ...]


def bucket_queries(words: Mapping[str, int], least: int = LEAST_QUERIES) -> list[Bucket]:
    """Queries by powers of two of their length; small neighbours are joined.

    Within a power they stay in their order, by which resampling goes.
    """

    def power(query: str) -> int:
        return max(words[query] - 1, 0).bit_length()

    groups: list[list[str]] = []
    for _, query_ids in groupby(sorted(words, key=power), key=power):
        if groups and len(groups[-1]) < least:
            groups[-1] += query_ids
        else:
            groups.append(list(query_ids))
    if len(groups) > 1 and len(groups[-1]) < least:
        last = groups.pop()
        groups[-1] += last
    spans = [sorted(map(words.__getitem__, ids)) for ids in groups]
    return [Bucket(span[0], span[-1], tuple(ids)) for span, ids in zip(spans, groups, strict=True)]


@dataclass(frozen=True)
class LengthSplit:
    """One data set's queries in buckets of length, and each system's mean in each."""

    dataset: str
    metric: str
    buckets: Sequence[Bucket]
    means: Sequence[tuple[SystemRow, Sequence[Estimate]]]


def split_by_length(rows: Sequence[Measurement], cards: Cards) -> list[LengthSplit]:
    """Every data set whose lengths are known, by nDCG@10 or else its first metric."""
    splits = []
    for dataset, part in rows_by_dataset(rows).items():
        metric = LENGTH_METRIC if LENGTH_METRIC in metrics(part) else part[0].measure
        systems = ranked_systems(part, metric)
        words = {
            query: length
            for query, length in _relevant_words(cards, dataset).items()
            if systems and all(query in system.scores for system in systems)
        }
        buckets = bucket_queries(words)
        means = [
            (system, [mean_interval(map(system.scores.__getitem__, bucket.query_ids))
                      for bucket in buckets])
            for system in systems
        ]  # fmt: skip
        if buckets:
            splits.append(LengthSplit(dataset, metric, buckets, means))
    return splits


def unsplit_sentences(splits: Sequence[LengthSplit]) -> list[str]:
    """Why a data set has no table by length."""
    return [
        f"The relevant documents of {split.dataset} have {bucket.low:,} to {bucket.high:,} words: "
        f"too alike, or too few queries ({len(bucket.query_ids)}), to split."
        for split in splits
        for bucket in split.buckets
        if len(split.buckets) == 1
    ]


def length_tables(splits: Sequence[LengthSplit]) -> list[Table]:
    """A table per data set that is split, a column per bucket."""
    tables = []
    for split in splits:
        spans = [
            f"{bucket.low:,}–{bucket.high:,} words, {len(bucket.query_ids):,} queries"
            for bucket in split.buckets
        ]
        caption = (
            f"{split.dataset}, {split.metric}: mean with 95 % bootstrap interval, by length of the "
            "relevant documents"
        )
        rows: list[Row] = [
            [system.label, *(Cell.estimate(mean, "score") for mean in means)]
            for system, means in split.means
        ]
        if len(spans) > 1:
            tables.append(Table(f"lengths-{split.dataset}", caption, ["system", *spans], rows))
    return tables


def length_figures(splits: Sequence[LengthSplit], slots: Mapping[str, int]) -> list[Figure]:
    """A figure per data set that has a table."""
    several = [split for split in splits if len(split.buckets) > 1][:FIGURES]
    return [_length_figure(split, slots, f"fig-lengths-{i}") for i, split in enumerate(several)]


def _length_figure(split: LengthSplit, slots: Mapping[str, int], id_: str) -> Figure:
    """The systems that every report shows, then the best others, in their order."""
    ranked = sorted(split.means, key=lambda means: means[0].row.system not in FIRST)
    shown_labels = [system.label for system, _ in ranked[:MOST_SYSTEMS]]
    systems = [
        (system.label, slots[system.row.system], means)
        for system, means in split.means
        if system.label in shown_labels
    ]
    title = f"{split.metric} by document length: {split.dataset}"
    if len(systems) < len(split.means):
        title += f" ({len(systems)} of {len(split.means)} systems)"
    values = "; ".join(
        f"{label} {', '.join(f'{mean.value:.3f}' for mean in means)}" for label, _, means in systems
    )
    spans = ", ".join(f"{bucket.low:,} to {bucket.high:,}" for bucket in split.buckets)
    alt = f"{title}. Words of the relevant documents: {spans}. {values}."
    names = [f"{bucket.low:,}–{bucket.high:,}" for bucket in split.buckets]
    titles = ("words of the relevant documents", split.metric)
    svg = draw_buckets(id_, systems, names, titles, alt)
    (data,) = length_tables([split])
    return Figure(id_, title, alt, svg, data, "Bars are 95 % bootstrap intervals of the means.")
