"""Prediction against measurement: in a sentence, in short and in full.

Reads the rows that ``plan.rows`` sets beside measurements; computes no prediction.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from rabbench.plan.rows import PREDICTED, WALL
from rabbench.records import Measurement
from rabbench.report.labels import Labels, measures_of, name_of
from rabbench.report.page import Section, Table
from rabbench.report.units import amount, duration

CLOSE = 0.1  # how near a prediction of a FLOPs-bound time should come
BOUNDS = {"compute": "FLOPs", "memory": "memory", "overhead": "calls", "timed": "a short run"}
"""What a predicted time rests on, in words."""


def knows(row: Measurement) -> bool:
    """Whether a row is a prediction that was set beside its measurement."""
    return row.measure.startswith(PREDICTED) and bool(row.params.get("ratio"))


def sections(rows: Sequence[Measurement], labels: Labels) -> list[Section]:
    """Predictions in short, and each of them for who wants to check; empty without any."""
    found = [row for row in rows if knows(row)]
    predicted = [row for row in found if row.measure != WALL]
    return [
        Section(
            id="prediction",
            title="Prediction against measurement",
            text=[*_hits(predicted), *_wall(found)],
            tables=_summary(predicted, labels),
        ),
        Section(
            id="predictions",
            title="Every prediction",
            tables=_every(predicted, labels),
            detail=True,
        ),
    ]


def _close(row: Measurement) -> bool:
    return abs(float(row.params["ratio"]) - 1) <= CLOSE


def _wall(rows: Sequence[Measurement]) -> list[str]:
    return [
        f"The whole run was predicted to take {duration(row.value)}, and took "
        f"{duration(row.value / float(row.params['ratio']))}."
        for row in rows
        if row.measure == WALL and row.value
    ]


def _hits(predicted: Sequence[Measurement]) -> list[str]:
    times = [row for row in predicted if row.measure == f"{PREDICTED}latency"]
    computing = [row for row in times if row.params.get("bound") == "compute"]
    if not predicted:
        return []
    text = (
        "Predicted from configurations and a calibration of the machine alone. FLOPs are left "
        "out: they come from the same closed form and agree to the digit."
    )
    if computing:
        near = sum(map(_close, computing))
        middle = median(float(row.params["ratio"]) for row in computing)
        text += (
            f" Of {len(computing)} times that the FLOPs bound, {near} were predicted within 10 %; "
            f"the median of predicted over measured is {middle:.2f}."
        )
    return [text]


def _summary(predicted: Sequence[Measurement], labels: Labels) -> list[Table]:
    """A line for each cost of each phase: how far off it was over all lengths."""
    groups: dict[tuple[str, str, str], list[Measurement]] = {}
    for row in predicted:
        key = (row.measure, labels.of(row.system, row.params), row.phase)
        groups.setdefault(key, []).append(row)
    order = measures_of(measure.removeprefix(PREDICTED) for measure, _, _ in groups)
    rows = []
    for measure in order:
        for (held, label, phase), group in groups.items():
            if held.removeprefix(PREDICTED) != measure:
                continue
            ratios = sorted(float(row.params["ratio"]) for row in group)
            computing = [row for row in group if row.params.get("bound") == "compute"]
            rows.append(
                (
                    name_of(measure),
                    label,
                    phase,
                    str(len(group)),
                    f"{median(ratios):.2f}",
                    f"{ratios[0]:.2f} to {ratios[-1]:.2f}",
                    f"{sum(map(_close, group))} of {len(group)}",
                    f"{sum(map(_close, computing))} of {len(computing)}" if computing else "–",
                )
            )
    if not rows:
        return []
    return [
        Table(
            id="prediction",
            caption="Predicted over measured: 1 is right, above 1 too pessimistic",
            columns=(
                "cost",
                "system",
                "phase",
                "lengths",
                "median",
                "smallest to largest",
                "within 10 %",
                "FLOPs-bound ones within 10 %",
            ),
            rows=rows,
            numeric=frozenset(range(3, 8)),
            grouped=True,
        )
    ]


def _every(predicted: Sequence[Measurement], labels: Labels) -> list[Table]:
    """A table a measure with every prediction, its measurement and their ratio."""
    tables = []
    for measure in measures_of(row.measure.removeprefix(PREDICTED) for row in predicted):
        rows = []
        for row in predicted:
            if row.measure != f"{PREDICTED}{measure}" or row.value is None:
                continue
            ratio = float(row.params["ratio"])
            rows.append(
                (
                    labels.of(row.system, row.params),
                    row.phase,
                    f"{row.params['doc_len']:,}",
                    amount(row.value, row.unit),
                    amount(row.value / ratio, row.unit),
                    f"{ratio:.2f}",
                    "yes" if _close(row) else "no",
                    BOUNDS.get(str(row.params.get("bound")), "–"),
                )
            )
        columns = ["system", "phase", "tokens", "predicted", "measured", "ratio", "within 10 %"]
        tables.append(
            Table(
                id=f"predicted-{measure}",
                caption=f"{name_of(measure)}: predicted and measured",
                columns=[*columns, "rests on"],
                rows=rows,
                numeric=frozenset({2, 3, 4, 5}),
                grouped=True,
            )
        )
    return tables
