"""The phase ledger: how each cost of each phase grows, at a glance, in full, and on what evidence.

Reads fits only. The first table says order and coefficient of every phase; the following ones why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rabbench.report.cost.materiality import brief, unexplained
from rabbench.report.labels import MEASURES, Labels, measures_of, name_of, rank
from rabbench.report.page import Table
from rabbench.report.wording import amount, interval
from rabbench.scaling.fits import Fit
from rabbench.stats.intervals import Estimate
from rabbench.types import PHASES

POWERS = {"constant": "", "linear": "/token", "quadratic": "/token²"}


SPENT = ("flops", "latency", "energy")
OCCUPIED = ("working_memory", "peak_memory", "index_size")


def orders(fits: Sequence[Fit], labels: Labels) -> Table | None:
    """Order and coefficient of each cost, a column a phase; each cost leads to its evidence.

    FLOPs are the dense count; of two kinds of memory the one that the weights are not in.
    """
    caption = "Order of growth with document length, and its coefficient"
    return _orders_table("orders", caption, (*SPENT, *OCCUPIED), _cells(fits, labels))


def parted(fits: Sequence[Fit], labels: Labels) -> tuple[Table | None, Table | None]:
    """The same in two: what is spent (FLOPs, time, energy), what is occupied (memory, index)."""
    cells = _cells(fits, labels)
    caption = "growth with document length, and its coefficient"
    return (
        _orders_table("orders", f"The phase ledger: {caption}", SPENT, cells),
        _orders_table("orders-kept", f"Memory and index: {caption}", OCCUPIED, cells),
    )


def _cells(fits: Sequence[Fit], labels: Labels) -> dict[tuple[str, str], dict[str, Fit]]:
    """The fits of each sweep and cost by phase."""
    cells: dict[tuple[str, str], dict[str, Fit]] = {}
    present = {fit.measure for fit in fits}
    for fit in sorted(fits, key=lambda f: (rank(f.system), labels.of(f.system, f.key))):
        if fit.key.get("pairs", "dense") == "dense" and _shown(fit.measure, present):
            name = labels.of(fit.system, fit.key)
            cells.setdefault((name, fit.measure), {})[fit.phase] = fit
    return cells


def _orders_table(
    id_: str,
    caption: str,
    measures: Sequence[str],
    cells: Mapping[tuple[str, str], Mapping[str, Fit]],
) -> Table | None:
    names = dict.fromkeys(name for name, _ in cells)
    rows: list[tuple[str, ...]] = []
    links = {}
    for name in names:
        for measure in measures:
            of_phase = cells.get((name, measure), {})
            if not any(fit.values for fit in of_phase.values()):
                continue
            dense = any(fit.key.get("pairs") == "dense" for fit in of_phase.values())
            links[len(rows), 1] = f"table-ledger-{measure}{'-dense' if dense else ''}"
            found = [_glance(of_phase.get(phase)) for phase in PHASES]
            rows.append((name, name_of(measure), *found))
    if not rows:
        return None
    return Table(
        id=id_,
        caption=caption,
        columns=("system", "cost", "index (a document)", "query (a query)", "score (a pair)"),
        rows=rows,
        links=links,
        grouped=True,
        paper=True,
    )


def _shown(measure: str, present: set[str]) -> bool:
    return measure in MEASURES and not (measure == "peak_memory" and "working_memory" in present)


def _glance(fit: Fit | None) -> str:
    """“quadratic”, under it the coefficient, and what a quadratic term is of the cost so far."""
    if fit is None:
        return "–"
    if not fit.values:
        return _order(fit)
    known = _leading(fit)
    if known == "–":
        known = f"{amount(fit.values[-1], fit.unit)} at {fit.lengths[-1]:,} tokens"
    return "\n".join(filter(None, [_order(fit), known, brief(fit)]))


def ledger(fits: Sequence[Fit], labels: Labels) -> list[Table]:
    """Per measure: order of growth, coefficient and evidence of each system's phases.

    Peak memory holds the weights whatever the length, so where the memory of the work itself was
    measured, that alone is judged here.
    """
    tables = []
    measures = measures_of(fit.measure for fit in fits)
    for measure in measures:
        if measure == "peak_memory" and "working_memory" in measures:
            continue
        of_measure = [fit for fit in fits if fit.measure == measure]
        conventions = sorted({str(f.key["pairs"]) for f in of_measure if "pairs" in f.key})[::-1]
        for pairs in conventions or [""]:
            of_pairs = [
                f for f in of_measure if f.key.get("pairs", (conventions or [""])[0]) == pairs
            ]
            tables.append(_ledger_table(of_pairs, fits, labels, (measure, pairs)))
    return tables


def _ledger_table(
    mine: Sequence[Fit], fits: Sequence[Fit], labels: Labels, what: tuple[str, str]
) -> Table:
    measure, pairs = what
    rows = [
        (
            labels.of(fit.system, fit.key),
            fit.phase,
            _order(fit),
            _leading(fit),
            _leading_interval(fit),
            _slope(fit.exponent, fit),
            _crossover(fit),
            "; ".join(filter(None, [fit.remark, unexplained(fit, fits)])),
        )
        for fit in sorted(mine, key=lambda f: (rank(f.system), str(f.key), PHASES.index(f.phase)))
    ]
    columns = ("system", "phase", "order", "coefficient", "95 % interval", "exponent", "L*", "why")
    named = f" ({pairs} pairs)" if pairs else ""
    return Table(
        id=f"ledger-{measure}{'-' + pairs if pairs else ''}",
        caption=f"{name_of(measure)}{named}: how each phase grows with document length",
        columns=columns,
        rows=rows,
        numeric=frozenset({3, 4, 5, 6}),
    )


def evidence(fits: Sequence[Fit], labels: Labels) -> Table:
    """The statistics behind each order: nested models, bootstrap, residual."""
    rows = []
    for fit in fits:
        if fit.coefficients is None:
            continue
        models = {model.order: model for model in fit.models}
        linear, quadratic = models.get("linear"), models.get("quadratic")
        c_unit = f"{fit.unit}/token²"
        rows.append(
            (
                labels.of(fit.system, fit.key),
                fit.phase + _convention(fit),
                name_of(fit.measure),
                str(fit.n_points),
                _with_interval(fit.c, c_unit),
                interval(fit.sampling, c_unit) if fit.sampling else "–",
                _p(linear.p if linear else None),
                _p(quadratic.p if quadratic else None),
                " / ".join(f"{model.aicc:.1f}" for model in fit.models) or "–",
                _residual(fit),
            )
        )
    return Table(
        id="evidence",
        caption="Evidence for each order",
        columns=(
            "system",
            "phase",
            "cost",
            "lengths",
            "c (95 % interval)",
            "c, repetitions only",
            "p linear over constant",
            "p quadratic over linear",
            "AICc constant / linear / quadratic",
            "largest residual",
        ),
        rows=rows,
        numeric=frozenset({3, 4, 5, 6, 7, 8, 9}),
    )


def _order(fit: Fit) -> str:
    if not fit.values:
        return "not measured"
    bends_down = fit.order == "linear" and fit.leading is None
    return "at most linear" if bends_down else fit.order


def _convention(fit: Fit) -> str:
    return f" · {fit.key['pairs']}" if "pairs" in fit.key else ""


def _leading(fit: Fit) -> str:
    if fit.order == "not judged" or fit.leading is None:
        return "–"
    return amount(fit.leading.value, fit.unit + POWERS[fit.order])


def _leading_interval(fit: Fit) -> str:
    if fit.order == "not judged" or fit.leading is None:
        return "–"
    return interval(fit.leading, fit.unit + POWERS[fit.order])


def _slope(exponent: Estimate | None, fit: Fit) -> str:
    if exponent is None:
        return "–"
    if fit.order == "not judged":
        return "–"
    if fit.exact or fit.order == "constant":
        return f"{fit.exponents[-1]:.2f}"
    return f"{exponent.value:.2f} ({exponent.low:.2f} to {exponent.high:.2f})"


def _crossover(fit: Fit) -> str:
    if fit.crossover is None or fit.crossover.value <= 0:
        return "–"
    never = fit.reads_at_most is not None and fit.reads_at_most < fit.crossover.value
    return f"{fit.crossover.value:,.0f}{', never read' if never else ''}"


def _with_interval(estimate: Estimate | None, unit: str) -> str:
    if estimate is None:
        return "–"
    if estimate.low == estimate.high:
        return f"{amount(estimate.value, unit)} (exact)"
    return f"{amount(estimate.value, unit)} ({interval(estimate, unit)})"


def _residual(fit: Fit) -> str:
    if fit.residual is None:
        return "–"
    return "0 %" if fit.exact else f"{100 * fit.residual:.2g} %"


def _p(p: float | None) -> str:
    if p is None:
        return "–"
    return "< 0.0001" if p < 1e-4 else f"{p:.2g}"
