"""The phase ledger: growth of each cost of each phase, at a glance, in full, and on what evidence.

Reads fits alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from rabbench.report.cost.text import POWERS, order_text, unexplained
from rabbench.report.labels import MEASURES, Labels, measures_of, name_of, rank
from rabbench.report.page import Cell, Column, Row, Table
from rabbench.scaling.fits import Fit
from rabbench.stats.intervals import Estimate
from rabbench.types import PHASES

WORK = ("flops", "latency", "energy")
STORAGE = ("working_memory", "peak_memory", "index_size")
GROWTH = "growth with document length, and its coefficient"


def split_tables(fits: Sequence[Fit], labels: Labels) -> tuple[Table | None, Table | None]:
    """Order and coefficient of every cost, a column a phase: of work, and of storage."""
    return (
        _order_table("orders", f"The phase ledger: {GROWTH}", fits, labels, WORK),
        _order_table("orders-kept", f"Memory and index: {GROWTH}", fits, labels, STORAGE),
    )


def _order_table(
    id_: str, caption: str, fits: Sequence[Fit], labels: Labels, measures: Iterable[str]
) -> Table | None:
    """Each cost leads to its evidence; FLOPs are the dense count.

    Peak memory holds the weights, so it is left out where the memory of the work alone is known.
    """
    present = {fit.measure for fit in fits}
    hidden = {"peak_memory"} if "working_memory" in present else set()
    by_phase: dict[tuple[str, str], dict[str, Fit]] = {}
    for fit in sorted(fits, key=lambda fit: (rank(fit.system), labels.of(fit.system, fit.key))):
        if fit.key.get("pairs", "dense") == "dense" and fit.measure in MEASURES.keys() - hidden:
            by_phase.setdefault((labels.of(fit.system, fit.key), fit.measure), {})[fit.phase] = fit
    rows: list[Row] = []
    for system in dict.fromkeys(system for system, _ in by_phase):
        for measure in measures:
            phases = by_phase.get((system, measure), {})
            if any(fit.values for fit in phases.values()):
                dense = any("pairs" in fit.key for fit in phases.values())
                link = f"table-ledger-{measure}{'-dense' if dense else ''}"
                cost = Cell(value=name_of(measure), link=link)
                rows.append((system, cost, *(_growth(phases.get(phase)) for phase in PHASES)))
    columns = ("system", "cost", "index (a document)", "query (a query)", "score (a pair)")
    return Table(id_, caption, columns, rows, grouped=True, paper=True) if rows else None


def _growth(fit: Fit | None) -> Cell:
    """“quadratic”, under it the coefficient, and the quadratic term's share of the cost so far."""
    if fit is None or not fit.values:
        return Cell() if fit is None else _order(fit)
    at_end = f"at {fit.lengths[-1]:,} tokens"
    size = replace(_coefficient(fit), low=None, high=None, note="")
    if size.value is None:
        size = Cell(value=fit.values[-1], role="amount", unit=fit.unit, note=at_end)
    below = [size]
    if fit.order == "quadratic" and fit.leading is not None:
        share = fit.share(fit.leading.value)
        below.append(Cell(lead="c·L² is", value=share, role="share", note=at_end))
    elif fit.order == "linear" and not fit.exact and fit.c is not None and fit.c.high > 0:
        share = fit.share(fit.c.high)
        below.append(Cell(lead="c·L² at most", value=share, role="share", note=at_end))
    return _order(fit, below)


def _order(fit: Fit, below: Sequence[Cell] = ()) -> Cell:
    if not fit.values:
        return Cell(words="not measured")
    text = order_text(fit)
    return Cell(value=text, role="order" if text in POWERS else "text", below=below)


def _coefficient(fit: Fit) -> Cell:
    """The highest coefficient of the order; no value where there is none."""
    if fit.order == "not judged":
        return Cell()
    return _rate(fit.leading, fit.unit + POWERS[fit.order])


def _rate(estimate: Estimate | None, unit: str) -> Cell:
    exact = estimate is not None and estimate.low == estimate.high
    return Cell.estimate(estimate, "amount", unit, note="(exact)" if exact else "")


def ledger_tables(fits: Sequence[Fit], labels: Labels) -> list[Table]:
    """By measure: order of growth, coefficient and remarks of each system's phases.

    Peak memory is left out as in the ledger at a glance.
    """
    tables = []
    measures = measures_of(fit.measure for fit in fits)
    for measure in measures:
        if measure == "peak_memory" and "working_memory" in measures:
            continue
        of_measure = [fit for fit in fits if fit.measure == measure]
        conventions = sorted({str(f.key["pairs"]) for f in of_measure if "pairs" in f.key})[::-1]
        for pairs in conventions or [""]:
            first = (conventions or [""])[0]
            of_pairs = [fit for fit in of_measure if fit.key.get("pairs", first) == pairs]
            brackets, suffix = (f" ({pairs} pairs)", f"-{pairs}") if pairs else ("", "")
            tables.append(
                Table(
                    f"ledger-{measure}{suffix}",
                    f"{name_of(measure)}{brackets}: how each phase grows with document length",
                    (
                        "system",
                        "phase",
                        "order",
                        "coefficient (95 % interval)",
                        "exponent",
                        "L*",
                        "why",
                    ),
                    [_ledger_row(fit, fits, labels) for fit in sorted(of_pairs, key=_place)],
                )
            )
    return tables


def _place(fit: Fit) -> tuple[tuple[int, str], str, int]:
    return rank(fit.system), str(fit.key), PHASES.index(fit.phase)


def _ledger_row(fit: Fit, fits: Sequence[Fit], labels: Labels) -> Row:
    exponent = Cell()
    if fit.exponent is not None and fit.order != "not judged":
        certain = fit.exact or fit.order == "constant"
        estimate = Estimate(fit.exponents[-1]) if certain else fit.exponent
        exponent = Cell.estimate(estimate, "exponent")
    crossover = Cell()
    if fit.crossover is not None and fit.crossover.value > 0:
        unread = fit.reads_at_most is not None and fit.reads_at_most < fit.crossover.value
        note = "(never read)" if unread else ""
        crossover = Cell(value=fit.crossover.value, role="count", note=note)
    remarks = "; ".join(filter(None, [fit.remark, unexplained(fit, fits)]))
    label = labels.of(fit.system, fit.key)
    return label, fit.phase, _order(fit), _coefficient(fit), exponent, crossover, remarks


def evidence_table(fits: Iterable[Fit], labels: Labels) -> Table:
    """The statistics behind each order: nested models, bootstrap, residual."""
    rows: list[Row] = []
    for fit in fits:
        if fit.coefficients is None:
            continue
        models = {model.order: model for model in fit.models}
        p_values = [models[o].p if o in models else None for o in ("linear", "quadratic")]
        residual = 0.0 if fit.exact and fit.residual is not None else fit.residual
        rows.append(
            (
                labels.of(fit.system, fit.key),
                " · ".join(filter(None, [fit.phase, str(fit.key.get("pairs", ""))])),
                name_of(fit.measure),
                fit.n_points,
                _rate(fit.c, f"{fit.unit}/token²"),
                _rate(fit.sampling, f"{fit.unit}/token²"),
                *p_values,
                *(models[order].aicc if order in models else None for order in POWERS),
                residual,
            )
        )
    columns = [
        *map(
            Column,
            ("system", "phase", "cost", "lengths", "c (95 % interval)", "c, repetitions only"),
        ),
        Column("p linear over constant", "p"),
        Column("p quadratic over linear", "p"),
        *(Column(f"AICc {order}", "log") for order in POWERS),
        Column("largest residual", "share"),
    ]
    return Table("evidence", "Evidence for each order", columns, rows)
