"""The part of a report about rankings: its sections, sentences and key figures.

Chooses what is shown and what is said first; the tables stand in the modules of this package.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from rabbench.quality.pareto import cost_quality_views
from rabbench.quality.rankings import SystemRow, first_rankings, means_over_datasets
from rabbench.quality.retention import retentions
from rabbench.report.page import Cell, Figure, KeyFigure, Role, Section, Table
from rabbench.report.quality import comparisons, splits, tables
from rabbench.report.render import interval_text, sentence_text, value_text
from rabbench.scaling.labels import STUDENT
from rabbench.stats.intervals import Estimate
from rabbench.types import Results

DETAILS = {
    "truncation": "how much of its documents each system read",
    "ties": "what equal scores do to a figure",
    "pairs": "the tests of all pairs, not of the best system’s alone",
}
"""Sections that are closed at first, and what they come to."""


class QualityReport:
    """What a report says of the rankings in some results; ``slots`` are the systems' colours."""

    def __init__(self, results: Results, slots: Mapping[str, int], *, draw: bool = True) -> None:
        self.rankings = tables.rank_systems(results.rows)
        self.firsts = first_rankings(self.rankings)
        self.cards, self.slots, self.draw = results.suites, slots, draw
        inner = results.config.get("quality")
        config = inner if isinstance(inner, Mapping) else results.config
        self.retentions = retentions(self.rankings, config.get("baseline"))
        self.means = means_over_datasets(self.rankings, self.cards)
        self.views = cost_quality_views(self.firsts, self.means)
        self.figures: dict[str, Figure] = {}
        if draw:  # quality against cost, the most telling first, then a dot a system
            figures = comparisons.pareto_figures(self.views, slots)
            figures += tables.dots_figures(self.firsts, slots)
            self.figures = {figure.id: figure for figure in figures}

    def findings(self) -> list[str]:
        """Every sentence about the rankings."""
        return [
            *self._ranking_sentences(),
            *comparisons.significance_sentences(self.firsts),
            *comparisons.retention_sentences(self.retentions),
            *comparisons.front_sentences(self.views),
        ]

    def opening(self) -> list[str]:
        """The student, the best system, the front: those that there is something to say about."""
        student = comparisons.retention_sentences(self.retentions) or self._student_sentences()
        tested = comparisons.significance_sentences(self.firsts)
        best = self._mean_sentences() or tested or self._ranking_sentences()
        return [*student[:1], *best[:1], *comparisons.front_sentences(self.views)]

    def _ranking_sentences(self) -> list[str]:
        means = (
            ", ".join(f"{system.label} {system.mean:.3f}" for system in ranking.systems)
            for ranking in self.firsts
        )
        return [
            f"Ranking quality on {ranking.dataset}, {ranking.metric}: {text}."
            for ranking, text in zip(self.firsts, means, strict=True)
        ]

    def _student_sentences(self) -> list[str]:
        """On each data set, how far a trained student without a teacher is below the best."""
        sentences = []
        for ranking in self.firsts:
            best, *rest = ranking.systems
            student = next(filter(_is_student, rest), None)
            if student is None or _is_student(best):
                continue
            sentences += [
                f"On {ranking.dataset} the student’s {ranking.metric} is {student.mean:.3f}; "
                f"{best.label}, the best, is above it by "
                f"{sentence_text(Cell.estimate(pair.difference, 'change'))}"
                f"{'' if pair.significant else ', not significantly'}."
                for pair in ranking.pairs
                if (pair.first, pair.second) == (best.label, student.label)
            ]
        return sentences

    def _mean_sentences(self) -> list[str]:
        return [
            f"Over {len(mean.groups)} data sets {mean.labels[0]} ranks best: mean {mean.metric} "
            f"{sentence_text(Cell.estimate(mean.estimate(mean.labels[0]), 'score'))}."
            for mean in self.means
        ]

    def key_figures(self) -> list[KeyFigure]:
        """The student's retention, and the best system's mean."""
        figures = []
        shares = [share for share in self.retentions if share.is_of_student]
        for share in shares[:1]:
            label = f"retention: the student’s {share.metric} over its teacher’s"
            figures.append(_key_figure(share.share, "share", label, f"on {share.dataset}"))
        for mean in self.means[:1]:
            best = mean.labels[0]
            label = f"mean {mean.metric} of {best}, the best of {len(mean.labels)}"
            note = f"over {len(mean.groups)} data sets"
            return [*figures, _key_figure(mean.estimate(best), "score", label, note)]
        for ranking in self.firsts[:1]:
            first, *rest = ranking.systems
            students = [] if shares else list(filter(_is_student, rest))
            for system in [first, *students[:1]]:
                role = "the best" if system is first else "the student"
                label = f"{ranking.metric} of {system.label}, {role} on {ranking.dataset}"
                figures.append(_key_figure(system.estimate, "score", label))
        return figures

    def warnings(self) -> list[str]:
        """What a reader must know before believing the figures."""
        return tables.tie_warnings(self.firsts)

    def sections(self, elsewhere: Sequence[Figure] = ()) -> list[Section]:
        """All sections, some of them empty; the ``elsewhere`` figures stand in another one."""
        ids = {figure.id for figure in elsewhere}
        figures = [figure for id_, figure in self.figures.items() if id_ not in ids]
        sections = [
            _section(
                "quality",
                "Ranking quality",
                tables.dataset_tables(self.rankings),
                figures=[figure for figure in figures if figure.id.startswith("fig-quality")],
            ),
            _section(
                "means", "Mean over data sets", [tables.means_table(self.means)], tables.MEAN_RULE
            ),
            _section("retention", "Retention", comparisons.retention_tables(self.retentions)),
            _section(
                "cost-quality",
                "Quality against cost",
                comparisons.cost_tables(self.views),
                comparisons.COST_RULE,
                figures=[figure for figure in figures if figure.id.startswith("fig-pareto")],
            ),
            _section(
                "significance",
                "Significant differences",
                tables.best_tables(self.firsts),
                tables.METHOD,
            ),
            *splits.sections(self.rankings, self.cards, self.slots, draw=self.draw),
            _section("truncation", "Truncation", [tables.truncation_table(self.rankings)]),
            _section("ties", "Ties", [tables.ties_table(self.firsts)], tables.TIE_RULE),
            _section("pairs", "Every pair of systems", tables.all_pairs_tables(self.firsts)),
        ]
        return [
            replace(
                section,
                group="Quality",
                detail=section.id in DETAILS,
                summary=DETAILS.get(section.id, ""),
            )
            for section in sections
        ]


def _section(id_: str, title: str, contents: Sequence[Table], *text: str, **rest: Any) -> Section:
    """A section of the tables with rows; without any it has no words either."""
    present = [table for table in contents if table.rows]
    return Section(id=id_, title=title, text=text if present else (), tables=present, **rest)


def _is_student(system: SystemRow) -> bool:
    return system.row.system == STUDENT and system.is_trained


def _key_figure(estimate: Estimate, role: Role, label: str, note: str = "") -> KeyFigure:
    cell = Cell.estimate(estimate, role)
    interval = interval_text(cell).replace("–", " to ")
    notes = [note, f"95 % interval {interval}" if interval else ""]
    return KeyFigure(value_text(cell), label, ", ".join(filter(None, notes)))
