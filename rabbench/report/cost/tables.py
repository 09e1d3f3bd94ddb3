"""The tables of a sweep: cost per length with factors, spread of timings, counters' agreement.

Reads rows and ratios; every row with a document length appears in one of these tables, by
its value or by the status that it has instead.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from rabbench.report.cost.factors import Ratio
from rabbench.report.cost.timings import timed
from rabbench.report.labels import LONGEST, PHASE_WORDS, Labels, is_cost, measures_of, name_of, rank
from rabbench.report.page import Table
from rabbench.report.wording import between
from rabbench.types import PHASES, Measurement

AGREED = 0.01  # largest difference between counters that a sweep lets pass


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
                table = _lengths_table(here, labels, (measure, phase, pairs))
                tables.setdefault(measure, []).append(table)
        for pairs in _conventions(costs, measure, "score"):
            mine = [
                ratio
                for ratio in ratios
                if ratio.measure == measure and ratio.key.get("pairs", pairs) == pairs
            ]
            if mine:
                tables[measure].append(_factors_table(mine, labels, measure, pairs))
    return tables


def _lengths_table(
    rows: Sequence[Measurement], labels: Labels, what: tuple[str, str, str]
) -> Table:
    measure, phase, pairs = what
    series: dict[str, dict[int, list[str]]] = {}
    named = sorted(rows, key=lambda row: (rank(row.system), labels.of(row.system, row.params)))
    for row in named:
        length = int(row.params["doc_len"])
        of_series = series.setdefault(labels.of(row.system, row.params), {})
        of_series.setdefault(length, []).append(timed(row))
    lengths = sorted({length for of_series in series.values() for length in of_series})
    return Table(
        id=f"{measure}-{phase}{_suffix(pairs)}",
        caption=f"{name_of(measure)}{_named(pairs)}, {PHASE_WORDS[phase]}",
        columns=["document tokens", *series],
        rows=[
            [f"{length:,}", *(", ".join(one.get(length, ["–"])) for one in series.values())]
            for length in lengths
        ],
        numeric=frozenset(range(len(series) + 1)),
        paper=phase == "score" and pairs != "causal",
    )


def _factors_table(factors: Sequence[Ratio], labels: Labels, measure: str, pairs: str) -> Table:
    """How many times the cost of a pair; a column a comparison, with the query where it adds up."""
    found: dict[str, dict[int, str]] = {}
    for ratio in factors:
        heading = f"{labels.of(ratio.over_system, ratio.key)} / {ratio.under_system}"
        found.setdefault(heading, {})[ratio.doc_len] = between(ratio.score)
        if ratio.with_query is not None:
            counted = found.setdefault(f"{heading}, its query encoded", {})
            counted[ratio.doc_len] = between(ratio.with_query)
    lengths = sorted({ratio.doc_len for ratio in factors})
    return Table(
        id=f"{measure}-factor{_suffix(pairs)}",
        caption=f"{name_of(measure)}{_named(pairs)} of a pair: how many times the student’s",
        columns=["document tokens", *found],
        rows=[
            [f"{length:,}", *(column.get(length, "–") for column in found.values())]
            for length in lengths
        ],
        numeric=frozenset(range(len(found) + 1)),
        paper=pairs != "causal",
    )


def limits(rows: Iterable[Measurement], labels: Labels) -> Table | None:
    """The longest documents that memory and time allowed, where a length was found to fail."""
    lines = [
        (
            labels.of(row.system, row.params),
            row.phase,
            f"{row.value:,.0f}",
            f"{row.params['fails_at']:,}" if "fails_at" in row.params else "–",
        )
        for row in rows
        if row.measure == LONGEST and row.value is not None
    ]
    if not lines:
        return None
    columns = ("system", "phase", "longest that fits, tokens", "shortest that does not")
    caption = "How long a document may be on this machine"
    return Table("limits", caption, columns, lines, frozenset({2, 3}))


def _suffix(pairs: str) -> str:
    return f"-{pairs}" if pairs else ""


def _named(pairs: str) -> str:
    return f" ({pairs} pairs)" if pairs else ""


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
        runs = _layers_run(group)
        lines.append((label, phase, str(len(group)), length, *counts, f"{100 * apart:.3g} %", runs))
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
            "layers run",
        ),
        rows=lines,
        numeric=frozenset(range(2, 8)),
    )


def agreement(rows: Iterable[Measurement]) -> str:
    """How far apart the counters are at most, in a line."""
    apart = [
        float(row.params["agreement"])
        for row in rows
        if row.measure == "flops" and "agreement" in row.params
    ]
    if not apart:
        return ""
    worst = max(apart)
    within = "to the digit" if worst == 0 else f"within {100 * worst:.2g} %"
    return (
        f"yes, {within} on {len(apart):,} counts"
        if worst <= AGREED
        else (f"no, they are up to {100 * worst:.2g} % apart")
    )


def shortened(rows: Iterable[Measurement]) -> list[str]:
    """What it means that not every layer was run, where some row says so."""
    runs = {str(row.params["layers_run"]) for row in rows if "layers_run" in row.params}
    if not runs - {"all"}:
        return []
    return [
        "Where “1 of n” layers was run, both counters ran one layer of a stack of identical ones "
        "and took it n times, after a first forward through all of them had given both the same "
        "sum to the digit."
    ]


def _layers_run(group: Sequence[Measurement]) -> str:
    """“all”, or “1 of 28 at 11 lengths, all at 1 length”."""
    counted = Counter(str(row.params.get("layers_run", "–")) for row in group)
    if len(counted) == 1:
        return next(iter(counted))
    said = [f"{run} at {n} length{'' if n == 1 else 's'}" for run, n in counted.most_common()]
    return ", ".join(said)


def _count(value: object) -> str:
    return f"{value:,.0f}" if isinstance(value, (int, float)) else "not counted"


def _conventions(costs: Sequence[Measurement], measure: str, phase: str) -> list[str]:
    here = [row for row in costs if (row.measure, row.phase) == (measure, phase)]
    named = {str(row.params["pairs"]) for row in here if "pairs" in row.params}
    if named:
        return sorted(named, reverse=True)  # dense before causal
    return [""] if here else []
