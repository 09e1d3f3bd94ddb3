"""The costs of a results file as sections, sentences and key figures of a report.

Knows which there are and in which order; the modules beneath know what stands in each.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

from rabbench.report import warnings
from rabbench.report.cost import ledger, roofline, tables
from rabbench.report.cost.break_even import BreakEvenReport, read_load
from rabbench.report.cost.factors import ratios
from rabbench.report.cost.figures import CostFigures
from rabbench.report.cost.text import CostText
from rabbench.report.labels import CACHED, CHUNKED, STUDENT, TEACHER, Labels, is_cost, name_of
from rabbench.report.page import Figure, KeyFigure, Section, Table
from rabbench.scaling.fits import fit_sweeps
from rabbench.types import Measurement

MEMORY = ("working_memory", "peak_memory", "index_size")
FLOPS_RULE = (
    "FLOPs mean matrix products, a multiply-accumulate counted as two. Dense counts every "
    "query–key pair, as the counters do; causal counts the half that a causal mask leaves."
)
FIT_RULE = (
    "Each cost of each phase is fitted with a + b·L + c·L², L the document’s tokens. FLOPs are "
    "counted, so their polynomial is exact or not at all; times and memory are measured, so an "
    "order is stated only where the interval carries it. L* is the length at which the quadratic "
    "term passes the linear one; the local exponent, at the largest length, is the slope of the "
    "log–log curve there."
)


class CostReport:
    """What a report says of the costs in some rows; ``slots`` are the systems' colours."""

    def __init__(
        self,
        rows: Sequence[Measurement],
        config: Mapping[str, Any],
        slots: Mapping[str, int],
        *,
        draw: bool = True,
    ) -> None:
        self.rows, self.slots, self.draw = rows, slots, draw
        self.costs = [row for row in rows if is_cost(row)]
        self.labels = Labels(self.costs)
        self.fits = fit_sweeps(self.costs)
        pairs = product((TEACHER, CACHED), (STUDENT, CHUNKED))
        self.ratios = [
            r for over, under in pairs for r in ratios(self.costs, over=over, under=under)
        ]
        self.text = CostText(self.fits, self.ratios, self.labels)
        self.break_even = BreakEvenReport(self.costs, read_load(config), self.labels)
        drawn = self.fits if draw else ()
        self._figures = CostFigures(drawn, self.ratios if draw else (), rows, self.labels, slots)
        self.ledger, self._storage = ledger.split_tables(self.fits, self.labels)

    def findings(self) -> list[str]:
        """Every sentence about cost."""
        return [*self.text.findings(), *self.break_even.findings()]

    def opening(self) -> list[str]:
        """The few sentences that say most."""
        return [*self.text.opening(), *self.break_even.opening()] or self.text.findings()

    def key_figures(self) -> list[KeyFigure]:
        """The few numbers that say most."""
        return [*self.text.key_figures(), *self.break_even.key_figures()]

    def opening_figures(self, most: int) -> list[Figure]:
        """The figures of a pair's cost."""
        return self._figures.opening(most)

    def sections(self, elsewhere: Sequence[Figure] = ()) -> list[Section]:
        """All sections, some of them empty; the ``elsewhere`` figures stand in another one."""
        sections = [self.break_even.section(self.slots, draw=self.draw)]
        if self.costs:
            sections += [*self._by_length(elsewhere), *self._backing()]
        sections += roofline.sections(self.rows, self.labels)
        return [replace(section, group="Cost") for section in sections]

    def _by_length(self, elsewhere: Sequence[Figure]) -> list[Section]:
        """Each cost by length; memory and index in one section."""
        by_measure = {
            measure: [replace(table, folded=True) for table in of_measure]
            for measure, of_measure in tables.length_tables(
                self.costs, self.ratios, self.labels
            ).items()
        }
        paper = tables.paper_table(self.ratios)
        sections = []
        for measure in (name for name in by_measure if name not in MEMORY):
            published = [paper] if measure == "latency" and paper is not None else []
            sections.append(
                Section(
                    id=f"cost-{re.sub(r'[^A-Za-z0-9_-]+', '-', measure)}",
                    title=f"{name_of(measure)} by length",
                    text=[tables.PAPER_TEXT] if published else [],
                    figures=self._figures.of(measure, elsewhere),
                    tables=[*by_measure[measure], *published],
                )
            )
        memory = [measure for measure in MEMORY if measure in by_measure]
        limits = tables.limit_table(self.rows, self.labels)
        return [
            *sections,
            Section(
                id="memory",
                title="Memory and index",
                figures=[f for measure in memory for f in self._figures.of(measure, elsewhere)],
                tables=[
                    *_present(self._storage, limits),
                    *(table for measure in memory for table in by_measure[measure]),
                ],
            ),
        ]

    def _backing(self) -> list[Section]:
        """The evidence of the orders: coefficients, counters, statistics, repetitions."""
        counters = tables.counter_table(self.costs, self.labels)
        return [
            Section(
                id="ledger",
                title="How each order was found",
                text=(FIT_RULE,),
                tables=ledger.ledger_tables(self.fits, self.labels),
                detail=True,
                summary="coefficients, intervals and reasons of every phase",
            ),
            Section(
                id="counters",
                title="Do the counters agree?",
                text=(FLOPS_RULE, *tables.layer_note(self.costs)) if counters else (),
                tables=_present(counters),
                detail=True,
                summary=tables.counter_agreement(self.costs),
            ),
            Section(
                id="evidence",
                title="Evidence",
                text=(
                    "Intervals rest on the scatter between lengths.",
                    *warnings.unsupported(self.costs),
                ),
                tables=[ledger.evidence_table(self.fits, self.labels)],
                detail=True,
                summary="the statistics behind each order",
            ),
            Section(
                id="timings",
                title="Repeated timings",
                tables=_present(tables.timing_table(self.costs, self.labels)),
                detail=True,
                summary="medians, intervals and slow ends of every point",
            ),
        ]


def _present(*tables_or_none: Table | None) -> list[Table]:
    return [table for table in tables_or_none if table is not None]
