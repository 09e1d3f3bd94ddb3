"""A results file as a page: which sections, tables and figures there are, in which order.

Everything on the page is traceable to a row, a fit of rows, the suites' cards or the provenance
that the results file carries. Rows of kinds that it does not know get a table of their own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from rabbench.quality.rankings import is_quality
from rabbench.report import provenance, training, warnings
from rabbench.report.cost import CostReport
from rabbench.report.cost.roofline import is_roofline
from rabbench.report.cost.text import opening_sentences
from rabbench.report.labels import LONGEST, is_cost, slots
from rabbench.report.page import Cell, Page, Section, Table
from rabbench.report.quality import QualityReport
from rabbench.types import Measurement, Results

TITLES = {
    "scaling": "How cost grows with document length",
    "quality": "Ranking quality",
    "demo": "The reranker and its student: cost and quality",
}

GLANCED = 3  # figures of the opening, its ledger counted
MOST_KEYS = 6


def build_page(results: Results, *, draw: bool = True) -> Page:
    """The page of a results file; ``draw`` leaves the figures out where nobody sees them."""
    results = _with_suite_names(results)
    rows = list(results.rows)
    colours = slots(rows)
    quality = QualityReport(results, colours, draw=draw)
    cost = CostReport(rows, results.config, colours, draw=draw)
    verdict = opening_sentences(cost.opening(), quality.opening(), training.opening(rows))
    glance = _glance(cost, quality)
    sections = [
        glance,
        *cost.sections(glance.figures),
        *quality.sections(glance.figures),
        *training.sections(rows, results.config, draw=draw),
        _other_section(rows),
        provenance.suites_section(results.suites),
        provenance.provenance_section(results),
    ]
    return Page(
        title=_title(results),
        subtitle=_subtitle(results),
        verdict=verdict or ["Nothing here carries a verdict: see the tables."],
        key_figures=[*cost.key_figures(), *quality.key_figures()][:MOST_KEYS],
        warnings=[*warnings.find_warnings(rows), *quality.warnings()],
        sections=[section for section in sections if not section.empty],
        findings=[*cost.findings(), *quality.findings(), *training.ablation_sentences(rows)],
    )


def _with_suite_names(results: Results) -> Results:
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


def _glance(cost: CostReport, quality: QualityReport) -> Section:
    """Three figures at most: cost by length, the phase ledger, quality against cost."""
    tables = [cost.ledger] if cost.ledger.rows else []
    figures = cost.opening_figures(GLANCED - len(tables) - bool(quality.figures))
    figures += [*quality.figures.values()][: GLANCED - len(tables) - len(figures)]
    return Section(
        id="figures",
        title="At a glance",
        figures=figures,
        tables=tables,
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


def _other_section(rows: Sequence[Measurement]) -> Section:
    """Rows that no other section knows, as they are."""
    unknown = [
        row
        for row in rows
        if not (is_cost(row) or is_quality(row) or is_roofline(row))
        and not training.is_training(row)
        and row.measure != LONGEST
    ]
    columns = ("system", "phase", "measure", "value", "params")
    lines = [
        (row.system, row.phase, row.measure, Cell.of_row(row), _compact(row.params))
        for row in unknown
    ]
    table = Table("others", "Rows of other kinds", columns, lines)
    tables = [table] if lines else []
    return Section(id="others", title="Other measurements", tables=tables, group="About")


def _compact(params: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{k}={json.dumps(v, ensure_ascii=False, default=str)}" for k, v in params.items()
    )
