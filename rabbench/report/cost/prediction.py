"""Prediction against measurement: in a sentence, in short and in full.

Reads the rows that ``plan.rows`` sets beside measurements; computes no prediction.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from rabbench.plan.rows import PREDICTED, WALL
from rabbench.report.labels import Labels, measures_of, name_of
from rabbench.report.page import Section, Table
from rabbench.report.wording import amount, duration
from rabbench.types import Measurement

CLOSE = 0.1  # how near a prediction of a FLOPs-bound time should come
AT_SPEED = "ratio_at_speed"
BOUNDS = {
    "compute": "FLOPs",
    "memory": "memory and calls",
    "overhead": "calls",
    "timed": "a short run",
}
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


def _close(ratio: float) -> bool:
    return abs(ratio - 1) <= CLOSE


def _ratio(row: Measurement, name: str = "ratio") -> float | None:
    """Predicted over measured; as ``ratio_at_speed``, had the machine kept its speed."""
    value = row.params.get(name)
    return None if value is None else float(value)


def _near(rows: Sequence[Measurement], name: str = "ratio") -> tuple[int, list[float]]:
    """How many came near, and all ratios that are known."""
    found = [ratio for row in rows if (ratio := _ratio(row, name)) is not None]
    return sum(map(_close, found)), found


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
    if not computing:
        return [text]
    near, ratios = _near(computing)
    text += (
        f" Of {len(computing)} times that the FLOPs bound, {near} were predicted within 10 %; "
        f"the median of predicted over measured is {median(ratios):.2f}. Bound by FLOPs is a time "
        f"of which they take more than half: the reading of weights and the calls, which one token "
        f"would need too, take the rest."
    )
    near, ratios = _near(computing, AT_SPEED)
    if not ratios:
        return [text]
    slowdown = median(row.params["slowdown"] for row in computing if AT_SPEED in row.params)
    return [
        text,
        f"How fast the machine was: some layers of the same model over as many tokens, timed "
        f"beside every sample, took {slowdown:.2f} times as long during the run as during the "
        f"calibration (median). At equal speed {near} of {len(ratios)} FLOPs-bound times were "
        f"predicted within 10 %, with a median ratio of {median(ratios):.2f}.",
    ]


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
            close, ratios = _near(group)
            computing = [row for row in group if row.params.get("bound") == "compute"]
            near, _ = _near(computing)
            steady, known = _near(computing, AT_SPEED)
            rows.append(
                (
                    name_of(measure),
                    label,
                    phase,
                    str(len(group)),
                    f"{median(ratios):.2f}",
                    f"{min(ratios):.2f} to {max(ratios):.2f}",
                    f"{close} of {len(group)}",
                    f"{near} of {len(computing)}" if computing else "–",
                    f"{steady} of {len(known)}" if known else "–",
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
                "the same at equal speed",
            ),
            rows=rows,
            numeric=frozenset(range(3, 9)),
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
            steady = _ratio(row, AT_SPEED)
            rows.append(
                (
                    labels.of(row.system, row.params),
                    row.phase,
                    f"{row.params['doc_len']:,}",
                    amount(row.value, row.unit),
                    amount(row.value / ratio, row.unit),
                    f"{ratio:.2f}",
                    "–" if steady is None else f"{steady:.2f}",
                    "yes" if _close(ratio if steady is None else steady) else "no",
                    BOUNDS.get(str(row.params.get("bound")), "–"),
                )
            )
        columns = ["system", "phase", "tokens", "predicted", "measured", "ratio"]
        columns += ["at equal speed", "within 10 %, at equal speed if known"]
        tables.append(
            Table(
                id=f"predicted-{measure}",
                caption=f"{name_of(measure)}: predicted and measured",
                columns=[*columns, "rests on"],
                rows=rows,
                numeric=frozenset({2, 3, 4, 5, 6}),
                grouped=True,
            )
        )
    return tables
