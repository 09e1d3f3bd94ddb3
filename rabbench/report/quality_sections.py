"""The sections of an evaluation, in their order: means, tests, retention, cost, lengths, ties.

Knows which tables there are; what stands in them is the other ``quality_…`` modules' matter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from rabbench.records import Measurement, Results
from rabbench.report import (
    figures,
    quality_compare,
    quality_cost,
    quality_lengths,
    quality_means,
    quality_queries,
    quality_tables,
    quality_texts,
)
from rabbench.report.page import Figure, KeyFigure, Section
from rabbench.report.quality_compare import Kept
from rabbench.report.quality_cost import View
from rabbench.report.quality_means import Mean
from rabbench.report.quality_opening import Opening
from rabbench.significance import Comparison

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
    def _pairs(self) -> dict[str, list[Comparison]]:
        return quality_compare.comparisons(self.rows)

    @cached_property
    def _kept(self) -> list[Kept]:
        config = self.results.config
        inner = config.get("quality")
        baseline = (inner if isinstance(inner, Mapping) else config).get("baseline")
        return quality_compare.retention(self.rows, baseline)

    @cached_property
    def _means(self) -> list[Mean]:
        return quality_means.means(self.rows, self._suites)

    @cached_property
    def _views(self) -> list[View]:
        return quality_cost.views(self.rows, self._means)

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
        return quality_cost.figures(self._views, slots)

    def dots(self, slots: Mapping[str, int]) -> list[Figure]:
        """Each data set's first metric, a dot a system."""
        return figures.quality(self.rows, slots)

    def findings(self) -> list[str]:
        """Every sentence about the rankings."""
        return [
            *quality_tables.verdict(self.rows),
            *quality_compare.sentences(self._pairs, self.rows),
            *quality_compare.retention_sentences(self._kept),
            *quality_cost.sentences(self._views),
        ]

    def warnings(self) -> list[str]:
        """What a reader must know before believing the figures."""
        return quality_texts.warnings(self.rows)

    def sections(
        self, slots: Mapping[str, int], shown: Sequence[Figure] = (), *, draw: bool
    ) -> list[Section]:
        """All sections but those without anything to show; ``shown`` figures stand elsewhere."""
        if not self.rows:
            return []
        held = {figure.id for figure in shown}
        fronts = [one for one in self.fronts(slots) if one.id not in held] if draw else []
        split = quality_lengths.splits(self.rows, self._suites)
        duels = quality_queries.duels(self.rows)
        has_pairs = bool(self._pairs)
        read, ties = quality_texts.truncation_table(self.rows), quality_texts.ties_table(self.rows)
        mean, kept = quality_means.table(self._means), quality_compare.retention_tables(self._kept)
        found = [
            Section(
                id="quality",
                title="Ranking quality",
                figures=[one for one in self.dots(slots) if one.id not in held] if draw else (),
                tables=quality_tables.tables(self.rows),
            ),
            _section("means", "Mean over data sets", [mean], quality_means.RULE),
            _section("retention", "What is kept of another", kept),
            Section(
                id="cost-quality",
                title="Quality against cost",
                text=(quality_cost.RULE,) if self._views else (),
                figures=fronts,
                tables=quality_cost.tables(self._views),
            ),
            Section(
                id="significance",
                title="Which differences hold",
                text=(quality_compare.METHOD,) if has_pairs else (),
                tables=quality_compare.against_best(self._pairs),
            ),
            Section(
                id="queries",
                title="Query by query",
                text=(quality_queries.RULE,) if duels else (),
                figures=quality_queries.figures(duels, slots) if draw else (),
                tables=quality_queries.tables(duels, self._suites),
            ),
            Section(
                id="lengths",
                title="Quality by document length",
                text=(quality_lengths.RULE, *quality_lengths.unparted(split)) if split else (),
                figures=quality_lengths.figures(split, slots) if draw else (),
                tables=quality_lengths.tables(split),
            ),
            replace(
                _section("truncation", "What was read", [read]),
                detail=True,
                summary="how much of its documents each system read",
            ),
            replace(
                _section("ties", "Ties", [ties], quality_texts.TIE_RULE),
                detail=True,
                summary="what equal scores do to a figure",
            ),
            Section(
                id="pairs",
                title="Every pair of systems",
                tables=quality_compare.every_pair(self._pairs),
                detail=True,
                summary="the tests of all pairs, not of the best system’s alone",
            ),
        ]
        return [replace(one, group="Quality") for one in found if not one.empty]


def _section(id_: str, title: str, tables: Sequence[Any], *text: str) -> Section:
    """A section of the tables that there are; without any it has no words either."""
    present = [table for table in tables if table is not None]
    return Section(id=id_, title=title, text=text if present else (), tables=present)
