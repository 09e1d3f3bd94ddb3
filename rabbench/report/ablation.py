"""An ablation in a report: which part of the distillation is worth what.

Reads rows of phase ``ablation``: a metric of the student of one variant and seed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean, stdev
from typing import Any

from rabbench.report.page import Figure, Section, Table
from rabbench.report.plots.dots import Dot, dots_figure
from rabbench.stats.intervals import Estimate
from rabbench.types import Measurement

ABLATION = "ablation"
FULL = "full"
CHANGES = {
    FULL: "nothing",
    "no-mse": "no JEPA energy",
    "no-reverse-kl": "no reverse KL",
    "off-policy": "candidates drawn uniformly",
    "no-latent": "does not see the document",
    "no-answers": "first scores without the teacher's answers",
    "no-similarity": "first scores all equal",
    "no-keep": "other documents' scores may drift",
}
BELOW, ABOVE, OPEN = "below it", "above it", "not told apart from it"
METHOD, OTHERS = 1, 2  # slots of the full method's mark and of the others'


def tried(row: Measurement) -> bool:
    """Whether a row is a metric of one student of an ablation."""
    return row.phase == ABLATION and {"variant", "seed"} <= row.params.keys()


def sections(
    rows: Iterable[Measurement], config: Mapping[str, Any] | None = None, *, draw: bool = True
) -> list[Section]:
    """The ablation's figures and table; nothing without an ablation.

    ``config`` is of the whole results file, and has the full method's options.
    """
    students = list(filter(tried, rows))
    if not students:
        return []
    return [
        Section(
            id="ablation",
            title="Without one part at a time",
            text=(
                "Each variant changes one thing of the full method; every student has the "
                f"same teacher and is evaluated alike{_where(students)}. Intervals are 95 % of "
                "the mean over seeds (Student's t), of the difference to the full method "
                "paired by seed.",
                *_method((config or {}).get("student", {})),
            ),
            figures=_figures(students) if draw else (),
            tables=[table(students)],
        ),
    ]


def _method(student: Mapping[str, Any]) -> list[str]:
    """What the full method is here, since its options are the user's."""
    if not student:
        return []
    starts = {
        "answers": "with first scores fit to the latents' similarity and the teacher's answers",
        "similarity": "with the similarity of the latents as first scores",
        "state": "with equal first scores for all documents, so that the losses alone teach",
    }
    schedule, queries = student["schedule"], student["data"].get("max_queries")
    others = "lets the scores of documents that were not asked about drift"
    if student["keep"] and student["start"] != "state":  # otherwise there is nothing to hold
        others = f"holds documents that were not asked about with weight {student['keep']:g}"
    return [
        f"The full method here starts {starts[student['start']]}, {others}, weighs the JEPA "
        f"energy by {student['mse']:g} and the reverse KL by {student['reverse_kl']:g}, and draws "
        f"{student['candidates']} candidates a query and round, {student['sampling']}; rounds: "
        f"{student['rounds']}, epochs: {schedule['epochs']:g}, learning rate "
        f"{schedule['learning_rate']:g}, training queries: "
        + (f"a sample of {queries:,}." if queries else "all.")
    ]


def verdict(rows: Iterable[Measurement]) -> list[str]:
    """A sentence for each metric of an ablation: which variants differ from the full method."""
    students = [row for row in rows if tried(row) and row.value is not None]
    said = []
    for metric in dict.fromkeys(row.measure for row in students):
        values = _values(students, metric)
        full = values.get(FULL, {})
        groups: dict[str, list[str]] = {BELOW: [], ABOVE: [], OPEN: []}
        for name, found in values.items():
            difference = _paired(found, full)
            if name == FULL or difference is None:
                continue
            mean, half = difference
            where = BELOW if mean + half < 0 else ABOVE if mean - half > 0 else OPEN
            groups[where].append(f"{name} ({mean:+.3f} ± {half:.3f})")
        parts = [f"{where}: {', '.join(names)}" for where, names in groups.items() if names]
        if full and parts:
            mean = fmean(full.values())
            said.append(f"{metric} of the full method is {mean:.3f}; {'; '.join(parts)}.")
    return said


def _values(rows: Sequence[Measurement], metric: str) -> dict[str, dict[int, float]]:
    """``{variant: {seed: value}}`` of one metric."""
    found: dict[str, dict[int, float]] = {}
    for row in rows:
        if row.measure == metric and row.value is not None:
            name, seed = str(row.params["variant"]), int(row.params["seed"])
            found.setdefault(name, {})[seed] = row.value
    return found


def _interval(values: Sequence[float]) -> tuple[float, float]:
    """Mean and half of its 95 % interval (infinite for one value)."""
    from scipy import stats

    if len(values) < 2:
        return fmean(values), math.inf
    half = float(stats.t.ppf(0.975, len(values) - 1)) * stdev(values) / math.sqrt(len(values))
    return fmean(values), half


def _paired(found: Mapping[int, float], full: Mapping[int, float]) -> tuple[float, float] | None:
    """Mean difference to the full method over shared seeds, and half of its interval."""
    shared = sorted(found.keys() & full.keys())
    return _interval([found[seed] - full[seed] for seed in shared]) if shared else None


def table(rows: Sequence[Measurement]) -> Table:
    """A line for each variant: each metric's mean over seeds, and its difference to the full."""
    metrics = list(dict.fromkeys(row.measure for row in rows))
    values = {metric: _values(rows, metric) for metric in metrics}
    names = list(dict.fromkeys(str(row.params["variant"]) for row in rows))
    lines = []
    for name in names:
        cells: list[str] = [name]
        for metric in metrics:
            found, full = values[metric].get(name, {}), values[metric].get(FULL, {})
            cells.append(_text(*_interval(list(found.values())), "") if found else "not measured")
            difference = _paired(found, full)
            cells.append("–" if name == FULL or difference is None else _text(*difference, "+"))
        seeds = {int(row.params["seed"]) for row in rows if row.params["variant"] == name}
        lines.append((*cells, str(len(seeds)), CHANGES.get(name, "–")))
    columns = [part for metric in metrics for part in (metric, f"{metric}, less full")]
    return Table(
        id=ABLATION,
        caption="Mean over seeds with 95 % interval",
        columns=("variant", *columns, "seeds", "what it changes"),
        rows=lines,
        numeric=frozenset(range(1, 2 * len(metrics) + 2)),
    )


def _where(rows: Sequence[Measurement]) -> str:
    """On which queries, where the rows say so."""
    names = dict.fromkeys(str(row.params["dataset"]) for row in rows if "dataset" in row.params)
    queries = max((len(row.samples) for row in rows), default=0)
    return f", on the {queries:,} queries of {', '.join(names)}" if names and queries else ""


def _figures(rows: Sequence[Measurement]) -> list[Figure]:
    """Each metric's mean by variant, the full method in a colour of its own."""
    figures: list[Figure] = []
    for metric in dict.fromkeys(row.measure for row in rows):
        dots = []
        for name, values in _values(rows, metric).items():
            mean, half = _interval(list(values.values()))
            slot = METHOD if name == FULL else OTHERS
            dots.append(Dot(name, slot, Estimate(mean, mean - half, mean + half)))
        if len(dots) > 1:
            figures.append(
                dots_figure(
                    f"fig-ablation-{len(figures)}",
                    f"{metric} of each variant",
                    dots,
                    heads=("variant", metric),
                    over="seeds with 95 % intervals (Student’s t)",
                )
            )
    return figures


def _text(mean: float, half: float, sign: str) -> str:
    spread = f" ± {half:.3f}" if math.isfinite(half) else ""
    return f"{mean:{sign}.3f}{spread}"
