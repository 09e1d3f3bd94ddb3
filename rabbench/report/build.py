"""A results file as a page: which sections, tables and figures there are, in which order.

Everything on the page is traceable to a row, a fit of rows, the suites' cards or the provenance
that the results file carries. Rows of kinds that it does not know get a table of their own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from rabbench.report import provenance, training, warnings
from rabbench.report.cost import factors, headline, ledger, opening, paper, roofline, timings
from rabbench.report.cost import tables as cost_tables
from rabbench.report.cost.break_even import Payoff, load_of
from rabbench.report.cost.figures import CostFigures
from rabbench.report.labels import (
    CACHED,
    CHUNKED,
    LONGEST,
    STUDENT,
    TEACHER,
    Labels,
    is_cost,
    name_of,
    slots,
)
from rabbench.report.page import Figure, Page, Section, Table
from rabbench.report.quality import HIDDEN, Quality
from rabbench.report.quality.rankings import is_quality
from rabbench.report.wording import cell
from rabbench.scaling.fits import Fit, fit_sweeps
from rabbench.types import Measurement, Results

TITLES = {
    "scaling": "How cost grows with document length",
    "quality": "Ranking quality",
    "demo": "The reranker and its student: cost and quality",
}

FEW_SUITES = 3
GLANCED = 3  # figures of the opening, its ledger counted
MOST_KEYS = 6
MEMORY = ("working_memory", "peak_memory", "index_size")


def build_page(results: Results, *, draw: bool = True) -> Page:
    """The page of a results file; ``draw`` leaves the figures out where nobody sees them."""
    results = _named(results)
    rows = list(results.rows)
    costs = [row for row in rows if is_cost(row)]
    fits = fit_sweeps(costs)
    ratios = [
        ratio
        for over in (TEACHER, CACHED)
        for under in (STUDENT, CHUNKED)
        for ratio in factors.ratios(costs, over=over, under=under)
    ]
    labels, colours, quality = Labels(costs), slots(rows), Quality(results)
    payoff = Payoff(costs, load_of(results.config), labels)
    growing = headline.verdict(fits, ratios, labels)
    brief = [opening.growth(fits, labels), opening.factor(ratios, labels), payoff.brief()]
    found = [*growing, *payoff.sentences(), *quality.findings(), *training.ablation_sentences(rows)]
    said = opening.three(
        list(filter(None, brief)) or growing, quality.opening(), training.opening(rows)
    )
    drawn = CostFigures(fits, ratios, rows, labels, colours) if draw else None
    spent, kept = ledger.parted(fits, labels)
    occupied = [one for one in (kept, cost_tables.limits(rows, labels)) if one is not None]
    glance = _glance(drawn, spent, quality, colours)
    paid = payoff.section(colours, draw=draw)
    sections = [
        glance,
        *([replace(paid, group="Cost")] if paid else []),
        *_cost_sections(costs, fits, ratios, labels, drawn, glance.figures, occupied),
        *(replace(one, group="Cost") for one in roofline.sections(rows, labels)),
        *quality.sections(colours, glance.figures, draw=draw),
        *training.sections(rows, results.config, draw=draw),
        *_other_sections(rows),
        provenance.suites(results.suites, HIDDEN, FEW_SUITES),
        provenance.section(results),
    ]
    return Page(
        title=_title(results),
        subtitle=_subtitle(results),
        verdict=said or ["Nothing here carries a verdict: see the tables."],
        key_figures=[
            *headline.key_figures(fits, ratios, labels),
            *filter(None, [payoff.key_figure()]),
            *quality.key_figures(),
        ][:MOST_KEYS],
        warnings=[*warnings.warnings(rows, Labels(rows)), *quality.warnings()],
        sections=[one for one in sections if not one.empty],
        findings=found,
    )


def _named(results: Results) -> Results:
    """Results in which a data set called by its split alone has its suite's name too."""
    names = {
        str(card["name"]): str(card["id"])
        for card in results.suites
        if card.get("id") and card.get("name") == card.get("split")
    }
    if not names:
        return results
    return replace(
        results,
        suites=[{**card, "name": names.get(str(card.get("name")), card.get("name"))}
                for card in results.suites],
        rows=[
            row.with_changes(params={"dataset": names[str(row.params["dataset"])]})
            if str(row.params.get("dataset")) in names else row
            for row in results.rows
        ],
    )  # fmt: skip


def _glance(
    drawn: CostFigures | None,
    spent: Table | None,
    quality: Quality,
    colours: Mapping[str, int],
) -> Section:
    """Three figures at most: cost by length, the phase ledger, quality against cost."""
    shown: list[Figure] = []
    if drawn is not None:
        ranked = [*quality.fronts(colours), *quality.dots(colours)]
        shown = drawn.opening(GLANCED - bool(spent) - bool(ranked))
        shown += ranked[: GLANCED - bool(spent) - len(shown)]
    return Section(
        id="figures",
        title="At a glance",
        figures=shown,
        tables=[spent] if spent else [],
        opening=True,
        group="Summary",
    )


def _title(results: Results) -> str:
    if results.command == "train":
        return training.training_title(results.config)
    return TITLES.get(results.command, f"rabbench {results.command}")


def _subtitle(results: Results) -> str:
    options = results.config.get("options")
    model = options.get("model") if isinstance(options, Mapping) else results.config.get("model")
    environment = results.environment
    date = str(environment.get("date") or "")[:16].replace("T", " ")
    parts = [model, environment.get("cpu"), f"{date} UTC" if date else None]
    gpus = environment.get("gpus")
    if gpus:
        parts.insert(1, ", ".join(map(str, gpus)))
    return " · ".join(str(part) for part in parts if part)


def _cost_sections(
    costs: Sequence[Measurement],
    fits: Sequence[Fit],
    ratios: Sequence[factors.Ratio],
    labels: Labels,
    drawn: CostFigures | None,
    shown: Sequence[Figure],
    occupied: Sequence[Table],
) -> list[Section]:
    """Each cost by length, then what the orders rest on; ``occupied`` are tables of memory."""
    if not costs:
        return []
    tables = cost_tables.per_length(costs, ratios, labels)
    folded = {
        measure: [replace(table, folded=True) for table in some] for measure, some in tables.items()
    }
    sections = []
    for measure in (one for one in tables if one not in MEMORY):
        published = paper.table(ratios) if measure == "latency" else None
        sections.append(
            Section(
                id=f"cost-{_slug(measure)}",
                title=f"{name_of(measure)} by length",
                text=() if published is None else (paper.SENTENCE,),
                figures=[] if drawn is None else drawn.of(measure, shown),
                tables=[
                    *folded[measure],
                    *([] if published is None else [replace(published, folded=True)]),
                ],
            )
        )
    kept = [one for one in MEMORY if one in tables]
    sections.append(
        Section(
            id="memory",
            title="Memory and index",
            figures=[] if drawn is None else [f for one in kept for f in drawn.of(one, shown)],
            tables=[*occupied, *(table for one in kept for table in folded[one])],
        )
    )
    sections += [_ledger_section(fits, labels), *_backing(costs, fits, labels)]
    return [replace(one, group="Cost") for one in sections]


def _ledger_section(fits: Sequence[Fit], labels: Labels) -> Section:
    return Section(
        id="ledger",
        title="How each order was found",
        text=(
            "Each cost of each phase is fitted with a + b·L + c·L², L the document’s tokens. "
            "FLOPs are counted, so their polynomial is exact or not at all; times and memory "
            "are measured, so an order is stated only where the interval carries it. L* is "
            "the length at which the quadratic term passes the linear one; the local "
            "exponent, at the largest length, is the slope of the log–log curve there.",
        ),
        tables=ledger.ledger(fits, labels),
        detail=True,
        summary="coefficients, intervals and reasons of every phase",
    )


def _backing(costs: Sequence[Measurement], fits: Sequence[Fit], labels: Labels) -> list[Section]:
    """What the costs rest on: counters, statistics, repetitions."""
    counted = cost_tables.counters(costs, labels)
    spread = timings.spread(costs, labels)
    text = (
        "FLOPs mean matrix products, a multiply-accumulate counted as two. Dense counts every "
        "query–key pair, as the counters do; causal counts the half that a causal mask leaves.",
        *cost_tables.shortened(costs),
    )
    found = [
        Section(
            id="counters",
            title="Do the counters agree?",
            text=text if counted else (),
            tables=[counted] if counted else [],
            detail=True,
            summary=cost_tables.agreement(costs),
        ),
        Section(
            id="evidence",
            title="Evidence",
            text=("Intervals rest on the scatter between lengths.", *warnings.unsupported(costs)),
            tables=[ledger.evidence(fits, labels)],
            detail=True,
            summary="the statistics behind each order",
        ),
        Section(
            id="timings",
            title="Repeated timings",
            tables=[spread] if spread else [],
            detail=True,
            summary="medians, intervals and slow ends of every point",
        ),
    ]
    return [section for section in found if section.tables]


def _other_sections(rows: Sequence[Measurement]) -> list[Section]:
    """Rows that no other section knows, as they are."""
    others = [
        row
        for row in rows
        if not (is_cost(row) or is_quality(row) or roofline.knows(row))
        and not training.is_training(row)
        and row.measure != LONGEST
    ]
    if not others:
        return []
    lines = [
        (row.system, row.phase, row.measure, cell(row), _compact(row.params)) for row in others
    ]
    columns = ("system", "phase", "measure", "value", "params")
    table = Table("others", "Rows of other kinds", columns, lines, frozenset({3}))
    return [Section(id="others", title="Other measurements", tables=[table], group="About")]


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "-", text)


def _compact(params: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{k}={json.dumps(v, ensure_ascii=False, default=str)}" for k, v in params.items()
    )
