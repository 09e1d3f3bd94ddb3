"""The costs of a results file as sections, figures, sentences and key figures of a report.

Knows which there are and in which order; the modules beneath know what stands in each.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from rabbench.report import warnings
from rabbench.report.cost import figures, ledger, roofline, tables
from rabbench.report.cost.break_even import BreakEvenReport, read_load
from rabbench.report.cost.text import CostText
from rabbench.report.labels import Labels, is_cost, name_of
from rabbench.report.page import Figure, KeyFigure, Section
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
SCATTER_RULE = "Intervals rest on the scatter between lengths."


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
        self.labels, self.fits = Labels(self.costs), fit_sweeps(self.costs)
        self.ratios = tables.all_ratios(self.costs)
        self.text = CostText(self.fits, self.ratios, self.labels)
        self.break_even = BreakEvenReport(self.costs, read_load(config), self.labels)
        self.ledger, self._storage = ledger.split_tables(self.fits, self.labels)
        self._figures: Mapping[tuple[str, str], Figure] = {}
        if draw:
            self._figures = figures.cost_figures(self.fits, self.ratios, rows, self.labels, slots)

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
        """The cost of a pair, the most telling first: time where one figure must do."""
        order = ("flops", "latency") if most > 1 else ("latency", "flops")
        places = [(phase, measure) for phase in ("score", "index") for measure in order]
        return [self._figures[place] for place in places if place in self._figures][:most]

    def sections(self, elsewhere: Sequence[Figure] = ()) -> list[Section]:
        """All sections, some of them empty; the ``elsewhere`` figures stand in another one."""
        sections = [self.break_even.section(self.slots, draw=self.draw)]
        if self.costs:
            sections += [*self._by_length({figure.id for figure in elsewhere}), *self._backing()]
        sections += roofline.sections(self.rows, self.labels)
        return [
            replace(section, group="Cost", tables=[table for table in section.tables if table.rows])
            for section in sections
        ]

    def _by_length(self, elsewhere: set[str]) -> list[Section]:
        """Each cost by length; memory and index in one section."""
        sections, memory_figures = [], []
        memory_tables = [self._storage, tables.limit_table(self.rows, self.labels)]
        by_length = tables.length_tables(self.costs, self.ratios, self.labels)
        for measure, of_measure in by_length.items():
            drawings = [
                figure
                for (_, name), figure in self._figures.items()
                if name == measure and figure.id not in elsewhere
            ]
            folded = [replace(table, folded=True) for table in of_measure]
            if measure in MEMORY:
                memory_figures += drawings
                memory_tables += folded
                continue
            paper = tables.paper_table(self.ratios if measure == "latency" else ())
            text = [tables.PAPER_TEXT] if paper.rows else []
            id_ = f"cost-{re.sub(r'[^A-Za-z0-9_-]+', '-', measure)}"
            title = f"{name_of(measure)} by length"
            sections.append(Section(id_, title, text, drawings, [*folded, paper]))
        memory = Section("memory", "Memory and index", (), memory_figures, memory_tables)
        return [*sections, memory]

    def _backing(self) -> list[Section]:
        """The evidence of the orders: coefficients, counters, statistics, repetitions."""
        counters = ledger.counter_table(self.costs, self.labels)
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
                text=(FLOPS_RULE, *ledger.layer_note(self.costs)) if counters.rows else (),
                tables=[counters],
                detail=True,
                summary=ledger.counter_agreement(self.costs),
            ),
            Section(
                id="evidence",
                title="Evidence",
                text=(SCATTER_RULE, *warnings.unsupported(self.costs)),
                tables=[ledger.evidence_table(self.fits, self.labels)],
                detail=True,
                summary="the statistics behind each order",
            ),
            Section(
                id="timings",
                title="Repeated timings",
                tables=[ledger.timing_table(self.costs, self.labels)],
                detail=True,
                summary="medians, intervals and slow ends of every point",
            ),
        ]
