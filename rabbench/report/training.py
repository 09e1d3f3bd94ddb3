"""A training in a report: its curves, its last figures, and the table of an ablation.

Reads rows of phase ``train`` (a figure at a step) and of phase ``ablation`` (a metric of one
variant and seed); knows no loss by name but what to draw together.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean, stdev
from typing import Any

from rabbench.records import Measurement
from rabbench.report.page import Data, Figure, Section, Table

TRAIN, ABLATION = "train", "ablation"
NAMES = {"mrr": "MRR", "mse": "MSE", "kl": "KL", "r2": "R²", "tau": "τ"}
FULL = "full"
BELOW, ABOVE, OPEN = "below it", "above it", "not told apart from it"
METHOD, OTHERS = 1, 2  # slots of the full method's mark and of the others'
PANELS: Sequence[tuple[str, tuple[str, ...]]] = (
    ("Loss", ("loss", "held_out_loss", "loss_mse", "loss_reverse_kl", "loss_within")),
    ("On held-out queries", ("held_out_first_in_group", "held_out_first_in_batch", "held_out_mrr")),
    (
        "Share of the gradient",
        ("gradient_share_mse", "gradient_share_reverse_kl", "gradient_share_keep"),
    ),
    ("Within queries", ("r2_within", "tau", "spread")),
)
"""What is drawn together: figures of one scale."""


def is_training(row: Measurement) -> bool:
    """Whether a row tells of a training."""
    return _logged(row) or tried(row)


def _logged(row: Measurement) -> bool:
    return row.phase == TRAIN and "step" in row.params


def tried(row: Measurement) -> bool:
    """Whether a row is a metric of one student of an ablation."""
    return row.phase == ABLATION and {"variant", "seed"} <= row.params.keys()


def sections(rows: Iterable[Measurement], *, draw: bool = True) -> list[Section]:
    """The training's curves and the ablation's table, those that there are."""
    rows = list(rows)
    logged, students = list(filter(_logged, rows)), list(filter(tried, rows))
    found = []
    if logged:
        found.append(
            Section(
                id="training",
                title="Training",
                text=(
                    "Figures at the logged steps. Held-out queries were not learnt from, and are "
                    "not those of the test split.",
                ),
                figures=_curves(logged) if draw else (),
                tables=[_last(logged)],
            )
        )
        found.append(
            Section(
                id="steps",
                title="Training log",
                tables=[_steps(logged)],
                detail=True,
                summary="every logged step",
            )
        )
    if students:
        found.append(
            Section(
                id="ablation",
                title="Without one part at a time",
                text=(
                    "Each variant changes one thing of the full method; every student has the "
                    "same teacher and is evaluated alike. Intervals are 95 % of the mean over "
                    "seeds (Student's t), of the difference to the full method paired by seed.",
                ),
                figures=_ablation_figures(students) if draw else (),
                tables=[ablation_table(students)],
            )
        )
    return found


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


def opening(rows: Iterable[Measurement]) -> list[str]:
    """What an ablation found, or where a training's figures went."""
    rows = list(rows)
    said = verdict(rows)
    logged = [row for row in rows if _logged(row)]
    for name in ("held_out_mrr", "held_out_first_in_group", "held_out_loss", "loss"):
        line = _series(logged, name)
        if len(line) > 1:
            first, end = min(line), max(line)
            said.append(
                f"{_upper(_words(name))} went from {line[first]:.3g} at step {first:,} to "
                f"{line[end]:.3g} at step {end:,}."
            )
    return said


def _series(rows: Sequence[Measurement], name: str) -> dict[int, float]:
    return {
        int(row.params["step"]): row.value
        for row in rows
        if row.measure == name and row.value is not None
    }


def _curves(rows: Sequence[Measurement]) -> list[Figure]:
    from rabbench.report import plot_training

    figures = []
    for title, names in PANELS:
        lines = {name: found for name in names if len(found := _series(rows, name)) > 1}
        if lines:
            id_ = f"fig-training-{title.lower().replace(' ', '-')}"
            ends = "; ".join(
                f"{_words(name)} from {min(line.items())[1]:.3g} to {max(line.items())[1]:.3g}"
                for name, line in lines.items()
            )
            alt = f"{title} against the training step: {ends}."
            named = {
                _words(name.removeprefix("gradient_share_")): line for name, line in lines.items()
            }
            data = Data(
                [("figure", ""), ("step", ""), ("value", "")],
                [[name, step, line[step]] for name, line in named.items() for step in sorted(line)],
            )
            figures.append(Figure(id_, title, alt, plot_training.steps(id_, named, alt), data))
    return figures


def _words(name: str) -> str:
    """A logged figure's name as people write it."""
    words = name.replace("held_out_", "held-out ").split("_")
    return " ".join(NAMES.get(word, word) for word in " ".join(words).split())


def _upper(text: str) -> str:
    """With a capital first letter; the others as they are."""
    return text[:1].upper() + text[1:]


def _last(rows: Sequence[Measurement]) -> Table:
    lines = []
    for name in dict.fromkeys(row.measure for row in rows):
        line = _series(rows, name)
        if line:
            first, last = min(line), max(line)
            lines.append((_words(name), f"{line[first]:.4g}", f"{line[last]:.4g}", f"{last:,}"))
    return Table(
        id="training-last",
        caption="What was logged first and last",
        columns=("figure", "first", "last", "at step"),
        rows=lines,
        numeric=frozenset({1, 2, 3}),
    )


def _steps(rows: Sequence[Measurement]) -> Table:
    names = list(dict.fromkeys(row.measure for row in rows))
    steps = sorted({int(row.params["step"]) for row in rows})
    found = {name: _series(rows, name) for name in names}
    cells = [
        (f"{at:,}", *(f"{found[n][at]:.4g}" if at in found[n] else "" for n in names))
        for at in steps
    ]
    return Table(
        id="training-steps",
        caption="Every logged step",
        columns=("step", *map(_words, names)),
        rows=cells,
        numeric=frozenset(range(len(names) + 1)),
    )


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


def ablation_table(rows: Sequence[Measurement]) -> Table:
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
        lines.append((*cells, str(len(seeds))))
    columns = [part for metric in metrics for part in (metric, f"{metric}, less full")]
    return Table(
        id="ablation",
        caption="Mean over seeds with 95 % interval",
        columns=("variant", *columns, "seeds"),
        rows=lines,
        numeric=frozenset(range(1, 2 * len(metrics) + 2)),
    )


def _ablation_figures(rows: Sequence[Measurement]) -> list[Figure]:
    """Each metric's mean by variant, the full method in a colour of its own."""
    from rabbench.report import dot_plot

    figures: list[Figure] = []
    for metric in dict.fromkeys(row.measure for row in rows):
        dots = []
        for name, found in _values(rows, metric).items():
            mean, half = _interval(list(found.values()))
            slot = METHOD if name == FULL else OTHERS
            dots.append(dot_plot.Dot(name, slot, mean, mean - half, mean + half))
        dots.sort(key=lambda dot: dot.value)
        if len(dots) > 1:
            said = ", ".join(f"{dot.label} {dot.value:.3f}" for dot in reversed(dots))
            title = f"{metric} of each variant"
            alt = f"{title}, mean over seeds with 95 % interval: {said}."
            id_ = f"fig-ablation-{len(figures)}"
            data = Data(
                [("variant", ""), (metric, ""), ("low", ""), ("high", "")],
                [[dot.label, dot.value, dot.low, dot.high] for dot in reversed(dots)],
            )
            note = "Means over seeds with 95 % intervals (Student’s t)."
            drawn = dot_plot.dots(id_, dots, alt)
            figures.append(Figure(id_, title, alt, drawn, data, note))
    return figures


def _text(mean: float, half: float, sign: str) -> str:
    spread = f" ± {half:.3f}" if math.isfinite(half) else ""
    return f"{mean:{sign}.3f}{spread}"


def about(config: Mapping[str, Any]) -> str:
    """What was trained, for a report's title."""
    return {
        "teacher": "Training of a teacher",
        "student": "Distillation of a student",
        "biencoder": "Training of a bi-encoder",
        "ablation": "What each part of the distillation is worth",
    }.get(str(config.get("kind")), "Training")
