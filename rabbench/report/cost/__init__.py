"""The costs of a results file as sections, figures, sentences and key figures of a report.

Knows which there are and in which order; the modules beneath know what stands in each.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import compress, product
from typing import Any

from rabbench.report.cost import ledger, roofline, tables
from rabbench.report.cost.break_even import BreakEvenReport
from rabbench.report.cost.text import NOUNS, CostText
from rabbench.report.labels import LONGEST
from rabbench.report.page import Cell, Figure, KeyFigure, Row, Section, Table, figure_data
from rabbench.report.plots.curves import Series, draw_curves
from rabbench.report.wording import amount, times
from rabbench.scaling.fits import Fit, fit_sweeps, is_dense, sweep_key
from rabbench.scaling.labels import SEPARATOR, STUDENT, Labels, group_by, is_cost, name_of
from rabbench.scaling.ratios import Ratio, cost_ratios
from rabbench.types import Measurement

PHASES = {"score": "per pair", "index": "per document, offline"}
DRAWN = ("flops", "latency", "working_memory")
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
    """The part of a report about costs; ``slots`` are the systems' places in the palette."""

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
        self.ratios = cost_ratios(self.costs)
        self.text = CostText(self.fits, self.ratios, self.labels)
        self.break_even = BreakEvenReport(self.costs, config, self.labels)
        self.ledger, self._storage = ledger.split_tables(self.fits, self.labels)
        self._figures = self._draw_figures() if draw else {}

    def _draw_figures(self) -> dict[tuple[str, str], Figure]:
        """By phase and measure; the factor stands as a phase of the first measure, at the end."""
        figures: dict[tuple[str, str], Figure] = {}
        dense = group_by((f for f in self.fits if is_dense(f.key)), lambda f: (f.phase, f.measure))
        for place in product(PHASES, DRAWN):
            fits = dense.get(place, [])
            lines = [_series(fit, self.rows, self.labels, self.slots) for fit in fits]
            series = merge_series([line for line in lines if line.points or line.failed])
            if any(line.points for line in series):
                figures[place] = _cost_figure(fits, series, self.labels)
        factor = _factor_figure(self.ratios, self.slots)
        if factor is not None and figures:
            figures["factor", next(iter(figures))[1]] = factor
        return figures

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
        places = [(phase, measure) for phase in PHASES for measure in order]
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
        rules = (FLOPS_RULE, *ledger.layer_note(self.costs)) if counters.rows else ()
        unsupported = ledger.unsupported(self.costs)
        orders = ledger.ledger_tables(self.fits, self.labels)
        evidence = ledger.evidence_table(self.fits, self.labels)
        timings = ledger.timing_table(self.costs, self.labels)
        sections = [
            Section("ledger", "Orders of growth", (FIT_RULE,), (), orders),
            Section("counters", "FLOP counters", rules, (), [counters]),
            Section("evidence", "Evidence", (SCATTER_RULE, *unsupported), (), [evidence]),
            Section("timings", "Repeated timings", (), (), [timings]),
        ]
        summaries = (
            "coefficients, intervals and reasons of every phase",
            ledger.counter_agreement(self.costs),
            "the statistics behind each order",
            "medians, intervals and slow ends of every point",
        )
        return [
            replace(section, detail=True, summary=summary)
            for section, summary in zip(sections, summaries, strict=True)
        ]


def _series(
    fit: Fit, rows: Iterable[Measurement], labels: Labels, slots: Mapping[str, int]
) -> Series:
    """One sweep's measured points, its fitted curve, and the lengths without a value."""
    phase_rows = [row for row in rows if (row.system, row.phase) == (fit.system, fit.phase)]
    points = {
        int(row.params["doc_len"]): row.value
        for row in phase_rows
        if row.measure == fit.measure and row.value and is_cost(row) and sweep_key(row) == fit.key
    }
    longest = [
        int(row.value)
        for row in phase_rows
        if row.measure == LONGEST and row.value is not None
        and all(row.params.get(name, value) == value for name, value in fit.key.items())
    ]  # fmt: skip
    judged = fit.order != "not judged"
    return Series(
        label=labels.of(fit.system, fit.key),
        slot=slots[fit.system],
        points=points,
        curve=fit.predict if judged else None,
        band=fit.band if judged and fit.covariance else None,
        fitted=frozenset(fit.lengths),
        failed=fit.failed if points else (),
        longest=min(longest) if longest and fit.failed else None,
        crossover=fit.crossover.value if fit.crossover and judged else None,
    )


def merge_series(series: Sequence[Series]) -> list[Series]:
    """One line for sweeps of a system that cost the same; hollow marks from its second line on."""
    merged: list[Series] = []
    for line in series:
        kin = [i for i, earlier in enumerate(merged) if earlier.slot == line.slot]
        twin = next((i for i in kin if merged[i].points == line.points), None)
        if twin is None:
            crossover = None if kin else line.crossover
            merged.append(replace(line, hollow=bool(kin), crossover=crossover))
            continue
        system, *details = merged[twin].label.split(SEPARATOR)
        names = ", ".join(dict.fromkeys([*details, *line.label.split(SEPARATOR)[1:]]))
        label, failed = SEPARATOR.join(filter(None, [system, names])), merged[twin].failed
        merged[twin] = replace(merged[twin], label=label, failed=failed or line.failed)
    return merged


def _cost_figure(fits: Sequence[Fit], series: Sequence[Series], labels: Labels) -> Figure:
    phase, measure, unit = fits[0].phase, fits[0].measure, fits[0].unit
    sweeps = [
        f"{labels.of(fit.system, fit.key)}: {fit.order}, {amount(fit.values[0], unit)} to "
        f"{amount(fit.values[-1], unit)}"
        for fit in fits
        if fit.values
    ]
    title = f"{name_of(measure)} {PHASES[phase]}"
    id_ = f"fig-{measure}-{phase}"
    alt = f"{title} against document length, log–log. {'; '.join(sweeps)}.{_ends(series)}"
    svg = draw_curves(id_, series, unit, alt)
    return Figure(id_, title, alt, svg, _data(series, unit), _note(series))


def _note(series: Sequence[Series]) -> str:
    """The legend of the marks that there are."""
    first, fitted = "Marks are measured", [line for line in series if line.curve is not None]
    if fitted:
        bands = [line.band(line.reach) for line in fitted if line.band is not None]
        wide = any(high - low > 1e-9 * abs(high) for low, high in bands)  # an exact count has none
        first += f", lines are fits{' with 95 % bands' if wide else ''}"
    marks = {
        "L*: from here on the quadratic term is the larger": any(line.turn for line in fitted),
        "×: nothing measured": any(line.failed for line in series),
        "|: the longest that fits": any(line.longest for line in series),
    }
    legend = [text for text, present in marks.items() if present]
    return f"{'; '.join([first, *legend])}."


def _ends(series: Sequence[Series]) -> str:
    """Turns and ends of the lines in words."""
    parts = []
    for line in series:
        ends = [f"L* at {line.turn:,.0f} tokens"] if line.turn is not None else []
        ends += [f"{status} at {length:,} tokens" for length, status in line.failed]
        if line.longest is not None:
            ends.append(f"the longest that fits is {line.longest:,} tokens")
        parts += [f"{line.label}: {end}" for end in ends]
    return f" {'; '.join(parts)}." if parts else ""


def _data(series: Sequence[Series], unit: str) -> Table:
    """Each point with its curve and band, and the lengths at which nothing was measured."""
    unit = "" if unit == "×" else unit
    rows: list[Row] = []
    for line in series:
        statuses = dict(line.failed)
        for length in sorted({*line.points, *statuses}):
            fit = Cell()
            if line.curve and length in (line.fitted or line.points):
                low, high = line.band(length) if line.band else (None, None)
                value = line.curve(length)
                fit = Cell(value=value, role="amount", unit=unit, low=low, high=high)
            point = line.points.get(length)
            rows.append([line.label, length, point, fit, statuses.get(length, "ok")])
    names = ("system", "document tokens", "value", "fit", "status")
    columns = list(zip(names, ("", "", unit, unit, ""), strict=True))
    fitted, failed = any(line.curve for line in series), any(line.failed for line in series)
    filled = (True, True, True, fitted, failed)
    data = [list(compress(row, filled)) for row in rows]
    return figure_data(list(compress(columns, filled)), data)


def _factor_figure(ratios: Iterable[Ratio], slots: Mapping[str, int]) -> Figure | None:
    """Teacher over student against length, as measured and with the query's encoding counted."""
    ratios = [ratio for ratio in ratios if ratio.under_system == STUDENT]
    first = [ratio for ratio in ratios if ratio.over_system == ratios[0].over_system]
    dense = group_by(filter(lambda ratio: is_dense(ratio.key), first), lambda ratio: ratio.measure)
    series = []
    for measure, noun in NOUNS.items():
        sweep = [r for r in dense.get(measure, ()) if r.key == dense[measure][0].key]
        slot = slots[first[0].over_system if measure == "flops" else STUDENT] if sweep else 0
        score = {r.doc_len: r.score.value for r in sweep}
        query = {r.doc_len: r.with_query.value for r in sweep if r.with_query is not None}
        series.append(Series(label=noun, slot=slot, points=score))
        series.append(Series(label=f"{noun} (with query)", slot=slot, points=query, hollow=True))
    series = [line for line in series if line.points]
    if not series:
        return None
    ends = "; ".join(f"{line.label} {times(list(line.points.values())[-1])}" for line in series)
    alt = f"Factor teacher over student per pair against document length. At the largest: {ends}."
    svg = draw_curves("fig-factor", series, "×", alt)
    note = "Open marks count the query’s encoding as if each query scored one document."
    title = "Teacher over student, per pair"
    return Figure("fig-factor", title, alt, svg, _data(series, "×"), note)
