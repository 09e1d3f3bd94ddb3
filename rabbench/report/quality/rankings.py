"""Quality rows as rankings: systems by their mean on a data set, and their means over data sets.

Reads quality rows, whose samples are the scores of each query by its id, and data sets' cards.
"""

from __future__ import annotations

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

    ``draws`` (draws, S) are its resamples, columns as ``labels``; ``rows`` are each system's rows
    by data set, ``groups`` the data sets that count as one each. Intervals resample the queries of
    every data set, each by itself.
    """

    metric: str
    groups: Mapping[str, Sequence[str]]
    labels: Sequence[str]
    values: Array
    draws: Array
    rows: Mapping[str, Mapping[str, Measurement]]

    def estimate(self, label: str) -> Estimate:
        """A system's mean with its interval."""
        place = list(self.labels).index(label)
        return percentile_interval(float(self.values[place]), self.draws[:, place])

    def average(self, numbers: Mapping[str, float]) -> float:
        """The mean of a number per data set, by the same rule."""
        groups = self.groups.values()
        return float(np.mean([np.mean([numbers[name] for name in group]) for group in groups]))


def group_datasets(
    names: Sequence[str], suites: Sequence[Mapping[str, Any]]
) -> dict[str, list[str]]:
    """Data sets by what counts as one: ``counted_as`` where the card has it, else themselves."""
    counted_as = {suite.get("name"): suite.get("counted_as") for suite in suites}
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(counted_as.get(name) or name, []).append(name)
    return groups


def means_over_datasets(
    rows: Sequence[Measurement], suites: Sequence[Mapping[str, Any]]
) -> list[MeanOverDatasets]:
    """A mean for each metric that several data sets have."""
    means = []
    for metric in metrics(filter(is_quality, rows)):
        systems = {
            dataset: {system.label: system for system in ranked_systems(part, metric)}
            for dataset, part in rows_by_dataset(rows).items()
        }
        systems = {dataset: by_label for dataset, by_label in systems.items() if by_label}
        groups = group_datasets(list(systems), suites)
        first: Mapping[str, SystemRow] = next(iter(systems.values()), {})
        labels = [name for name in first if all(name in by_label for by_label in systems.values())]
        if len(groups) > 1 and labels:
            means.append(_mean_over(metric, groups, labels, systems))
    return means


def _mean_over(
    metric: str,
    groups: Mapping[str, Sequence[str]],
    labels: Sequence[str],
    systems: Mapping[str, Mapping[str, SystemRow]],
) -> MeanOverDatasets:
    values, draws = [], []
    for seed, (dataset, by_label) in enumerate(systems.items(), 1):
        size = next(len(group) for group in groups.values() if dataset in group)
        weight = 1 / size / len(groups)
        _, scores = paired(by_label[label].scores for label in labels)
        values.append(weight * np.array([by_label[label].mean for label in labels]))
        draws.append(weight * resampled_means(scores, seed=seed))
    total = np.sum(values, axis=0)
    order = np.argsort(-total, kind="stable")
    return MeanOverDatasets(
        metric=metric,
        groups=groups,
        labels=[labels[i] for i in order],
        values=total[order],
        draws=np.sum(draws, axis=0)[:, order],
        rows={
            labels[i]: {name: by_label[labels[i]].row for name, by_label in systems.items()}
            for i in order
        },
    )
