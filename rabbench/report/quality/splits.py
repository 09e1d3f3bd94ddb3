"""Ranking quality query by query, and by the length of the documents that answer a query.

Reads rankings and the cards of their data sets, which hold each query's length; texts of queries
are not in the results.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from rabbench.quality.doc_lengths import LEAST_QUERIES
from rabbench.quality.rankings import LengthSplit, Ranking, Rankings, SystemRow, split_by_length
from rabbench.report.labels import FIRST
from rabbench.report.page import Cell, Column, Figure, Row, Section, Table, figure_data
from rabbench.report.plots.dots import draw_buckets, draw_differences
from rabbench.scaling.labels import STUDENT, TEACHER

FIGURES = 4  # data sets drawn at most
EXTREMES = 8  # wins, and losses
MOST_QUERIES = 500  # in the table of every score
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

Words = Mapping[str, Mapping[str, int]]
"""The mean length of each query's relevant documents, by data set."""


def sections(
    rankings: Rankings, cards: Sequence[Mapping[str, Any]], slots: Mapping[str, int], *, draw: bool
) -> list[Section]:
    """Query by query, and by document length, as far as the cards have it."""
    words: Words = {str(card.get("name")): card.get("relevant_words") or {} for card in cards}
    diffs, splits = pairwise_diffs(rankings), length_splits(rankings, words)
    return [
        Section(
            id="queries",
            title="Query by query",
            text=[QUERY_RULE] * bool(diffs),
            figures=query_figures(diffs, slots) if draw else (),
            tables=query_tables(diffs, words),
        ),
        Section(
            id="lengths",
            title="Quality by document length",
            text=[LENGTH_RULE, *unsplit_sentences(splits)] * bool(splits),
            figures=length_figures(splits, slots) if draw else (),
            tables=length_tables(splits),
        ),
    ]


@dataclass(frozen=True)
class PairwiseDiff:
    """Two systems of a ranking, query by query."""

    ranking: Ranking
    system: SystemRow
    reference: SystemRow

    @cached_property
    def differences(self) -> dict[str, float]:
        """The system's score less the reference's, by query, largest first."""
        scores, reference = self.system.scores, self.reference.scores
        differences = {query: scores[query] - reference[query]
                       for query in scores if query in reference}  # fmt: skip
        return dict(sorted(differences.items(), key=lambda item: (-item[1], item[0])))

    @property
    def wins(self) -> list[str]:
        """The queries on which the system is better, largest difference first."""
        return [query for query, difference in self.differences.items() if difference > 0]

    @property
    def losses(self) -> list[str]:
        """The queries on which the reference is better, largest difference first."""
        return [query for query, value in reversed(self.differences.items()) if value < 0]


def pairwise_diffs(rankings: Rankings) -> list[PairwiseDiff]:
    """Two systems of each data set that has two, by the metric with the most different scores."""
    diffs = []
    for by_metric in rankings.values():
        ranking = max(by_metric, key=_distinct_scores)
        systems = ranking.systems
        if len(systems) > 1:
            system = next(filter(_is_student, systems), systems[0])
            rest = [row for row in systems if row is not system]
            rest = [row for row in rest if row.is_trained] or rest
            teachers = [row for row in rest if row.stages[1].startswith(TEACHER)]
            reference = teachers[0] if teachers and _is_student(system) else rest[0]
            diffs.append(PairwiseDiff(ranking, system, reference))
    return [diff for diff in diffs if diff.differences]


def _is_student(system: SystemRow) -> bool:
    return system.stages[1].startswith(STUDENT) and system.is_trained


def _distinct_scores(ranking: Ranking) -> int:
    return len({score for system in ranking.rows for score in system.scores.values()})


def query_tables(diffs: Sequence[PairwiseDiff], words: Words) -> list[Table]:
    """For each pair the largest wins and losses, then every score where they are few enough."""
    tables = []
    for diff in diffs:
        system, reference = diff.system.label, diff.reference.label
        queries = list(diff.differences) if len(diff.differences) <= MOST_QUERIES else []
        parts = {
            "wins": (f"largest wins of {system} over {reference}", diff.wins[:EXTREMES]),
            "losses": (f"largest losses of {system} against {reference}", diff.losses[:EXTREMES]),
            "queries": (f"{diff.ranking.metric} of every query", queries),
        }
        tables += [
            _query_table(name, caption, diff, part, words.get(diff.ranking.dataset, {}))
            for name, (caption, part) in parts.items()
            if part
        ]
    return tables


def _query_table(
    name: str, caption: str, diff: PairwiseDiff, queries: Sequence[str], words: Mapping[str, int]
) -> Table:
    """A line a query: the difference, then every system's score, both compared ones first."""
    compared = (diff.system, diff.reference)
    systems = [*compared, *(row for row in diff.ranking.systems if row not in compared)]
    columns: list[Column | str] = ["query", Column("difference", "change")]
    columns += [Column(system.label, "score") for system in systems]
    rows: list[Row] = [
        [query, diff.differences[query], *(system.scores.get(query) for system in systems)]
        for query in queries
    ]
    if words:
        columns.append("words of what is relevant")
        rows = [[*row, words.get(query)] for row, query in zip(rows, queries, strict=True)]
    dataset = diff.ranking.dataset
    folded = name == "queries"
    return Table(f"{name}-{dataset}", f"{dataset}: {caption}", columns, rows, folded=folded)


def query_figures(diffs: Sequence[PairwiseDiff], slots: Mapping[str, int]) -> list[Figure]:
    """Every query's difference, largest first."""
    figures = []
    for i, diff in enumerate(diffs[:FIGURES]):
        count, wins, losses = len(diff.differences), len(diff.wins), len(diff.losses)
        label, reference = diff.system.label, diff.reference.label
        title = f"{diff.ranking.metric}, {label} less {reference}: {diff.ranking.dataset}"
        ties = f"{count - wins - losses:,} are tied"
        alt = (
            f"{title}. Of {count:,} queries {label} is better on {wins:,}, "
            f"{reference} on {losses:,}; {ties}."
        )
        sides = (
            (label, slots[diff.system.row.system]),
            (reference, slots[diff.reference.row.system]),
        )
        svg = draw_differences(f"fig-queries-{i}", list(diff.differences.values()), sides, alt)
        data = figure_data([("query", ""), ("difference", "")], list(diff.differences.items()))
        note = f"Of {count:,} queries {ties}."
        figures.append(Figure(f"fig-queries-{i}", title, alt, svg, data, note))
    return figures


def length_splits(rankings: Rankings, words: Words) -> list[LengthSplit]:
    """Every data set whose lengths are known, by nDCG@10 or else its first metric."""
    splits = []
    for dataset, (first, *rest) in rankings.items():
        by_ndcg = (ranking for ranking in (first, *rest) if ranking.metric == LENGTH_METRIC)
        split = split_by_length(next(by_ndcg, first), words.get(dataset, {}))
        splits += [split] if split else []
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
