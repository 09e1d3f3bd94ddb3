"""Quality rows as rankings: systems by their mean on a data set, and their means over data sets.

Reads quality rows, whose samples are the scores of each query by its id, and data sets' cards.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from rabbench.report.labels import Labels
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


def is_quality(row: Measurement) -> bool:
    """Whether a row is a metric of a ranking."""
    return row.phase == "quality"


def rows_by_dataset(rows: Iterable[Measurement]) -> dict[str, list[Measurement]]:
    """Quality rows by data set."""
    by_dataset: dict[str, list[Measurement]] = {}
    for row in filter(is_quality, rows):
        by_dataset.setdefault(str(row.params.get("dataset", "unnamed")), []).append(row)
    return by_dataset


def metrics(rows: Iterable[Measurement]) -> list[str]:
    """The metrics of some rows in their order; sentences go by the first."""
    return list(dict.fromkeys(row.measure for row in rows))


def system_label(row: Measurement, labels: Labels) -> str:
    """A row's label, with a word where its system is untrained."""
    note = " (untrained)" if row.params.get("trained") is False else ""
    return labels.of(row.system, row.params) + note


def ranked_systems(rows: Sequence[Measurement], metric: str = "") -> list[SystemRow]:
    """The systems that were measured on a data set, best first; by its first metric if none."""
    if not rows:
        return []
    metric, labels = metric or rows[0].measure, Labels(rows)
    systems = [
        SystemRow(system_label(row, labels), row)
        for row in rows
        if row.measure == metric and row.value is not None
    ]
    return sorted(systems, key=lambda system: -system.mean)


def rankings(rows: Iterable[Measurement]) -> dict[str, list[SystemRow]]:
    """The systems of each data set by its first metric, where any was measured."""
    ranked = {dataset: ranked_systems(part) for dataset, part in rows_by_dataset(rows).items()}
    return {dataset: systems for dataset, systems in ranked.items() if systems}


def row_estimate(row: Measurement) -> Estimate | None:
    """A row's mean with its interval over queries; None where nothing was measured."""
    if row.value is None:
        return None
    scores = row.samples.values() if isinstance(row.samples, Mapping) else row.samples
    return replace(mean_interval(scores), value=row.value)


@dataclass(frozen=True)
class MeanOverDatasets:
    """One metric's mean over data sets, for the systems measured on all, best first.

    ``groups`` are the names of what counts once, ``weights`` each data set's share of the mean.
    ``rows`` are each system's rows by data set; ``draws`` (draws, S) resample the queries of every
    data set, each by itself.
    """

    metric: str
    groups: Sequence[str]
    weights: Mapping[str, float]
    rows: Mapping[str, Mapping[str, Measurement]]
    draws: Array

    @property
    def labels(self) -> list[str]:
        """The systems, best first."""
        return list(self.rows)

    def average(self, numbers: Mapping[str, float]) -> float:
        """The weighted mean of a number per data set."""
        return sum(weight * numbers[dataset] for dataset, weight in self.weights.items())

    def estimate(self, label: str) -> Estimate:
        """A system's mean with its interval."""
        mean = self.average(
            {dataset: row.value or 0.0 for dataset, row in self.rows[label].items()}
        )
        return percentile_interval(mean, self.draws[:, self.labels.index(label)])


def means_over_datasets(
    rows: Sequence[Measurement], suites: Sequence[Mapping[str, Any]]
) -> list[MeanOverDatasets]:
    """A mean for each metric of several data sets; those ``counted_as`` one in a card are one."""
    counted_as = {suite.get("name"): suite.get("counted_as") for suite in suites}
    means = []
    for metric in metrics(filter(is_quality, rows)):
        systems = {
            dataset: {system.label: system for system in ranked_systems(part, metric)}
            for dataset, part in rows_by_dataset(rows).items()
        }
        systems = {dataset: by_label for dataset, by_label in systems.items() if by_label}
        groups = Counter(counted_as.get(dataset) or dataset for dataset in systems)
        weights = {
            dataset: 1 / len(groups) / groups[counted_as.get(dataset) or dataset]
            for dataset in systems
        }
        first: Mapping[str, SystemRow] = next(iter(systems.values()), {})
        labels = [name for name in first if all(name in by_label for by_label in systems.values())]
        labels.sort(key=lambda name: -sum(weights[d] * systems[d][name].mean for d in systems))
        if len(groups) > 1 and labels:
            draws = [
                weights[dataset]
                * resampled_means(paired(by_label[name].scores for name in labels)[1], seed=seed)
                for seed, (dataset, by_label) in enumerate(systems.items(), 1)
            ]
            of_systems = {
                name: {dataset: by_label[name].row for dataset, by_label in systems.items()}
                for name in labels
            }
            mean = MeanOverDatasets(
                metric, list(groups), weights, of_systems, np.sum(draws, axis=0)
            )
            means.append(mean)
    return means
