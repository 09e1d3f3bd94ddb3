"""Tables of a sweep: costs and factors by length, timings, limits, counters, the paper's factor.

Reads rows and ratios; every row with a document length stands in one of the tables by length, by
its value or by the status that it has instead.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from rabbench.report.cost.factors import Ratio
from rabbench.report.labels import (
    LONGEST,
    PHASE_WORDS,
    STUDENT,
    TEACHER,
    Labels,
    is_cost,
    measures_of,
    name_of,
    rank,
)
from rabbench.report.page import Cell, Column, Row, Table
from rabbench.report.paper import ONLINE
from rabbench.report.wording import amount, plural, times
from rabbench.scaling.fits import samples
from rabbench.stats.intervals import median_interval
from rabbench.types import PHASES, Measurement

AGREED = 0.01  # largest difference between counters that a sweep lets pass
COUNTERS = {"closed_form": "closed form", "torch": "torch on meta", "fvcore": "fvcore × 2"}
SWEEP_PARAMS = ("model", "device", "dtype", "attention")
PAPER_TEXT = (
    f"The paper measured one pair answered online with {ONLINE.model} on {ONLINE.hardware}: "
    f"{amount(ONLINE.teacher_s, 's')} for its teacher and {amount(ONLINE.student_s, 's')} for its "
    f"student, a factor of {times(ONLINE.factor)} ({ONLINE.source}). Machine, model and documents "
    "differ from those here, so the factors can agree in kind only, not in size."
)


def length_tables(
    rows: Iterable[Measurement], ratios: Sequence[Ratio], labels: Labels
) -> dict[str, list[Table]]:
    """By measure, a table for each phase: a line a length, a column a sweep; then the factors."""
    costs = [row for row in rows if is_cost(row)]
    tables: dict[str, list[Table]] = {}
    for measure in measures_of(row.measure for row in costs):
        by_phase = {
            phase: [row for row in costs if (row.measure, row.phase) == (measure, phase)]
            for phase in reversed(PHASES)
        }
        tables[measure] = [
            _phase_table(of_phase, labels, pairs)
            for of_phase in by_phase.values()
            for pairs in _conventions(of_phase)
        ]
        for pairs in _conventions(by_phase["score"]):
            of_pairs = [
                r for r in ratios if r.measure == measure and r.key.get("pairs", pairs) == pairs
            ]
            tables[measure] += [_factor_table(of_pairs, labels, pairs)] if of_pairs else []
    return tables


def _conventions(rows: Sequence[Measurement]) -> list[str]:
    """The kinds of pairs that these rows count, dense first; one without a name for others."""
    names = {str(row.params["pairs"]) for row in rows if "pairs" in row.params}
    return sorted(names, reverse=True) or [""][: len(rows)]


def _phase_table(rows: Sequence[Measurement], labels: Labels, pairs: str) -> Table:
    """One cost of one phase; rows without a convention count for the first."""
    measure, phase, first = rows[0].measure, rows[0].phase, _conventions(rows)[0]
    columns: dict[str, dict[int, Cell]] = {}
    for row in sorted(rows, key=lambda row: (rank(row.system), labels.of(row.system, row.params))):
        if row.params.get("pairs", first) == pairs:
            column = columns.setdefault(labels.of(row.system, row.params), {})
            length, cell = int(row.params["doc_len"]), row_cell(row)
            held = column.get(length)
            column[length] = replace(held, below=[*held.below, cell]) if held else cell
    caption = f"{name_of(measure)}{_in_brackets(pairs)}, {PHASE_WORDS[phase]}"
    paper = phase == "score" and pairs != "causal"
    return table_by_length(f"{measure}-{phase}{_suffix(pairs)}", caption, columns, paper=paper)


def _factor_table(ratios: Sequence[Ratio], labels: Labels, pairs: str) -> Table:
    """Factors of a pair's cost; a column a comparison, with the query where it adds up."""
    columns: dict[str, dict[int, Cell]] = {}
    for ratio in ratios:
        name = f"{labels.of(ratio.over_system, ratio.key)} / {ratio.under_system}"
        for heading, factor in (
            (name, ratio.score),
            (f"{name}, its query encoded", ratio.with_query),
        ):
            if factor is not None:
                columns.setdefault(heading, {})[ratio.doc_len] = Cell.estimate(factor, "factor")
    measure = ratios[0].measure
    caption = f"{name_of(measure)}{_in_brackets(pairs)} of a pair: how many times the student’s"
    id_ = f"{measure}-factor{_suffix(pairs)}"
    return table_by_length(id_, caption, columns, paper=pairs != "causal")


def table_by_length(
    id_: str, caption: str, columns: Mapping[str, Mapping[int, Cell]], *, paper: bool = False
) -> Table:
    """A line for each document length; a column holds its cells by length."""
    lengths = sorted({length for column in columns.values() for length in column})
    rows = [[n, *(column.get(n) for column in columns.values())] for n in lengths]
    return Table(id_, caption, ["document tokens", *columns], rows, paper=paper)


def row_cell(row: Measurement) -> Cell:
    """A row's value; a time with the interval of its median."""
    cell = Cell.of_row(row)
    if row.measure != "latency" or row.value is None:
        return cell
    median = median_interval(samples(row))
    return replace(cell, low=median.low, high=median.high)


def _suffix(pairs: str) -> str:
    return f"-{pairs}" if pairs else ""


def _in_brackets(pairs: str) -> str:
    return f" ({pairs} pairs)" if pairs else ""


def limit_table(rows: Iterable[Measurement], labels: Labels) -> Table | None:
    """The longest documents that memory and time allow, where a length failed."""
    lines = [
        (labels.of(row.system, row.params), row.phase, int(row.value), row.params.get("fails_at"))
        for row in rows
        if row.measure == LONGEST and row.value is not None
    ]
    columns = ("system", "phase", "longest that fits, tokens", "shortest that does not")
    caption = "How long a document may be on this machine"
    return Table("limits", caption, columns, lines) if lines else None


def paper_table(ratios: Iterable[Ratio]) -> Table | None:
    """The paper's factor, then ours for each length; None where no pair was timed by both."""
    unknown = Cell(words="not given")
    claim = f"the paper: {ONLINE.model}, {ONLINE.hardware}"
    factor = Cell(value=ONLINE.factor, role="factor")
    rows: list[Row] = [(claim, unknown, ONLINE.teacher_s, ONLINE.student_s, factor, unknown)]
    for ratio in ratios:
        if (ratio.measure, ratio.over_system, ratio.under_system) != ("latency", TEACHER, STUDENT):
            continue
        online, missing = ratio.with_query, Cell(words="not measured")
        sweep = ", ".join(str(ratio.key[name]) for name in SWEEP_PARAMS if name in ratio.key)
        student = (
            missing
            if online is None
            else Cell(value=ratio.over / online.value, role="amount", unit="s")
        )
        rows.append(
            (
                f"here: {sweep}",
                ratio.doc_len,
                ratio.over,
                student,
                missing if online is None else Cell.estimate(online, "factor"),
                Cell.estimate(ratio.score, "factor"),
            )
        )
    columns: list[Column | str] = [
        "measured",
        "document tokens",
        Column("teacher", unit="s"),
        Column("student, its query encoded", unit="s"),
        "factor",
        "factor of the scoring step alone",
    ]
    caption = "One pair online, teacher over student: the paper’s and ours"
    return (
        Table("paper-factor", caption, columns, rows, grouped=True, folded=True)
        if rows[1:]
        else None
    )


def counter_table(rows: Iterable[Measurement], labels: Labels) -> Table | None:
    """How far apart the FLOP counters are, for each system and phase."""
    groups: dict[tuple[str, str], list[Measurement]] = {}
    for row in _counted_twice(rows):
        groups.setdefault((labels.of(row.system, row.params), row.phase), []).append(row)
    lines: list[Row] = []
    for (label, phase), group in groups.items():
        longest = max(group, key=lambda row: int(row.params.get("doc_len", 0)))
        counts = [longest.params.get(name) for name in COUNTERS]
        cells = [
            Cell(words="not counted") if n is None else Cell(value=n, role="count") for n in counts
        ]
        apart = Cell(value=max(_difference(row) for row in group), role="share")
        length = int(longest.params.get("doc_len", 0))
        lines.append([label, phase, len(group), length, *cells, apart, _layers_run(group)])
    columns = (
        "system",
        "phase",
        "lengths",
        "at",
        *COUNTERS.values(),
        "largest difference",
        "layers run",
    )
    caption = (
        "Three FLOP counters: the counts at the largest length, and how far apart they are at most "
        "over all lengths"
    )
    return Table("counters", caption, columns, lines) if lines else None


def counter_agreement(rows: Iterable[Measurement]) -> str:
    """How far apart the counters are at most, in a line."""
    differences = list(map(_difference, _counted_twice(rows)))
    if not differences:
        return ""
    worst = max(differences)
    if worst > AGREED:
        return f"no, they are up to {100 * worst:.2g} % apart"
    within = "to the digit" if worst == 0 else f"within {100 * worst:.2g} %"
    return f"yes, {within} on {len(differences):,} counts"


def layer_note(rows: Iterable[Measurement]) -> list[str]:
    """How one layer stands for all, where some row ran fewer than all."""
    if not {str(row.params["layers_run"]) for row in rows if "layers_run" in row.params} - {"all"}:
        return []
    return [
        "Where “1 of n” layers was run, both counters ran one layer of a stack of identical ones "
        "and took it n times, after a first forward through all of them had given both the same "
        "sum to the digit."
    ]


def _counted_twice(rows: Iterable[Measurement]) -> list[Measurement]:
    return [row for row in rows if row.measure == "flops" and "agreement" in row.params]


def _difference(row: Measurement) -> float:
    return float(row.params["agreement"])


def _layers_run(group: Sequence[Measurement]) -> str:
    """“all”, or “1 of 28 at 11 lengths, all at 1 length”."""
    counts = Counter(str(row.params.get("layers_run", "–")) for row in group)
    if len(counts) == 1:
        return next(iter(counts))
    return ", ".join(f"{run} at {plural(n, 'length')}" for run, n in counts.most_common())


def timing_table(rows: Iterable[Measurement], labels: Labels) -> Table | None:
    """Median, 90th and 99th percentile of every point that was timed more than once."""
    timed = [
        row
        for row in rows
        if row.measure == "latency" and is_cost(row) and row.value and len(row.samples) > 1
    ]
    lines: list[Row] = []
    for row in sorted(
        timed,
        key=lambda row: (
            rank(row.system),
            labels.of(row.system, row.params),
            PHASES.index(row.phase),
            row.params["doc_len"],
        ),
    ):
        runs = samples(row)
        slow = [
            Cell(value=float(q), role="amount", unit=row.unit)
            for q in np.percentile(runs, [90, 99])
        ]
        lines.append(
            (
                labels.of(row.system, row.params),
                row.phase,
                int(row.params["doc_len"]),
                len(runs),
                row_cell(row),
                *slow,
            )
        )
    columns = ("system", "phase", "tokens", "runs", "p50", "p90", "p99")
    caption = (
        "Repeated runs: median (p50) with its 95 % interval, 90th and 99th percentile; of fewer "
        "than 100 runs the 99th is close to the slowest"
    )
    return Table("timings", caption, columns, lines) if lines else None
