"""The phase ledger: growth of each cost of each phase, at a glance and in full, and its evidence.

Reads fits, and of rows the counters and the repeated timings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import product

import numpy as np

from rabbench.report.cost.tables import by_pairs, row_cell, row_order
from rabbench.report.cost.text import POWERS, order_text, unexplained
from rabbench.report.page import Cell, Column, Row, Table
from rabbench.report.wording import plural
from rabbench.scaling.fits import Fit, is_dense, samples
from rabbench.scaling.labels import (
    MEASURES,
    Labels,
    group_by,
    is_cost,
    measures_of,
    name_of,
    pairs_text,
    rank,
)
from rabbench.stats.intervals import Estimate
from rabbench.types import PHASES, Measurement

WORK = ("flops", "latency", "energy")
STORAGE = ("working_memory", "peak_memory", "index_size")
GROWTH = "growth with document length, and its coefficient"
AGREED = 0.01  # largest difference between counters that a sweep lets pass
COUNTERS = {"closed_form": "closed form", "torch": "torch on meta", "fvcore": "fvcore × 2"}


def split_tables(fits: Iterable[Fit], labels: Labels) -> tuple[Table, Table]:
    """Order and coefficient of every cost, a column a phase: of work, and of storage.

    Each cost leads to its evidence; FLOPs are the dense count. Peak memory holds the weights, so it
    is left out where the memory of the work alone is known.
    """
    dense = [fit for fit in fits if is_dense(fit.key) and fit.measure in MEASURES]
    dense.sort(key=lambda fit: (rank(fit.system), labels.of(fit.system, fit.key)))
    costs = group_by(dense, lambda fit: (labels.of(fit.system, fit.key), fit.measure))
    judged = judged_measures(measure for _, measure in costs)

    def order_table(id_: str, caption: str, measures: Iterable[str]) -> Table:
        rows: list[Row] = []
        for system, measure in product(dict.fromkeys(label for label, _ in costs), measures):
            phases = {fit.phase: fit for fit in costs.get((system, measure), ())}
            if measure in judged and any(fit.values for fit in phases.values()):
                has_pairs = any("pairs" in fit.key for fit in phases.values())
                link = f"table-ledger-{measure}{'-dense' if has_pairs else ''}"
                cost = Cell(value=name_of(measure), link=link)
                rows.append((system, cost, *(_growth(phases.get(phase)) for phase in PHASES)))
        columns = ("system", "cost", "index (a document)", "query (a query)", "score (a pair)")
        return Table(id_, f"{caption}: {GROWTH}", columns, rows, grouped=True, paper=True)

    return (
        order_table("orders", "The phase ledger", WORK),
        order_table("orders-kept", "Memory and index", STORAGE),
    )


def judged_measures(names: Iterable[str]) -> list[str]:
    """All costs but peak memory where the memory of the work alone is known."""
    measures = measures_of(names)
    hidden = "peak_memory" if "working_memory" in measures else ""
    return [measure for measure in measures if measure != hidden]


def _growth(fit: Fit | None) -> Cell:
    """“quadratic”, under it the coefficient, and the quadratic term's share of the cost so far."""
    if fit is None or not fit.values:
        return Cell(words="not measured" if fit else "")
    at_end = f"at {fit.lengths[-1]:,} tokens"
    size = replace(_coefficient(fit), low=None, high=None, note="")
    if size.value is None:
        size = Cell(value=fit.values[-1], role="amount", unit=fit.unit, note=at_end)
    lead, share = "c·L² is", fit.quadratic_share
    if fit.order == "linear" and not fit.exact and fit.c is not None and fit.c.high > 0:
        lead, share = "c·L² at most", fit.share(fit.c.high)
    weight = Cell(lead=lead, value=share, role="share", note=at_end)
    return _order(fit, [size] if share is None else [size, weight])


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
    """By measure: order of growth, coefficient and remarks of each system's phases."""

    def place(fit: Fit) -> tuple[tuple[int, str], str, int]:
        return rank(fit.system), str(fit.key), PHASES.index(fit.phase)

    tables = []
    for measure in judged_measures(fit.measure for fit in fits):
        of_measure = sorted((fit for fit in fits if fit.measure == measure), key=place)
        for pairs, of_pairs in by_pairs(of_measure, "key"):
            suffix, brackets = pairs_text(pairs)
            rows = [_ledger_row(fit, fits, labels) for fit in of_pairs]
            caption = f"{name_of(measure)}{brackets}: growth of each phase with document length"
            columns = ["system", "phase", "order", "coefficient (95 % interval)", "exponent"]
            columns += ["L*", "why"]
            tables.append(Table(f"ledger-{measure}{suffix}", caption, columns, rows))
    return tables


def _ledger_row(fit: Fit, fits: Sequence[Fit], labels: Labels) -> Row:
    exponent = crossover = Cell()
    if fit.exponent is not None and fit.order != "not judged":
        certain = fit.exact or fit.order == "constant"
        estimate = Estimate(fit.exponents[-1]) if certain else fit.exponent
        exponent = Cell.estimate(estimate, "exponent")
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
    for fit in (fit for fit in fits if fit.coefficients is not None):
        models, unit = {model.order: model for model in fit.models}, f"{fit.unit}/token²"
        phase = " · ".join(filter(None, [fit.phase, str(fit.key.get("pairs", ""))]))
        rows.append(
            (
                *(labels.of(fit.system, fit.key), phase, name_of(fit.measure), fit.n_points),
                *(_rate(fit.c, unit), _rate(fit.sampling, unit)),
                *(models[o].p if o in models else None for o in ("linear", "quadratic")),
                *(models[order].aicc if order in models else None for order in POWERS),
                fit.residual and (0.0 if fit.exact else fit.residual),
            )
        )
    names = ("system", "phase", "cost", "lengths", "c (95 % interval)", "c, repetitions only")
    tests = ("p linear over constant", "p quadratic over linear")
    columns = [*map(Column, names), *(Column(name, "p") for name in tests)]
    columns += [Column(f"AICc {order}", "log") for order in POWERS]
    columns += [Column("largest residual", "share")]
    return Table("evidence", "Evidence for each order", columns, rows)


def counter_table(rows: Iterable[Measurement], labels: Labels) -> Table:
    """The FLOP counters and how far apart they are, for each system and phase."""
    counter_rows = _counter_rows(rows)
    groups = group_by(counter_rows, lambda row: (labels.of(row.system, row.params), row.phase))
    lines: list[Row] = []
    for place, group in groups.items():
        longest = max(group, key=lambda row: int(row.params.get("doc_len", 0)))
        counts = [
            Cell(value=n, role="count", words="not counted" if n is None else "")
            for n in map(longest.params.get, COUNTERS)
        ]
        difference = Cell(value=max(row.params["agreement"] for row in group), role="share")
        length = int(longest.params.get("doc_len", 0))
        runs = Counter(str(row.params.get("layers_run", "–")) for row in group)
        layers = [f"{run} at {plural(n, 'length')}" for run, n in runs.most_common()]
        layers_run = ", ".join(layers) if len(runs) > 1 else next(iter(runs))
        lines.append([*place, len(group), length, *counts, difference, layers_run])
    columns = ["system", "phase", "lengths", "at", *COUNTERS.values()]
    caption = (
        "Three FLOP counters: the counts at the largest length, and how far apart they are at most "
        "over all lengths"
    )
    return Table("counters", caption, [*columns, "largest difference", "layers run"], lines)


def counter_agreement(rows: Iterable[Measurement]) -> str:
    """How far apart the counters are at most, in a line; empty without counters."""
    differences = [float(row.params["agreement"]) for row in _counter_rows(rows)]
    worst = max(differences, default=0.0)
    if worst > AGREED:
        return f"they disagree, up to {100 * worst:.2g} % apart"
    bound = "to the digit" if worst == 0 else f"within {100 * worst:.2g} %"
    return f"they agree {bound} on {len(differences):,} counts" if differences else ""


def layer_note(rows: Iterable[Measurement]) -> list[str]:
    """How one layer stands for all, where some row ran fewer than all."""
    if not {str(row.params["layers_run"]) for row in rows if "layers_run" in row.params} - {"all"}:
        return []
    return [
        "Where “1 of n” layers was run, both counters ran one layer of a stack of identical ones "
        "and took it n times, after a first forward through all of them had given both the same "
        "sum to the digit."
    ]


def _counter_rows(rows: Iterable[Measurement]) -> list[Measurement]:
    return [row for row in rows if row.measure == "flops" and "agreement" in row.params]


def timing_table(rows: Iterable[Measurement], labels: Labels) -> Table:
    """Median, 90th and 99th percentile of every point that was timed more than once."""
    lines: list[Row] = []
    for row in sorted(rows, key=lambda row: row_order(row, labels)):
        if row.measure == "latency" and is_cost(row) and row.value and len(row.samples) > 1:
            runs = samples(row)
            slow_end = np.percentile(runs, [90, 99]).tolist()
            slow = [Cell(value=value, role="amount", unit=row.unit) for value in slow_end]
            head = (labels.of(row.system, row.params), row.phase, int(row.params["doc_len"]))
            lines.append((*head, len(runs), row_cell(row), *slow))
    caption = (
        "Repeated runs: median (p50) with its 95 % interval, 90th and 99th percentile; of fewer "
        "than 100 runs the 99th is close to the slowest"
    )
    columns = ("system", "phase", "tokens", "runs", "p50", "p90", "p99")
    return Table("timings", caption, columns, lines)


def unsupported(rows: Iterable[Measurement]) -> list[str]:
    """Costs that cannot be measured by nature, one line each."""
    sentences = {
        f"{row.system}, {row.phase}: {name_of(row.measure)} is not measured "
        f"({row.params.get('message', 'unsupported')})."
        for row in rows
        if row.status == "unsupported" and is_cost(row)
    }
    return sorted(sentences)
