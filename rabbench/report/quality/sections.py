"""The sections of an evaluation, in their order: means, tests, retention, cost, lengths, ties.

Knows which tables there are; what stands in them is the other ``quality_…`` modules' matter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from rabbench.quality.significance import SystemPair
from rabbench.report.page import Figure, KeyFigure, Section
from rabbench.report.quality import comparisons, cost, lengths, means, queries, ties_truncation
from rabbench.report.quality import tables as quality_tables
from rabbench.report.quality.comparisons import Retention
from rabbench.report.quality.cost import View
from rabbench.report.quality.means import Mean
from rabbench.report.quality.opening import Opening
from rabbench.types import Measurement, Results

HIDDEN = frozenset({"sampled", "relevant_words"})
"""What a data set's card holds for every query, and no table shows."""


@dataclass(frozen=True)
class Quality:
    """What a report says of the rankings in some results."""

    results: Results

    @cached_property
    def rows(self) -> list[Measurement]:
        """The quality rows."""
        return [row for row in self.results.rows if quality_tables.is_quality(row)]

    @property
    def _suites(self) -> Sequence[Mapping[str, Any]]:
        return self.results.suites

    @cached_property
    def _pairs(self) -> dict[str, list[SystemPair]]:
        return comparisons.comparisons(self.rows)

    @cached_property
    def _kept(self) -> list[Retention]:
        config = self.results.config
        inner = config.get("quality")
        baseline = (inner if isinstance(inner, Mapping) else config).get("baseline")
        return comparisons.retention(self.rows, baseline)

    @cached_property
    def _means(self) -> list[Mean]:
        return means.means(self.rows, self._suites)

    @cached_property
    def _views(self) -> list[View]:
        return cost.views(self.rows, self._means)

    @cached_property
    def _opening(self) -> Opening:
        return Opening(self.rows, self._pairs, self._kept, self._means, self._views)

    def opening(self) -> list[str]:
        """The few sentences that say most."""
        return self._opening.sentences()

    def key_figures(self) -> list[KeyFigure]:
        """The few numbers that say most."""
        return self._opening.key_figures()

    def fronts(self, slots: Mapping[str, int]) -> list[Figure]:
        """Quality against cost, the most telling first."""
        return cost.figures(self._views, slots)

    def dots(self, slots: Mapping[str, int]) -> list[Figure]:
        """Each data set's first metric, a dot a system."""
        return quality_tables.dots_figures(self.rows, slots)

    def findings(self) -> list[str]:
        """Every sentence about the rankings."""
        return [
            *quality_tables.verdict(self.rows),
            *comparisons.sentences(self._pairs, self.rows),
            *comparisons.retention_sentences(self._kept),
            *cost.sentences(self._views),
        ]

    def warnings(self) -> list[str]:
        """What a reader must know before believing the figures."""
        return ties_truncation.warnings(self.rows)

    def sections(
        self, slots: Mapping[str, int], shown: Sequence[Figure] = (), *, draw: bool
    ) -> list[Section]:
        """All sections but those without anything to show; ``shown`` figures stand elsewhere."""
        if not self.rows:
            return []
        held = {figure.id for figure in shown}
        fronts = [one for one in self.fronts(slots) if one.id not in held] if draw else []
        split = lengths.splits(self.rows, self._suites)
        duels = queries.duels(self.rows)
        has_pairs = bool(self._pairs)
        read, ties = (
            ties_truncation.truncation_table(self.rows),
            ties_truncation.ties_table(self.rows),
        )
        mean, kept = means.table(self._means), comparisons.retention_tables(self._kept)
        found = [
            Section(
                id="quality",
                title="Ranking quality",
                figures=[one for one in self.dots(slots) if one.id not in held] if draw else (),
                tables=quality_tables.tables(self.rows),
            ),
            _section("means", "Mean over data sets", [mean], means.RULE),
            _section("retention", "What is kept of another", kept),
            Section(
                id="cost-quality",
                title="Quality against cost",
                text=(cost.RULE,) if self._views else (),
                figures=fronts,
                tables=cost.tables(self._views),
            ),
            Section(
                id="significance",
                title="Which differences hold",
                text=(comparisons.METHOD,) if has_pairs else (),
                tables=comparisons.against_best(self._pairs),
            ),
            Section(
                id="queries",
                title="Query by query",
                text=(queries.RULE,) if duels else (),
                figures=queries.figures(duels, slots) if draw else (),
                tables=queries.tables(duels, self._suites),
            ),
            Section(
                id="lengths",
                title="Quality by document length",
                text=(lengths.RULE, *lengths.unparted(split)) if split else (),
                figures=lengths.figures(split, slots) if draw else (),
                tables=lengths.tables(split),
            ),
            replace(
                _section("truncation", "What was read", [read]),
                detail=True,
                summary="how much of its documents each system read",
            ),
            replace(
                _section("ties", "Ties", [ties], ties_truncation.TIE_RULE),
                detail=True,
                summary="what equal scores do to a figure",
            ),
            Section(
                id="pairs",
                title="Every pair of systems",
                tables=comparisons.every_pair(self._pairs),
                detail=True,
                summary="the tests of all pairs, not of the best system’s alone",
            ),
        ]
        return [replace(one, group="Quality") for one in found if not one.empty]


def _section(id_: str, title: str, tables: Sequence[Any], *text: str) -> Section:
    """A section of the tables that there are; without any it has no words either."""
    present = [table for table in tables if table is not None]
    return Section(id=id_, title=title, text=text if present else (), tables=present)
