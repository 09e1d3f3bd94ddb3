"""The machine's rates, each phase's share of them, and predictions against measurements.

Reads the rows that ``plan.rows`` sets beside measurements; computes no prediction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import median, quantiles

from rabbench.plan.rows import CALIBRATION, FRACTION, WALL
from rabbench.report.cost.tables import row_order
from rabbench.report.page import Cell, Column, Row, Section, Table
from rabbench.report.wording import amount, digits, duration
from rabbench.scaling.labels import PREDICTED, Labels, group_by, measures_of, name_of
from rabbench.types import Measurement

PREFIXED = ("FLOP/s", "B/s")
RATES = {
    "matmul_rate": ("matrix product", "{L:,} × {d:,} by {d:,} × {f:,}"),
    "attention_rate": ("attention, causal, pairs counted densely", "{L:,} tokens, {h} heads"),
    "copy_rate": ("copy, bytes read and written", "{bytes:,} B"),
    "gemv_rate": ("weights read for one position", "{rows:,} × {d:,}"),
    "call_rate": ("small operators, one after another", "{m:,} values"),
    "fill_rate": ("random weights drawn", "{m:,} values"),
    "interpreter_rate": ("plain Python", "{turns:,} turns of a loop"),
}
"""By measure, the work of a rate and its size."""

CLOSE = 0.1  # how near a prediction of a FLOPs-bound time should come
AT_SPEED = "ratio_at_speed"  # predicted over measured, had the machine kept its speed
BOUNDS = {
    "compute": "FLOPs",
    "memory": "memory and calls",
    "overhead": "calls",
    "timed": "a short run",
}
"""The ground of a predicted time, in words."""


def is_roofline(row: Measurement) -> bool:
    """Whether a row is of the machine's rates, a share of them, or a prediction beside a cost."""
    rate = row.phase == CALIBRATION and row.measure in RATES
    return rate or row.measure == FRACTION or _is_prediction(row)


def _is_prediction(row: Measurement) -> bool:
    return row.measure.startswith(PREDICTED) and bool(row.params.get("ratio"))


def sections(rows: Iterable[Measurement], labels: Labels) -> list[Section]:
    """Rates and shares, then predictions in short and in full; empty without such rows."""
    rows = sorted(filter(is_roofline, rows), key=lambda row: row_order(row, labels))
    rates = [row for row in rows if row.measure in RATES]
    shares = [row for row in rows if row.measure == FRACTION]
    predicted = [row for row in rows if _is_prediction(row) and row.measure != WALL]
    machine = [_rate_table(rates), _share_table(shares, labels)]
    text = [*_hits(predicted), *_wall_time(rows)]
    summary, every = [_summary_table(predicted, labels)], _prediction_tables(predicted, labels)
    return [
        Section("roofline", "Roofline", _ridge(rates), (), machine),
        Section("prediction", "Prediction against measurement", text, (), summary),
        Section("predictions", "Every prediction", (), (), every, detail=True),
    ]


def _ridge(rates: Sequence[Measurement]) -> list[str]:
    best = {row.measure: row.value for row in sorted(rates, key=lambda row: row.value or 0.0)}
    matmul, copy = best.get("matmul_rate"), best.get("copy_rate")
    if not matmul or not copy:
        return []
    return [
        f"Calibrated before the sweep: matrix products reach {amount(matmul, 'FLOP/s')}, "
        f"copies {amount(copy, 'B/s')}. A phase that does fewer than {digits(matmul / copy)} FLOPs "
        "for a byte that it must read is bound by memory, one that does more by its FLOPs (the "
        "roofline of Williams, Waterman and Patterson, CACM 2009). FLOPs are counted densely, and "
        "a fused causal kernel skips almost half of attention’s, so at great lengths a share may "
        "look up to twice as large as it is. A phase’s own roof is the lower of the two bounds at "
        "its FLOPs a byte."
    ]


def _rate_table(rates: Sequence[Measurement]) -> Table:
    rows: list[Row] = []
    for row in sorted(rates, key=lambda row: [*RATES].index(row.measure)):
        work, size = RATES[row.measure]
        runs, low, high = [float(sample) for sample in row.samples], None, None
        if len(runs) > 1:
            low, _, high = quantiles(runs, n=4, method="inclusive")
        cells = [_rate_cell(rate, row.unit) for rate in (row.value or 0.0, low, high)]
        rows.append((work, _size_text(size, row.params), *cells, len(runs)))
    params = rates[0].params if rates else {}
    machine = f"{params.get('device')}, {params.get('dtype')}, {params.get('threads')} threads"
    columns = ("work", "size", "rate (median)", "lower quartile", "upper quartile", "runs")
    return Table("machine", f"Rates of the machine ({machine})", columns, rows, grouped=True)


def _size_text(template: str, params: Mapping[str, object]) -> str:
    try:
        return template.format_map(params)
    except (KeyError, ValueError):
        return "–"


def _rate_cell(value: float | None, unit: str) -> Cell:
    """A rate with a prefix, or, of things without one, their number in full."""
    if value is None or unit in PREFIXED:
        return Cell(value=value, role="amount", unit=unit)
    return Cell(value=float(f"{value:.3g}"), role="count", unit=unit, note=unit)


def _share_table(shares: Sequence[Measurement], labels: Labels) -> Table:
    """A line a phase: what bounds it, its share of the matrix-product rate at each length."""
    lengths = sorted({int(row.params["doc_len"]) for row in shares})
    rows: list[Row] = []
    for place, group in _by_phase(shares, labels).items():
        values = {row.params["doc_len"]: row.value for row in group}
        roof = group[-1].params.get("of_roof")
        rows.append((*place, _bound(group), *map(values.get, lengths), roof))
    columns = [*map(Column, ("system", "phase", "FLOPs-bound"))]
    columns += [Column(name, "share") for name in (*(f"{n:,}" for n in lengths), "of its roof")]
    caption = (
        "Share of the matrix-product rate that each phase achieved, by document tokens; and of its "
        f"own roof, at {max(lengths, default=0):,}"
    )
    return Table("achieved", caption, columns, rows, grouped=True)


def _by_phase(
    rows: Iterable[Measurement], labels: Labels
) -> dict[tuple[str, str], list[Measurement]]:
    return group_by(rows, lambda row: (labels.of(row.system, row.params), row.phase))


def _bound(rows: Sequence[Measurement]) -> str:
    """The length from which on the FLOPs bound a phase; its rows stand by length."""
    computing = _computing(rows)
    if any(row.params.get("bound") is None for row in rows):
        return "not known"
    if not computing:
        return "no"
    first = computing[0].params["doc_len"]
    return "yes" if len(computing) == len(rows) else f"from {first:,} tokens"


def _is_close(ratio: float) -> bool:
    return abs(ratio - 1) <= CLOSE


def _ratios(rows: Iterable[Measurement], name: str = "ratio") -> list[float]:
    """Predicted over measured, where it is known."""
    return [float(row.params[name]) for row in rows if row.params.get(name) is not None]


def _computing(rows: Iterable[Measurement]) -> list[Measurement]:
    """The rows whose time the FLOPs bound."""
    return [row for row in rows if row.params.get("bound") == "compute"]


def _wall_time(rows: Iterable[Measurement]) -> list[str]:
    return [
        f"The whole run was predicted to take {duration(row.value)}, and took "
        f"{duration(row.value / float(row.params['ratio']))}."
        for row in rows
        if row.measure == WALL and row.value and _is_prediction(row)
    ]


def _hits(predicted: Sequence[Measurement]) -> list[str]:
    if not predicted:
        return []
    text = (
        "Predicted from configurations and a calibration of the machine alone. FLOPs are left "
        "out: they come from the same closed form and agree to the digit."
    )
    computing = [row for row in _computing(predicted) if row.measure == f"{PREDICTED}latency"]
    if not computing:
        return [text]
    ratios = _ratios(computing)
    text += (
        f" Of {len(computing)} times that the FLOPs bound, {sum(map(_is_close, ratios))} were "
        f"predicted within 10 %; the median of predicted over measured is {median(ratios):.2f}. "
        "Bound by FLOPs is a time of which they take more than half: the reading of weights and "
        "the calls, which one token would need too, take the rest."
    )
    ratios = _ratios(computing, AT_SPEED)
    if not ratios:
        return [text]
    slowdown = median(row.params["slowdown"] for row in computing if AT_SPEED in row.params)
    return [
        text,
        f"How fast the machine was: some layers of the same model over as many tokens, timed "
        f"beside every sample, took {slowdown:.2f} times as long during the run as during the "
        f"calibration (median). At equal speed {sum(map(_is_close, ratios))} of {len(ratios)} "
        f"FLOPs-bound times were predicted within 10 %, with a median ratio of "
        f"{median(ratios):.2f}.",
    ]


def _hit_cell(ratios: Sequence[float]) -> Cell:
    """“2 of 3”."""
    if not ratios:
        return Cell()
    return Cell(value=sum(map(_is_close, ratios)), role="count", note=f"of {len(ratios)}")


def _summary_table(predicted: Sequence[Measurement], labels: Labels) -> Table:
    """A line for each cost of each phase: predicted over measured over all lengths."""
    rows: list[Row] = []
    for measure, of_measure in _by_measure(predicted).items():
        for place, group in _by_phase(of_measure, labels).items():
            computing, ratios = _computing(group), _ratios(group)
            spread = (median(ratios), min(ratios), max(ratios))
            hits = map(_hit_cell, (ratios, _ratios(computing), _ratios(computing, AT_SPEED)))
            rows.append((name_of(measure), *place, len(group), *spread, *hits))
    columns = ["cost", "system", "phase", "lengths", "median", "smallest", "largest"]
    columns += ["within 10 %", "FLOPs-bound ones within 10 %", "the same at equal speed"]
    caption = "Predicted over measured: 1 is right, above 1 too pessimistic"
    return Table("prediction", caption, columns, rows, grouped=True)


def _by_measure(predicted: Iterable[Measurement]) -> dict[str, list[Measurement]]:
    """Predictions by the cost that they predict, in the order of a report."""
    groups = group_by(predicted, lambda row: row.measure.removeprefix(PREDICTED))
    return {measure: groups[measure] for measure in measures_of(groups)}


def _prediction_tables(predicted: Sequence[Measurement], labels: Labels) -> list[Table]:
    """A table a measure with every prediction, its measurement and their ratio."""
    tables = []
    for measure, of_measure in _by_measure(predicted).items():
        rows: list[Row] = []
        for row in of_measure:
            if row.value is None:
                continue
            ratio, steady = float(row.params["ratio"]), row.params.get(AT_SPEED)
            amounts = [
                Cell(value=value, role="amount", unit=row.unit)
                for value in (row.value, row.value / ratio)
            ]
            close = "yes" if _is_close(ratio if steady is None else steady) else "no"
            bound = BOUNDS.get(str(row.params.get("bound")))
            head = (labels.of(row.system, row.params), row.phase, int(row.params["doc_len"]))
            rows.append((*head, *amounts, ratio, steady, close, bound))
        columns = ["system", "phase", "tokens", "predicted", "measured", "ratio", "at equal speed"]
        columns += ["within 10 %, at equal speed if known", "rests on"]
        caption = f"{name_of(measure)}: predicted and measured"
        tables.append(Table(f"predicted-{measure}", caption, columns, rows, grouped=True))
    return tables
