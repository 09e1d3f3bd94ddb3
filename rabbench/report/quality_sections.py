"""The sections of an evaluation, in their order: means, tests, retention, cost, lengths, ties.

Knows which tables there are; what stands in them is the other ``quality_…`` modules' matter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from rabbench.records import Measurement, Results
from rabbench.report import (
    quality_compare,
    quality_cost,
    quality_lengths,
    quality_means,
    quality_tables,
    quality_texts,
)
from rabbench.report.page import Section
from rabbench.report.quality_compare import Kept
from rabbench.report.quality_cost import View
from rabbench.report.quality_means import Mean
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

    def verdict(self) -> list[str]:
        """The sentences that open a report."""
        return [
            *quality_tables.verdict(self.rows),
            *quality_compare.sentences(self._pairs, self.rows),
            *quality_compare.retention_sentences(self._kept),
            *quality_cost.sentences(self._views),
        ]

    def warnings(self) -> list[str]:
        """What a reader must know before believing the figures."""
        return quality_texts.warnings(self.rows)

    def sections(self, slots: Mapping[str, int], *, draw: bool) -> list[Section]:
        """All sections; those without anything to show are left out by the page."""
        if not self.rows:
            return []
        figures = quality_cost.figures(self._views, slots) if draw else []
        split = quality_lengths.splits(self.rows, self._suites)
        has_pairs = bool(self._pairs)
        mean, kept = quality_means.table(self._means), quality_compare.retention_tables(self._kept)
        found = [
            Section(id="quality", title="Ranking quality", tables=quality_tables.tables(self.rows)),
            _section("means", "Mean over data sets", [mean], quality_means.RULE),
            Section(
                id="significance",
                title="Which differences hold",
                text=(quality_compare.METHOD,) if has_pairs else (),
                tables=quality_compare.against_best(self._pairs),
            ),
            _section("retention", "What is kept of another", kept),
            Section(
                id="cost-quality",
                title="Quality against cost",
                text=(quality_cost.RULE,) if self._views else (),
                figures=figures,
                tables=quality_cost.tables(self._views),
            ),
            Section(
                id="lengths",
                title="Quality by document length",
                text=(quality_lengths.RULE, *quality_lengths.unparted(split)) if split else (),
                figures=quality_lengths.figures(split, slots) if draw else (),
                tables=quality_lengths.tables(split),
            ),
            _section("truncation", "What was read", [quality_texts.truncation_table(self.rows)]),
            _section("ties", "Ties", [quality_texts.ties_table(self.rows)], quality_texts.TIE_RULE),
            Section(
                id="pairs",
                title="Every pair of systems",
                tables=quality_compare.every_pair(self._pairs),
                detail=True,
            ),
        ]
        return [one for one in found if one.text or one.tables or one.figures]


def _section(id_: str, title: str, tables: Sequence[Any], *text: str) -> Section:
    """A section of the tables that there are; without any it has no words either."""
    present = [table for table in tables if table is not None]
    return Section(id=id_, title=title, text=text if present else (), tables=present)
