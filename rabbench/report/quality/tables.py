"""The first tables of an evaluation: each metric's mean with its interval, and its sentence.

Reads quality rows, whose samples are the scores of each query; what is made of them in comparison
stands in the other ``quality_…`` modules.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rabbench.report.labels import SEPARATOR, Labels
from rabbench.report.page import Figure, Table
from rabbench.report.plots.dots import Dot, dots_figure
from rabbench.stats.intervals import Estimate
from rabbench.types import Measurement

BRACKETS = "; in brackets the mean over all orders of tied documents, where it differs"
TIES_MATTER = 0.005  # difference of a mean at which the expectation under ties is shown


def is_quality(row: Measurement) -> bool:
    """Whether a row is a metric of a ranking."""
    return row.phase == "quality"


def estimate(row: Measurement) -> Estimate | None:
    """The mean with the 95 % bootstrap interval over queries; None where nothing was measured."""
    from scipy import stats

    if row.value is None:
        return None
    raw = row.samples.values() if isinstance(row.samples, Mapping) else row.samples
    scores = np.asarray(list(raw), dtype=float)
    if len(scores) < 2:
        return Estimate(row.value)
    rng = np.random.default_rng(0)
    options: Any = {"n_resamples": 1999, "method": "percentile", "random_state": rng}
    found = stats.bootstrap((scores,), np.mean, batch=100, **options).confidence_interval
    return Estimate(row.value, float(found.low), float(found.high))


def tables(rows: Iterable[Measurement]) -> list[Table]:
    """A table per data set: a line per system, a column per metric."""
    found = []
    for dataset, of_dataset in datasets(rows).items():
        labels = Labels(of_dataset)
        metrics = list(dict.fromkeys(row.measure for row in of_dataset))
        lines = []
        for label in dict.fromkeys(labels.of(row.system, row.params) for row in of_dataset):
            mine = [row for row in of_dataset if labels.of(row.system, row.params) == label]
            cells = [", ".join(_cell(row) for row in mine if row.measure == m) for m in metrics]
            note = " (untrained)" if mine[0].system in labels.untrained else ""
            ties = mine[0].params.get("tied_queries")
            tied = f"{100 * ties:.0f} %" if isinstance(ties, (int, float)) else "–"
            counted = f"{max(len(row.samples) for row in mine):,}"
            lines.append((label + note, *(text or "–" for text in cells), counted, tied))
        found.append(
            Table(
                id=f"quality-{dataset}",
                caption=f"{dataset}: mean over queries, with 95 % bootstrap interval"
                f"{BRACKETS if any('[' in text for line in lines for text in line[1:]) else ''}",
                columns=("system", *metrics, "queries", "queries with ties"),
                rows=lines,
                numeric=frozenset(range(1, len(metrics) + 3)),
            )
        )
    return found


def datasets(rows: Iterable[Measurement]) -> dict[str, list[Measurement]]:
    """Quality rows by data set."""
    found: dict[str, list[Measurement]] = {}
    for row in rows:
        if is_quality(row):
            found.setdefault(str(row.params.get("dataset", "unnamed")), []).append(row)
    return found


def _cell(row: Measurement) -> str:
    found = estimate(row)
    if found is None:
        return f"not measured ({row.status})"
    text = f"{found.value:.3f}"
    if np.isfinite(found.low):
        text += f" ({found.low:.3f}–{found.high:.3f})"
    expected = row.params.get("expected_under_ties")
    if isinstance(expected, float) and abs(expected - found.value) > TIES_MATTER:
        text += f" [{expected:.3f}]"
    return text


@dataclass(frozen=True)
class Entry:
    """One system's row of one metric on one data set, by the name a report gives it."""

    label: str
    row: Measurement

    @property
    def scores(self) -> Mapping[str, float]:
        """The score of each query by its id."""
        samples = self.row.samples
        return samples if isinstance(samples, Mapping) else {}


def entries(of_dataset: Sequence[Measurement], metric: str | None = None) -> list[Entry]:
    """The systems that were measured on a data set, best first; by its first metric if none."""
    if not of_dataset:
        return []
    metric, labels = metric or of_dataset[0].measure, Labels(of_dataset)
    found = [
        Entry(named(row, labels), row)
        for row in of_dataset
        if row.measure == metric and row.value is not None
    ]
    return sorted(found, key=lambda one: -(one.row.value or 0.0))


def named(row: Measurement, labels: Labels) -> str:
    """A row's label, with a word where its system is untrained."""
    note = " (untrained)" if row.params.get("trained") is False else ""
    return labels.of(row.system, row.params) + note


def verdict(rows: Sequence[Measurement]) -> list[str]:
    """A sentence per data set: who ranks how well."""
    sentences = []
    for dataset, of_dataset in datasets(rows).items():
        ranked = entries(of_dataset)
        if ranked:
            figures = ", ".join(f"{one.label} {one.row.value:.3f}" for one in ranked)
            metric = of_dataset[0].measure
            sentences.append(f"Ranking quality on {dataset}, {metric}: {figures}.")
    return sentences


def dots_figures(rows: Iterable[Measurement], slots: Mapping[str, int]) -> list[Figure]:
    """Each data set's first metric, a dot a system with its interval."""
    figures: list[Figure] = []
    for dataset, of_dataset in datasets(rows).items():
        metric, labels = of_dataset[0].measure, Labels(of_dataset)
        dots = []
        for row in of_dataset:
            mean = estimate(row) if row.measure == metric else None
            if mean is not None:
                note = f"{SEPARATOR}untrained" if row.system in labels.untrained else ""
                dots.append(Dot(labels.of(row.system, row.params) + note, slots[row.system], mean))
        if dots:
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
