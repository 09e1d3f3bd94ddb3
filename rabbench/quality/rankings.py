"""Quality rows as rankings: systems by their mean on a data set, over data sets, and by length.

Reads rows, whose samples are the scores of each query by its id, and data sets' cards. A system's
label is the caller's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np

from rabbench.quality.doc_lengths import Bucket, bucket_queries
from rabbench.quality.significance import SystemPair, compare_systems
from rabbench.stats.intervals import (
    UNKNOWN,
    Array,
    Estimate,
    QueryScores,
    mean_interval,
    paired,
    percentile_interval,
    resampled_means,
)
from rabbench.types import Measurement

STAGES = ">>"  # between the stages in a composed system's name


@dataclass(frozen=True)
class SystemRow:
    """One system's row of one metric on one data set, by the name that a report gives it."""

    label: str
    row: Measurement

    @property
    def scores(self) -> QueryScores:
        """The score of each query by its id."""
        return self.row.samples if isinstance(self.row.samples, Mapping) else {}

    @property
    def mean(self) -> float:
        """The metric's mean."""
        return self.row.value or 0.0

    @property
    def estimate(self) -> Estimate:
        """The mean with its interval over queries."""
        return row_estimate(self.row) or UNKNOWN

    @property
    def stages(self) -> tuple[str, str]:
        """What stands before the last stage of the system's name, and that stage."""
        before, _, last = self.row.system.rpartition(STAGES)
        return before, last

    @property
    def is_trained(self) -> bool:
        """Whether its ranking means something."""
        return self.row.params.get("trained") is not False


@dataclass(frozen=True)
class Ranking:
    """The rows of one metric on one data set, measured or not, in the order of the results."""

    dataset: str
    metric: str
    rows: Sequence[SystemRow]

    @cached_property
    def systems(self) -> list[SystemRow]:
        """The systems that were measured, best first."""
        measured = [system for system in self.rows if system.row.value is not None]
        return sorted(measured, key=lambda system: -system.mean)

    @cached_property
    def pairs(self) -> list[SystemPair]:
        """The tests of every two systems, best pairs first."""
        return compare_systems(
            {system.label: system.scores for system in self.systems if system.scores}
        )


Rankings = Mapping[str, Sequence[Ranking]]
"""Each data set's rankings, one a metric; sentences go by the first."""


def first_rankings(rankings: Rankings) -> list[Ranking]:
    """Each data set's ranking by its first metric, where any system was measured."""
    return [first for first, *_ in rankings.values() if first.systems]


def is_quality(row: Measurement) -> bool:
    """Whether a row is a metric of a ranking."""
    return row.phase == "quality"


def rows_by_dataset(rows: Iterable[Measurement]) -> dict[str, list[Measurement]]:
    """Quality rows by data set."""
    by_dataset: dict[str, list[Measurement]] = {}
    for row in filter(is_quality, rows):
        by_dataset.setdefault(str(row.params.get("dataset", "unnamed")), []).append(row)
    return by_dataset


def row_estimate(row: Measurement) -> Estimate | None:
    """A row's mean with its interval over queries; None where nothing was measured."""
    if row.value is None:
        return None
    scores = row.samples.values() if isinstance(row.samples, Mapping) else row.samples
    return replace(mean_interval(scores), value=row.value)


@dataclass(frozen=True)
class MeanOverDatasets:
    """One metric's mean over data sets, for the systems measured on all.

    ``groups`` are the names of what counts once, ``weights`` each data set's share of the mean.
    ``systems`` are each label's rows, one a data set.
    """

    metric: str
    groups: Sequence[str]
    weights: Sequence[float]
    systems: Mapping[str, Sequence[SystemRow]]

    def average(self, values: Iterable[float]) -> float:
        """The weighted mean of a value per data set."""
        return sum(weight * value for weight, value in zip(self.weights, values, strict=True))

    def _mean(self, label: str) -> float:
        return self.average(system.mean for system in self.systems[label])

    @cached_property
    def labels(self) -> list[str]:
        """The systems, best first."""
        return sorted(self.systems, key=self._mean, reverse=True)

    @cached_property
    def draws(self) -> Array:
        """Resamples of the queries of every data set, each by itself: (draws, S)."""
        rows = zip(*(self.systems[label] for label in self.labels), strict=True)
        means = [
            resampled_means(paired(system.scores for system in systems)[1], seed=seed)
            for seed, systems in enumerate(rows, 1)
        ]
        return np.tensordot(self.weights, means, axes=1)

    def estimate(self, label: str) -> Estimate:
        """A system's mean with its interval."""
        return percentile_interval(self._mean(label), self.draws[:, self.labels.index(label)])


def means_over_datasets(
    rankings: Rankings, cards: Sequence[Mapping[str, Any]]
) -> list[MeanOverDatasets]:
    """A mean for each metric of several data sets; those ``counted_as`` one in a card are one."""
    counted_as = {card.get("name"): card.get("counted_as") for card in cards}
    by_metric: dict[str, list[Ranking]] = {}
    for ranking in chain(*rankings.values()):
        by_metric.setdefault(ranking.metric, []).extend([ranking] * bool(ranking.systems))
    means = []
    for metric, measured in by_metric.items():
        names = [counted_as.get(ranking.dataset) or ranking.dataset for ranking in measured]
        groups = Counter(names)
        weights = [1 / len(groups) / groups[name] for name in names]
        by_label = [{system.label: system for system in ranking.systems} for ranking in measured]
        shared = {
            label: [systems[label] for systems in by_label]
            for label in (by_label[0] if by_label else ())
            if all(label in systems for systems in by_label)
        }
        if len(groups) > 1 and shared:
            means.append(MeanOverDatasets(metric, list(groups), weights, shared))
    return means


@dataclass(frozen=True)
class LengthSplit:
    """One data set's queries in buckets of length, and each system's mean in each."""

    dataset: str
    metric: str
    buckets: Sequence[Bucket]
    means: Sequence[tuple[SystemRow, Sequence[Estimate]]]


def split_by_length(ranking: Ranking, words: Mapping[str, int]) -> LengthSplit | None:
    """A ranking by the length of each query's relevant documents; None where none is known.

    Queries that not every system has a score of are left out.
    """
    systems = ranking.systems
    scored = [query for query in words if all(query in system.scores for system in systems)]
    buckets = bucket_queries({query: words[query] for query in scored if systems})
    means = [
        (system, [mean_interval(map(system.scores.__getitem__, bucket.query_ids))
                  for bucket in buckets])
        for system in systems
    ]  # fmt: skip
    return LengthSplit(ranking.dataset, ranking.metric, buckets, means) if buckets else None
