"""The tables of a sweep: cost per length with factors, spread of timings, counters' agreement.

Reads rows and ratios; every row with a document length appears in one of these tables, by
its value or by the status that it has instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rabbench.records import PHASES, Measurement
from rabbench.report.factors import Ratio
from rabbench.report.labels import PHASE_WORDS, Labels, is_cost, measures_of, name_of
from rabbench.report.page import Table
from rabbench.report.units import amount, between, cell, interval


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
