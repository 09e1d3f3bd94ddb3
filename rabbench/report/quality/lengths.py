"""Ranking quality by the length of the documents that answer a query: the project's subject.

Reads quality rows and the cards of their data sets, which hold each query's length.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rabbench.report.labels import FIRST
from rabbench.report.page import Figure, Table, figure_data
from rabbench.report.plots.dots import draw_buckets
from rabbench.report.quality.tables import Entry, datasets, entries
from rabbench.stats.intervals import Estimate, percentile_interval, resampled_means
from rabbench.types import Measurement

LEAST = 10  # queries in a bucket of document lengths
METRIC = "ndcg@10"
FIGURES = 4  # data sets drawn at most
SYSTEMS = 5  # systems in a figure at most; the table has all
RULE = (
    "Queries are parted by the mean length of their relevant documents, in words between spaces; "
    f"buckets are powers of two, joined until each has {LEAST} queries."
)


@dataclass(frozen=True)
class Bucket:
    """Queries whose relevant documents have from ``low`` to ``high`` words."""

    low: int
    high: int
    query_ids: tuple[str, ...]


def buckets(words: Mapping[str, int], least: int = LEAST) -> list[Bucket]:
    """Queries by powers of two of their length; small neighbours are joined."""
    groups: list[list[str]] = []
    held: dict[int, list[str]] = {}
    for query_id, length in words.items():
        held.setdefault(max(length - 1, 0).bit_length(), []).append(query_id)
    for power in sorted(held):
        if groups and len(groups[-1]) < least:
            groups[-1] += held[power]
        else:
            groups.append(list(held[power]))
    if len(groups) > 1 and len(groups[-1]) < least:
        last = groups.pop()
        groups[-1] += last
    return [
        Bucket(min(map(words.__getitem__, ids)), max(map(words.__getitem__, ids)), tuple(ids))
        for ids in groups
    ]


@dataclass(frozen=True)
class Split:
    """One data set's queries in buckets, and each system's mean in each."""

    dataset: str
    metric: str
    parts: Sequence[Bucket]
    means: Sequence[tuple[Entry, Sequence[Estimate]]]


def splits(rows: Sequence[Measurement], suites: Sequence[Mapping[str, Any]]) -> list[Split]:
    """Every data set whose lengths are known, by nDCG@10 or else its first metric."""
    words_of = {suite.get("name"): suite.get("relevant_words") or {} for suite in suites}
    found = []
    for dataset, of_dataset in datasets(rows).items():
        metrics = [row.measure for row in of_dataset]
        metric = METRIC if METRIC in metrics else metrics[0]
        ranked = entries(of_dataset, metric)
        common = set.intersection(*(set(one.scores) for one in ranked)) if ranked else set()
        words = {q: n for q, n in words_of.get(dataset, {}).items() if q in common}
        parts = buckets(words)
        means = [(one, [_mean(one.scores, part) for part in parts]) for one in ranked]
        if parts:
            found.append(Split(dataset, metric, parts, means))
    return found


def _mean(scores: Mapping[str, float], part: Bucket) -> Estimate:
    mine = np.array([[scores[query_id]] for query_id in part.query_ids])
    return percentile_interval(float(mine.mean()), resampled_means(mine)[:, 0])


def unparted(found: Sequence[Split]) -> list[str]:
    """Why a data set has no table."""
    return [
        f"The relevant documents of {one.dataset} have {one.parts[0].low:,} to "
        f"{one.parts[0].high:,} words: too alike, or too few queries "
        f"({len(one.parts[0].query_ids)}), to part."
        for one in found
        if len(one.parts) == 1
    ]


def tables(found: Sequence[Split]) -> list[Table]:
    """A table per data set, a column per bucket."""
    return [
        Table(
            id=f"lengths-{one.dataset}",
            caption=f"{one.dataset}, {one.metric}: mean with 95 % bootstrap interval, by length of "
            "the relevant documents",
            columns=(
                "system",
                *(
                    f"{part.low:,}–{part.high:,} words, {len(part.query_ids):,} queries"
                    for part in one.parts
                ),
            ),
            rows=[
                (entry.label, *(f"{m.value:.3f} ({m.low:.3f}–{m.high:.3f})" for m in means))
                for entry, means in one.means
            ],
            numeric=frozenset(range(1, len(one.parts) + 1)),
        )
        for one in found
        if len(one.parts) > 1
    ]


def figures(found: Sequence[Split], slots: Mapping[str, int]) -> list[Figure]:
    """A figure per data set that has a table."""
    parted = [one for one in found if len(one.parts) > 1][:FIGURES]
    return [_figure(one, slots, f"fig-lengths-{i}") for i, one in enumerate(parted)]


def _drawn(
    means: Sequence[tuple[Entry, Sequence[Estimate]]],
) -> list[tuple[Entry, Sequence[Estimate]]]:
    """The systems that every report shows, then the best others, in their order."""
    by_claim = sorted(means, key=lambda one: one[0].row.system not in FIRST)[:SYSTEMS]
    return [one for one in means if any(one is other for other in by_claim)]


def _figure(split: Split, slots: Mapping[str, int], id_: str) -> Figure:
    title = f"{split.metric} by document length: {split.dataset}"
    drawn = _drawn(split.means)
    if len(drawn) < len(split.means):
        title += f" ({len(drawn)} of {len(split.means)} systems)"
    said = "; ".join(
        f"{entry.label} {', '.join(f'{mean.value:.3f}' for mean in means)}"
        for entry, means in drawn
    )
    spans = ", ".join(f"{part.low:,} to {part.high:,}" for part in split.parts)
    alt = f"{title}. Words of the relevant documents: {spans}. {said}."
    rows = [(entry.label, slots[entry.row.system], means) for entry, means in drawn]
    names = [f"{part.low:,}–{part.high:,}" for part in split.parts]
    titles = ("words of the relevant documents", split.metric)
    svg = draw_buckets(id_, rows, names, titles, alt)
    data = figure_data(
        [
            ("system", ""), ("words, from", ""), ("words, to", ""), ("queries", ""),
            (split.metric, ""), ("low", ""), ("high", ""),
        ],
        [
            [entry.label, part.low, part.high, len(part.query_ids), mean.value, mean.low, mean.high]
            for entry, means in split.means
            for part, mean in zip(split.parts, means, strict=True)
        ],
    )  # fmt: skip
    return Figure(id_, title, alt, svg, data, "Bars are 95 % bootstrap intervals of the means.")
