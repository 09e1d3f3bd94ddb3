"""A results file as a page: its sections, tables and figures in order, and what to be warned of.

Everything on the page is traceable to a row, a fit of rows, the suites' cards or the provenance
that the results file carries. Rows of kinds that it does not know get a table of their own.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import median, quantiles

from rabbench.plan.rows import CALIBRATION
from rabbench.quality.rankings import is_quality
from rabbench.report import provenance, training
from rabbench.report.cost import CostReport
from rabbench.report.cost.roofline import is_roofline
from rabbench.report.cost.text import opening_sentences
from rabbench.report.labels import LONGEST, slots
from rabbench.report.page import Cell, Page, Section, Table
from rabbench.report.quality import QualityReport
from rabbench.report.wording import percent, plural, times
from rabbench.scaling.labels import Labels, group_by, is_cost, name_of
from rabbench.types import Measurement, Results

TITLES = {
    "scaling": "How cost grows with document length",
    "quality": "Ranking quality",
    "demo": "The reranker and its student: cost and quality",
}

MANY_TIES = 0.1  # share of queries with ties at which a ranking deserves a warning
BUSY = 0.1  # share of the CPUs that others may take during a calibration
STEADY = 1.5  # 90th over 10th percentile of one point's timings, median over lengths
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
    title = TITLES.get(results.command, f"rabbench {results.command}")
    if results.command == "train":
        title = training.training_title(results.config)
    return Page(
        title=title,
        subtitle=_subtitle(results),
        verdict=verdict or ["Nothing here carries a verdict: see the tables."],
        key_figures=[*cost.key_figures(), *quality.key_figures()][:MOST_KEYS],
        warnings=[*find_warnings(rows), *quality.warnings()],
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
    return Section("figures", "At a glance", (), figures, tables, opening=True, group="Summary")


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
    lines = [
        (
            *(row.system, row.phase, row.measure, Cell.of_row(row)),
            ", ".join(
                f"{name}={json.dumps(value, ensure_ascii=False, default=str)}"
                for name, value in row.params.items()
            ),
        )
        for row in rows
        if not (is_cost(row) or is_quality(row) or is_roofline(row) or training.is_training(row))
        and row.measure != LONGEST
    ]
    columns = ("system", "phase", "measure", "value", "params")
    tables = [Table("others", "Rows of other kinds", columns, lines)] if lines else []
    return Section("others", "Other measurements", tables=tables, group="About")


def find_warnings(rows: Sequence[Measurement]) -> list[str]:
    """All warnings, each once."""
    labels = Labels(rows)
    sentences = []
    if labels.untrained:
        names = ", ".join(sorted(labels.untrained))
        sentences.append(
            f"Untrained: {names}. The ranking says nothing about trained ones; the cost is theirs."
        )
    sentences += [*_failures(rows, labels), *_busy(rows), *_scatter(rows)]
    for row in rows:
        dataset = row.params.get("dataset", "")
        variant = f" ({row.params['variant']})" if "variant" in row.params else ""
        ties, cut = row.params.get("tied_queries"), row.params.get("documents_cut")
        if isinstance(ties, (int, float)) and ties > MANY_TIES:
            sentences.append(
                f"{row.system}{variant} gives equal scores in {100 * ties:.0f} % of the queries of "
                f"{dataset}: its figures hang on the rule that breaks ties."
            )
        if isinstance(cut, int) and cut > 0:
            sentences.append(
                f"{row.system}{variant} read {cut:,} documents of {dataset} cut short "
                f"({row.params.get('tokens_cut', 0):,} tokens were dropped)."
            )
    return list(dict.fromkeys(sentences))


def _failures(rows: Iterable[Measurement], labels: Labels) -> list[str]:
    """One sentence per kind of failure; ``unsupported`` is a property, not a failure."""

    def kind(row: Measurement) -> tuple[str, ...]:
        reason = str(row.params.get("message") or row.params.get("error") or "")
        return labels.of(row.system, row.params), row.phase, row.status, reason

    sentences = []
    failed = (row for row in rows if row.status not in {"ok", "unsupported"})
    for (label, phase, status, reason), group in group_by(failed, kind).items():
        points = Counter(name_of(row.measure) for row in group)
        sentences.append(
            f"{label}, {phase}, {', '.join(points)}: {plural(max(points.values()), 'point')} not "
            f"measured ({status}){f': {reason}' if reason else ''}"
        )
    return sentences


def _scatter(rows: Iterable[Measurement]) -> list[str]:
    """Repeated timings of the same work that differ so much that something disturbed them."""
    timed = [row for row in rows if row.measure == "latency" and is_cost(row)]
    repeated = [row for row in timed if len(row.samples) > 2]
    noisy: dict[str, float] = {}
    phases = group_by(repeated, lambda row: f"{row.system} {row.phase}")
    for name, group in phases.items():
        tenths = [quantiles(map(float, row.samples), n=10) for row in group]
        spread = median(high / low for low, *_, high in tenths)
        noisy |= {name: spread} if spread > STEADY else {}
    if not noisy:
        return []
    worst = max(noisy, key=lambda name: noisy[name])
    return [
        f"The times are unsteady: the 10th and 90th percentile of repeated runs differ "
        f"{times(noisy[worst])} in the worst case ({worst}), and more than {times(STEADY)} in "
        f"{len(noisy)} of {len(phases)} phases. An idle machine is needed."
    ]


def _busy(rows: Iterable[Measurement]) -> list[str]:
    """Other processes that held the machine while it was calibrated."""
    shares = [row.params.get("others") for row in rows if row.phase == CALIBRATION]
    most = max((share for share in shares if share is not None), default=0.0)
    if most < BUSY:
        return []
    return [
        f"Other processes took {percent(most)} of the CPUs while the machine was calibrated: its "
        "rates are too low and the predicted times too long for an idle machine."
    ]
