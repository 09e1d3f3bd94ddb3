"""One figure over several data sets: the mean of a metric, each data set counting once.

Reads quality rows and cards. Data sets that their suite counts as one (``counted_as``) are averaged
first. Intervals resample the queries of every data set, each by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rabbench.report.page import Table
from rabbench.report.quality.tables import datasets, entries
from rabbench.stats.intervals import Array, Estimate, paired, percentile_interval, resampled_means
from rabbench.types import Measurement

RULE = (
    "Each data set counts once, however many queries it has; parts that their suite counts as "
    "one are averaged first. A system stands here if it was measured on all of them."
)


@dataclass(frozen=True)
class Mean:
    """One metric's mean over data sets, for the systems measured on all.

    ``draws`` (draws, S) are its resamples, columns as ``labels``; ``rows`` are each system's rows
    by data set, ``units`` the data sets that count as one each.
    """

    metric: str
    units: Mapping[str, Sequence[str]]
    labels: Sequence[str]
    values: Array
    draws: Array
    rows: Mapping[str, Mapping[str, Measurement]]

    def estimate(self, label: str) -> Estimate:
        """A system's mean with its interval."""
        place = list(self.labels).index(label)
        return percentile_interval(float(self.values[place]), self.draws[:, place])

    def mean(self, of: Mapping[str, float]) -> float:
        """The mean of a number per data set, by the same rule."""
        return float(np.mean([np.mean([of[d] for d in parts]) for parts in self.units.values()]))


def units(names: Sequence[str], suites: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Data sets by what counts as one: their group where the card says so, else themselves."""
    whole = {suite.get("name"): suite.get("counted_as") for suite in suites}
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(whole.get(name) or name, []).append(name)
    return found


def means(rows: Sequence[Measurement], suites: Sequence[Mapping[str, Any]]) -> list[Mean]:
    """A mean for each metric that several data sets have."""
    by_name = datasets(rows)
    metrics = dict.fromkeys(row.measure for of_dataset in by_name.values() for row in of_dataset)
    found = []
    for metric in metrics:
        ranked = {name: entries(of_dataset, metric) for name, of_dataset in by_name.items()}
        ranked = {name: some for name, some in ranked.items() if some}
        counted = units(list(ranked), suites)
        if len(counted) < 2:
            continue
        by_label = {name: {one.label: one for one in some} for name, some in ranked.items()}
        shared = [
            label
            for label in dict.fromkeys(label for some in by_label.values() for label in some)
            if all(label in some for some in by_label.values())
        ]
        if shared:
            found.append(_mean(metric, counted, shared, by_label))
    return found


def _mean(
    metric: str,
    counted: Mapping[str, Sequence[str]],
    labels: Sequence[str],
    by_label: Mapping[str, Mapping[str, Any]],
) -> Mean:
    values, draws = [], []
    for seed, (name, some) in enumerate(by_label.items(), 1):
        _, matrix = paired([some[label].scores for label in labels])
        weight = next(1 / len(parts) / len(counted) for parts in counted.values() if name in parts)
        values.append(weight * np.array([some[label].row.value for label in labels]))
        draws.append(weight * resampled_means(matrix, seed=seed))
    total = np.sum(values, axis=0)
    order = sorted(range(len(labels)), key=lambda i: -total[i])
    return Mean(
        metric=metric,
        units=counted,
        labels=[labels[i] for i in order],
        values=total[order],
        draws=np.sum(draws, axis=0)[:, order],
        rows={
            labels[i]: {name: some[labels[i]].row for name, some in by_label.items()} for i in order
        },
    )


def table(found: Sequence[Mean]) -> Table | None:
    """A line per system, a column per metric."""
    if not found:
        return None
    labels = dict.fromkeys(label for one in found for label in one.labels)
    lines = []
    for label in labels:
        cells = []
        for one in found:
            if label in one.labels:
                seen = one.estimate(label)
                cells.append(f"{seen.value:.3f} ({seen.low:.3f}–{seen.high:.3f})")
            else:
                cells.append("–")
        lines.append((label, *cells))
    columns = [f"{one.metric}, {len(one.units)} data sets" for one in found]
    over = ", ".join(dict.fromkeys(name for one in found for name in one.units))
    return Table(
        id="means",
        caption=f"Mean over data sets ({over}), with 95 % bootstrap interval",
        columns=("system", *columns),
        rows=lines,
        numeric=frozenset(range(1, len(columns) + 1)),
    )
