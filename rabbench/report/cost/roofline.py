"""What the machine can do, and what share of it each phase achieved; predictions follow.

Reads the rows that ``plan.rows`` sets beside measurements; computes no prediction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import quantiles
from typing import Any

from rabbench.plan.roofline import FRACTION
from rabbench.plan.rows import CALIBRATION
from rabbench.report.cost import prediction
from rabbench.report.labels import Labels, rank
from rabbench.report.page import Section, Table
from rabbench.report.wording import amount, digits, interval, percent
from rabbench.stats.intervals import Estimate
from rabbench.types import PHASES, Measurement

ORDER: Mapping[str, int] = {phase: i for i, phase in enumerate(PHASES)}
PREFIXED = ("FLOP/s", "B/s")
KINDS = {
    "matmul_rate": ("matrix product", "{L:,} × {d:,} by {d:,} × {f:,}"),
    "attention_rate": ("attention, causal, pairs counted densely", "{L:,} tokens, {h} heads"),
    "copy_rate": ("copy, bytes read and written", "{bytes:,} B"),
    "gemv_rate": ("weights read for one position", "{rows:,} × {d:,}"),
    "call_rate": ("small operators, one after another", "{m:,} values"),
    "fill_rate": ("random weights drawn", "{m:,} values"),
    "interpreter_rate": ("plain Python", "{turns:,} turns of a loop"),
}


def knows(row: Measurement) -> bool:
    """Whether a row belongs here."""
    rate = row.phase == CALIBRATION and row.measure in KINDS
    return rate or row.measure == FRACTION or prediction.knows(row)


def sections(rows: Iterable[Measurement], labels: Labels) -> list[Section]:
    """Rates and achieved shares, then predictions; without tables where there are no such rows."""
    mine = sorted(
        (row for row in rows if knows(row)),
        key=lambda row: (
            rank(row.system),
            labels.of(row.system, row.params),
            ORDER.get(row.phase, len(ORDER)),
            int(row.params.get("doc_len", 0)),
        ),
    )
    rates = [row for row in mine if row.measure in KINDS]
    shares = [row for row in mine if row.measure == FRACTION]
    roofs = Section(
        id="roofline",
        title="What the machine can do",
        text=_ridge(rates),
        tables=[*_machine(rates), *_achieved(shares, labels)],
    )
    return [roofs, *prediction.sections(mine, labels)]


def _ridge(rates: Sequence[Measurement]) -> list[str]:
    best = {
        kind: max((row.value or 0.0 for row in rates if row.measure == kind), default=0.0)
        for kind in ("matmul_rate", "copy_rate")
    }
    if not all(best.values()):
        return []
    matmul, copy = best["matmul_rate"], best["copy_rate"]
    return [
        f"Calibrated before the sweep: matrix products reach {amount(matmul, 'FLOP/s')}, "
        f"copies {amount(copy, 'B/s')}. A phase that does fewer than {digits(matmul / copy)} FLOPs "
        "for a byte that it must read is bound by memory, one that does more by its FLOPs (the "
        "roofline of Williams, Waterman and Patterson, CACM 2009). FLOPs are counted densely, and "
        "a fused causal kernel skips almost half of attention’s, so at great lengths a share may "
        "look up to twice as large as it is. A phase’s own roof is the lower of the two bounds at "
        "its FLOPs a byte."
    ]


def _machine(rates: Sequence[Measurement]) -> list[Table]:
    if not rates:
        return []
    order = list(KINDS)
    rows = []
    for row in sorted(rates, key=lambda row: order.index(row.measure)):
        name, size = KINDS[row.measure]
        rows.append(
            (
                name,
                _sized(size, row.params),
                _rate(row.value or 0.0, row.unit),
                _quartiles(row),
                str(len(row.samples)),
            )
        )
    first = rates[0].params
    machine = ", ".join(
        [str(first.get("device")), str(first.get("dtype")), f"{first.get('threads')} threads"]
    )
    return [
        Table(
            id="machine",
            caption=f"What the machine can do ({machine})",
            columns=("work", "size", "rate (median)", "middle half of the runs", "runs"),
            rows=rows,
            numeric=frozenset({2, 3, 4}),
            grouped=True,
        )
    ]


def _sized(template: str, params: Any) -> str:
    try:
        return template.format_map(params)
    except (KeyError, ValueError):
        return "–"


def _quartiles(row: Measurement) -> str:
    runs = [float(sample) for sample in row.samples]
    if len(runs) < 2:
        return "–"
    low, _, high = quantiles(runs, n=4, method="inclusive")
    if row.unit in PREFIXED:
        return interval(Estimate(row.value or 0.0, low, high), row.unit)
    return f"{_rate(low, row.unit)} to {_rate(high, row.unit)}"


def _rate(value: float, unit: str) -> str:
    return amount(value, unit) if unit in PREFIXED else f"{float(f'{value:.3g}'):,.0f} {unit}"


def _achieved(shares: Sequence[Measurement], labels: Labels) -> list[Table]:
    """A line a phase: what bounds it, its share of the matrix-product rate at each length."""
    lengths = sorted({int(row.params["doc_len"]) for row in shares})
    lines: dict[tuple[str, str], dict[int, Measurement]] = {}
    for row in shares:
        of_phase = lines.setdefault((labels.of(row.system, row.params), row.phase), {})
        of_phase[int(row.params["doc_len"])] = row
    if not lines:
        return []
    rows = []
    for (label, phase), found in lines.items():
        last = found[max(found)]
        roof = last.params.get("of_roof")
        rows.append(
            (
                label,
                phase,
                _bound(found),
                *(_share(found.get(n)) for n in lengths),
                "–" if roof is None else percent(float(roof)),
            )
        )
    return [
        Table(
            id="achieved",
            caption="Share of the matrix-product rate that each phase achieved, by document "
            f"tokens; and of its own roof, at {lengths[-1]:,}",
            columns=("system", "phase", "FLOPs-bound", *(f"{n:,}" for n in lengths), "of its roof"),
            rows=rows,
            numeric=frozenset(range(3, len(lengths) + 4)),
            grouped=True,
        )
    ]


def _bound(found: dict[int, Measurement]) -> str:
    """From which length on the FLOPs bound a phase."""
    kinds = [(length, found[length].params.get("bound")) for length in sorted(found)]
    if any(kind is None for _, kind in kinds):
        return "not known"
    computing = [length for length, kind in kinds if kind == "compute"]
    if not computing:
        return "no"
    if len(computing) == len(kinds):
        return "yes"
    return f"from {computing[0]:,} tokens"


def _share(row: Measurement | None) -> str:
    return "–" if row is None or row.value is None else percent(row.value)
