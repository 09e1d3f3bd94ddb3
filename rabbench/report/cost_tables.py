"""The tables of a sweep: phase ledger, cost per length with factors, counters' agreement.

Reads rows, fits and ratios; every row with a document length appears in one of these tables, by
its value or by the status that it has instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rabbench.complexity import Estimate, Fit
from rabbench.records import PHASES, Measurement
from rabbench.report.factors import Ratio
from rabbench.report.labels import PHASE_WORDS, Labels, is_cost, measures_of, name_of
from rabbench.report.page import Table
from rabbench.report.units import amount, between, cell, interval

POWERS = {"constant": "", "linear": "/token", "quadratic": "/token²"}


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
            tables.append(_ledger_table(of_pairs, labels, measure, pairs))
    return tables


def _ledger_table(fits: Sequence[Fit], labels: Labels, measure: str, pairs: str) -> Table:
    rows = [
        (
            labels.of(fit.system, fit.key),
            fit.phase,
            _order(fit),
            _leading(fit),
            _leading_interval(fit),
            _slope(fit.exponent, fit),
            _crossover(fit),
            fit.remark,
        )
        for fit in sorted(fits, key=lambda f: (f.system, str(f.key), PHASES.index(f.phase)))
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


def per_length(
    rows: Iterable[Measurement], ratios: Sequence[Ratio], labels: Labels
) -> dict[str, list[Table]]:
    """Per measure, a table for each phase: a line per length, a column per sweep, and factors."""
    costs = [row for row in rows if is_cost(row)]
    tables: dict[str, list[Table]] = {}
    for measure in measures_of(row.measure for row in costs):
        for phase in reversed(PHASES):
            conventions = _conventions(costs, measure, phase)
            for pairs in conventions:
                here = [
                    row
                    for row in costs
                    if (row.measure, row.phase) == (measure, phase)
                    and row.params.get("pairs", conventions[0]) == pairs
                ]
                factors = [
                    ratio
                    for ratio in ratios
                    if phase == "score"
                    and ratio.measure == measure
                    and ratio.key.get("pairs", pairs) == pairs
                ]
                table = _lengths_table(here, factors, labels, (measure, phase, pairs))
                tables.setdefault(measure, []).append(table)
    return tables


def _lengths_table(
    rows: Sequence[Measurement],
    factors: Sequence[Ratio],
    labels: Labels,
    what: tuple[str, str, str],
) -> Table:
    measure, phase, pairs = what
    series: dict[str, dict[int, list[str]]] = {}
    for row in rows:
        length = int(row.params["doc_len"])
        of_series = series.setdefault(labels.of(row.system, row.params), {})
        of_series.setdefault(length, []).append(cell(row))
    columns, cells = sorted(series), []
    lengths = sorted({length for of_series in series.values() for length in of_series})
    extra = _factor_columns(factors, labels, lengths)
    for i, length in enumerate(lengths):
        line = [f"{length:,}"]
        line += [", ".join(series[name].get(length, ["–"])) for name in columns]
        cells.append([*line, *(column[i] for column in extra.values())])
    named = f" ({pairs} pairs)" if pairs else ""
    return Table(
        id=f"{measure}-{phase}{'-' + pairs if pairs else ''}",
        caption=f"{name_of(measure)}{named}, {PHASE_WORDS[phase]}",
        columns=["document tokens", *columns, *extra],
        rows=cells,
        numeric=frozenset(range(len(columns) + len(extra) + 1)),
    )


def _factor_columns(
    factors: Sequence[Ratio], labels: Labels, lengths: Sequence[int]
) -> dict[str, list[str]]:
    """Per heading, a cell for each length; a column that would be empty is left out."""
    found: dict[str, dict[int, str]] = {}
    for ratio in factors:
        heading = f"{labels.of(ratio.over_system, ratio.key)} / {ratio.under_system}"
        found.setdefault(heading, {})[ratio.doc_len] = between(ratio.score)
        if ratio.with_query is not None:
            counted = found.setdefault(f"{heading}, its query encoded", {})
            counted[ratio.doc_len] = between(ratio.with_query)
    return {
        heading: [column.get(length, "–") for length in lengths]
        for heading, column in found.items()
    }


def counters(rows: Iterable[Measurement], labels: Labels) -> Table | None:
    """How far apart the FLOP counters are, for each system and phase."""
    groups: dict[tuple[str, str], list[Measurement]] = {}
    for row in rows:
        if row.measure == "flops" and "agreement" in row.params:
            groups.setdefault((labels.of(row.system, row.params), row.phase), []).append(row)
    lines = []
    for (label, phase), group in groups.items():
        last = max(group, key=lambda row: int(row.params.get("doc_len", 0)))
        apart = max(float(row.params["agreement"]) for row in group)
        counts = [_count(last.params.get(name)) for name in ("closed_form", "torch", "fvcore")]
        length = f"{int(last.params.get('doc_len', 0)):,}"
        lines.append((label, phase, str(len(group)), length, *counts, f"{100 * apart:.3g} %"))
    if not lines:
        return None
    return Table(
        id="counters",
        caption="Three FLOP counters: the counts at the largest length, and how far apart they "
        "are at most over all lengths",
        columns=(
            "system",
            "phase",
            "lengths",
            "at",
            "closed form",
            "torch on meta",
            "fvcore × 2",
            "largest difference",
        ),
        rows=lines,
        numeric=frozenset(range(2, 8)),
    )


def _count(value: object) -> str:
    return f"{value:,.0f}" if isinstance(value, (int, float)) else "not counted"


def _conventions(costs: Sequence[Measurement], measure: str, phase: str) -> list[str]:
    here = [row for row in costs if (row.measure, row.phase) == (measure, phase)]
    named = {str(row.params["pairs"]) for row in here if "pairs" in row.params}
    if named:
        return sorted(named, reverse=True)  # dense before causal
    return [""] if here else []


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
    return f"{fit.crossover.value:,.0f}"


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
