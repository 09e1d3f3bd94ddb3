"""The part of a report about rankings: its sections, sentences and key figures.

Chooses what is shown and what is said first; the tables stand in the modules of this package.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from rabbench.quality.significance import tied_with_best
from rabbench.report.labels import STUDENT
from rabbench.report.page import Cell, Figure, KeyFigure, Section, Table
from rabbench.report.quality import comparisons, cost, splits, tables
from rabbench.report.quality.comparisons import Retention
from rabbench.report.quality.rankings import (
    SystemRow,
    is_quality,
    means_over_datasets,
    rankings,
)
from rabbench.report.render.cells import interval_text, value_text
from rabbench.report.wording import join_words
from rabbench.stats.intervals import Estimate
from rabbench.types import Results


class Quality:
    """What a report says of the rankings in some results."""

    def __init__(self, results: Results) -> None:
        self.rows = [row for row in results.rows if is_quality(row)]
        self._cards = results.suites
        self._rankings = rankings(self.rows)
        self._all_pairs = comparisons.compare_pairs(self.rows)
        self._pairs = {
            dataset: self._all_pairs[dataset, systems[0].row.measure]
            for dataset, systems in self._rankings.items()
            if (dataset, systems[0].row.measure) in self._all_pairs
        }
        inner = results.config.get("quality")
        config = inner if isinstance(inner, Mapping) else results.config
        self._retentions = comparisons.retentions(self.rows, config.get("baseline"))
        self._retention = next(filter(Retention.is_of_student, self._retentions), None)
        self._means = means_over_datasets(self.rows, self._cards)
        self._views = cost.cost_quality_views(self.rows, self._means)

    def opening(self) -> list[str]:
        """The student, the best system, the front: those that there is something to say about."""
        sentences = (self._student_sentence(), self._best_sentence(), self._front_sentence())
        return list(filter(None, sentences))

    def key_figures(self) -> list[KeyFigure]:
        """The student's retention, and the best system's mean."""
        figures = []
        share = self._retention
        if share is not None:
            label = f"retention: the student’s {share.metric} over its teacher’s"
            figures.append(_key_figure(share.share, "share", label, f"on {share.dataset}"))
        if self._means:
            mean = self._means[0]
            best = mean.labels[0]
            label = f"mean {mean.metric} of {best}, the best of {len(mean.labels)}"
            note = f"over {len(mean.groups)} data sets"
            return [*figures, _key_figure(mean.estimate(best), "score", label, note)]
        for dataset, (first, *rest) in list(self._rankings.items())[:1]:
            students = [system for system in rest if _is_student(system) and share is None]
            for system in [first, *students[:1]]:
                role = "the best" if system is first else "the student"
                label = f"{system.row.measure} of {system.label}, {role} on {dataset}"
                figures.append(_key_figure(system.estimate, "score", label))
        return figures

    def _student_sentence(self) -> str:
        share = self._retention
        if share is not None:
            cell = Cell.estimate(share.share, "share")
            return (
                f"On {share.dataset} the student retains {value_text(cell)} of its teacher’s "
                f"{share.metric} (95 % interval {interval_text(cell)})."
            )
        for dataset, (best, *rest) in self._rankings.items():
            student = next((system for system in rest if _is_student(system)), None)
            if student is None or _is_student(best):
                continue
            opening = f"On {dataset} the student’s {student.row.measure} is {student.mean:.3f}"
            for pair in self._pairs.get(dataset, ()):
                if (pair.first, pair.second) == (best.label, student.label):
                    low, high = pair.difference.low, pair.difference.high
                    note = "" if pair.significant else ", not significant"
                    return (
                        f"{opening}, {pair.difference.value:.3f} below {best.label}, the best "
                        f"(95 % interval {low:.3f} to {high:.3f}{note})."
                    )
            return f"{opening}; the best, {best.label}, has {best.mean:.3f}."
        return ""

    def _best_sentence(self) -> str:
        if self._means:
            mean = self._means[0]
            label = mean.labels[0]
            estimate = mean.estimate(label)
            return (
                f"Over {len(mean.groups)} data sets {label} ranks best: mean {mean.metric} "
                f"{estimate.value:.3f} ({_interval(estimate)})."
            )
        for dataset, (best, *_) in self._rankings.items():
            interval = _interval(best.estimate)
            sentence = f"On {dataset} {best.label} ranks best: {best.row.measure} {best.mean:.3f}"
            sentence += f" ({interval})" if interval else ""
            if dataset not in self._pairs:
                return f"{sentence}."
            _, *tied = tied_with_best(self._pairs[dataset])
            if not tied:
                return f"{sentence}, significantly better than every other system."
            return f"{sentence}; not significantly different: {', '.join(tied)}."
        return ""

    def _front_sentence(self) -> str:
        view = cost.main_view(self._views)
        if view is None:
            return ""
        names = join_words([point.label for point in view.front])
        return f"On the Pareto front of {view.axes}: {names}."

    def fronts(self, slots: Mapping[str, int]) -> list[Figure]:
        """Quality against cost, the most telling first."""
        return cost.pareto_figures(self._views, slots)

    def dots(self, slots: Mapping[str, int]) -> list[Figure]:
        """Each data set's first metric, a dot a system."""
        return tables.dots_figures(self.rows, slots)

    def findings(self) -> list[str]:
        """Every sentence about the rankings."""
        means = [
            f"Ranking quality on {dataset}, {systems[0].row.measure}: "
            f"{', '.join(f'{system.label} {system.mean:.3f}' for system in systems)}."
            for dataset, systems in self._rankings.items()
        ]
        return [
            *means,
            *comparisons.significance_sentences(self._pairs, self._rankings),
            *comparisons.retention_sentences(self._retentions),
            *cost.front_sentences(self._views),
        ]

    def warnings(self) -> list[str]:
        """What a reader must know before believing the figures."""
        return tables.tie_warnings(self.rows)

    def sections(
        self, slots: Mapping[str, int], shown: Sequence[Figure] = (), *, draw: bool
    ) -> list[Section]:
        """All sections but those without anything to show; ``shown`` figures stand elsewhere."""
        if not self.rows:
            return []
        drawn_ids = {figure.id for figure in shown}
        dots, fronts = (self.dots(slots), self.fronts(slots)) if draw else ([], [])
        diffs = splits.pairwise_diffs(self.rows)
        by_length = splits.split_by_length(self.rows, self._cards)
        sections = [
            _section(
                "quality",
                "Ranking quality",
                tables.dataset_tables(self.rows, self._all_pairs),
                figures=[figure for figure in dots if figure.id not in drawn_ids],
            ),
            _section(
                "means", "Mean over data sets", tables.means_tables(self._means), tables.MEAN_RULE
            ),
            _section("retention", "Retention", comparisons.retention_tables(self._retentions)),
            _section(
                "cost-quality",
                "Quality against cost",
                cost.cost_tables(self._views),
                cost.RULE,
                figures=[figure for figure in fronts if figure.id not in drawn_ids],
            ),
            _section(
                "significance",
                "Significant differences",
                comparisons.best_tables(self._pairs),
                comparisons.METHOD,
            ),
            Section(
                id="queries",
                title="Query by query",
                text=[splits.QUERY_RULE] * bool(diffs),
                figures=splits.query_figures(diffs, slots) if draw else (),
                tables=splits.query_tables(diffs, self._cards),
            ),
            Section(
                id="lengths",
                title="Quality by document length",
                text=[splits.LENGTH_RULE, *splits.unsplit_sentences(by_length)] * bool(by_length),
                figures=splits.length_figures(by_length, slots) if draw else (),
                tables=splits.length_tables(by_length),
            ),
            _section(
                "truncation",
                "Truncation",
                tables.truncation_tables(self.rows),
                detail=True,
                summary="how much of its documents each system read",
            ),
            _section(
                "ties",
                "Ties",
                tables.ties_tables(self.rows),
                tables.TIE_RULE,
                detail=True,
                summary="what equal scores do to a figure",
            ),
            _section(
                "pairs",
                "Every pair of systems",
                comparisons.all_pairs_tables(self._pairs),
                detail=True,
                summary="the tests of all pairs, not of the best system’s alone",
            ),
        ]
        return [replace(section, group="Quality") for section in sections if not section.empty]


def _section(id_: str, title: str, contents: Sequence[Table], *text: str, **rest: Any) -> Section:
    """A section of some tables; without any it has no words either."""
    return Section(id=id_, title=title, text=text if contents else (), tables=contents, **rest)


def _is_student(system: SystemRow) -> bool:
    return system.row.system == STUDENT and system.is_trained


def _interval(estimate: Estimate, role: Any = "score") -> str:
    text = interval_text(Cell.estimate(estimate, role)).replace("–", " to ")
    return f"95 % interval {text}" if text else ""


def _key_figure(estimate: Estimate, role: Any, label: str, note: str = "") -> KeyFigure:
    value = value_text(Cell.estimate(estimate, role))
    return KeyFigure(value, label, ", ".join(filter(None, [note, _interval(estimate, role)])))
