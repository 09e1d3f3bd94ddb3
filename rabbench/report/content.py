"""A results file as a page: which sections, tables and figures there are, in which order.

Everything on the page is traceable to a row, a fit of rows, the suites' cards or the provenance
that the results file carries. Rows of kinds that it does not know get a table of their own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from rabbench import complexity
from rabbench.records import Measurement, Results
from rabbench.report import (
    cautions,
    cost_tables,
    factors,
    figures,
    headline,
    ledger,
    paper,
    quality_tables,
    roofline,
    timings,
    training,
)
from rabbench.report.labels import LONGEST, Labels, is_cost, name_of, slots
from rabbench.report.page import Page, Section, Table
from rabbench.report.payoff import Payoff, load_of
from rabbench.report.quality_sections import HIDDEN, Quality
from rabbench.report.units import amount, cell

TITLES = {
    "scaling": "How cost grows with document length",
    "quality": "Ranking quality",
    "demo": "The reranker and its student: cost and quality",
}

FEW_SUITES = 3


def build(results: Results, *, draw: bool = True) -> Page:
    """The page of a results file; ``draw`` leaves the figures out where nobody sees them."""
    rows = list(results.rows)
    costs = [row for row in rows if is_cost(row)]
    fits = complexity.fits(costs)
    ratios = [
        ratio
        for over in (headline.TEACHER, headline.CACHED)
        for under in (headline.STUDENT, headline.CHUNKED)
        for ratio in factors.ratios(costs, over=over, under=under)
    ]
    labels, colours, quality = Labels(costs), slots(rows), Quality(results)
    payoff = Payoff(costs, load_of(results.config), labels)
    said = [
        *headline.verdict(fits, ratios, labels),
        *payoff.sentences(),
        *quality.verdict(),
        *training.verdict(rows),
    ]
    drawn = figures.draw(fits, ratios, rows, labels, colours) if draw else ()
    paid = payoff.section(colours, draw=draw)
    sections = [
        *_orders(fits, rows, labels),
        Section(id="figures", title="At a glance", figures=drawn),
        *([paid] if paid else []),
        *_cost_sections(costs, fits, ratios, labels),
        *roofline.sections(rows, labels),
        *quality.sections(colours, draw=draw),
        *training.sections(rows, draw=draw),
        *_other_sections(rows),
        _suites(results.suites),
        _provenance(results),
    ]
    return Page(
        title=_title(results),
        subtitle=_subtitle(results),
        verdict=said or ["Nothing here carries a verdict: see the tables."],
        key_figures=[
            *headline.key_figures(fits, ratios, labels),
            *filter(None, [payoff.key_figure()]),
        ],
        warnings=[*cautions.warnings(rows, Labels(rows)), *quality.warnings()],
        sections=[one for one in sections if one.text or one.tables or one.figures],
    )


def _title(results: Results) -> str:
    if results.command == "train":
        return training.about(results.config)
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


def _orders(
    fits: Sequence[complexity.Fit], rows: Sequence[Measurement], labels: Labels
) -> list[Section]:
    found = [ledger.orders(fits, labels), cost_tables.limits(rows, labels)]
    text = (
        "What each phase costs as documents grow longer. The cost’s name leads to its intervals "
        "and reasons.",
    )
    tables = [table for table in found if table is not None]
    return [Section(id="orders", title="Phase ledger", text=text, tables=tables)] if tables else []


def _cost_sections(
    costs: Sequence[Measurement],
    fits: Sequence[complexity.Fit],
    ratios: Sequence[factors.Ratio],
    labels: Labels,
) -> list[Section]:
    if not costs:
        return []
    sections = [
        Section(
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
        )
    ]
    for measure, tables in cost_tables.per_length(costs, ratios, labels).items():
        published = paper.table(ratios) if measure == "latency" else None
        sections.append(
            Section(
                id=f"cost-{_slug(measure)}",
                title=f"{name_of(measure)} by length",
                text=() if published is None else (paper.SENTENCE,),
                tables=tables if published is None else [*tables, published],
            )
        )
    return [*sections, *_backing(costs, fits, labels)]


def _backing(
    costs: Sequence[Measurement], fits: Sequence[complexity.Fit], labels: Labels
) -> list[Section]:
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
        ),
        Section(
            id="evidence",
            title="Evidence",
            text=("Intervals rest on the scatter between lengths.", *cautions.unsupported(costs)),
            tables=[ledger.evidence(fits, labels)],
            detail=True,
        ),
        Section(
            id="timings",
            title="Repeated timings",
            tables=[spread] if spread else [],
            detail=True,
        ),
    ]
    return [section for section in found if section.tables]


def _other_sections(rows: Sequence[Measurement]) -> list[Section]:
    """Rows that no other section knows, as they are."""
    others = [
        row
        for row in rows
        if not (is_cost(row) or quality_tables.is_quality(row) or roofline.knows(row))
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
    return [Section(id="others", title="Other measurements", tables=[table])]


def _suites(suites: Sequence[Mapping[str, Any]]) -> Section:
    names = list(dict.fromkeys(name for suite in suites for name in suite if name not in HIDDEN))
    lines = [[_text(name, suite.get(name)) for name in names] for suite in suites]
    columns = [name.removeprefix("n_").replace("_", " ") for name in names]
    table = Table("suites", "The test collections used", columns, lines)
    if 0 < len(lines) <= FEW_SUITES:  # few long cards read better as columns
        turned = [(name, *cells) for name, *cells in zip(columns, *lines, strict=True)]
        table = Table("suites", "The test collections used", turned[0], turned[1:])
    return Section(id="suites", title="Test collections", tables=[table] if lines else [])


def _provenance(results: Results) -> Section:
    flat = {"command": f"rabbench {results.command}"}
    for group, values in (("config", results.config), ("environment", results.environment)):
        for name, value in values.items():
            if isinstance(value, Mapping):
                flat |= {f"{group}.{name}.{k}": _text(str(k), v) for k, v in value.items()}
            else:
                flat[f"{group}.{name}"] = _text(str(name), value)
    table = Table(
        "provenance", "What ran, where, with which versions", ("item", "value"), list(flat.items())
    )
    return Section(id="provenance", title="Provenance", tables=[table])


def _text(name: str, value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, (list, tuple)):
        return ", ".join(_text("", item) for item in value) or "–"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_text(str(key), inner)}" for key, inner in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and name.endswith("_bytes"):
        return amount(value, "B")
    if isinstance(value, int) and name.startswith("n_"):
        return f"{value:,}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "-", text)


def _compact(params: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{k}={json.dumps(v, ensure_ascii=False, default=str)}" for k, v in params.items()
    )
