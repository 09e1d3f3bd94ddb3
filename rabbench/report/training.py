"""A training in a report: its curves, its last figures, and the section of an ablation.

Reads rows of phase ``train`` (a figure at a step); knows no loss by name but what to draw together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rabbench.report import ablation
from rabbench.report.page import Figure, Section, Table, figure_data
from rabbench.report.plots.curves import draw_steps
from rabbench.types import Measurement

TRAIN = "train"
NAMES = {"mrr": "MRR", "mse": "MSE", "kl": "KL", "r2": "R²", "tau": "τ"}
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
    return _logged(row) or ablation.tried(row)


def _logged(row: Measurement) -> bool:
    return row.phase == TRAIN and "step" in row.params


def sections(
    rows: Iterable[Measurement], config: Mapping[str, Any] | None = None, *, draw: bool = True
) -> list[Section]:
    """The training's curves and the ablation's section, those that there are."""
    rows = list(rows)
    logged = list(filter(_logged, rows))
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
    return [*found, *ablation.sections(rows, config, draw=draw)]


def opening(rows: Iterable[Measurement]) -> list[str]:
    """What an ablation found, or where a training's figures went."""
    rows = list(rows)
    said = ablation.verdict(rows)
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
            data = figure_data(
                [("figure", ""), ("step", ""), ("value", "")],
                [[name, step, line[step]] for name, line in named.items() for step in sorted(line)],
            )
            figures.append(Figure(id_, title, alt, draw_steps(id_, named, alt), data))
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


def about(config: Mapping[str, Any]) -> str:
    """What was trained, for a report's title."""
    return {
        "teacher": "Training of a teacher",
        "student": "Distillation of a student",
        "biencoder": "Training of a bi-encoder",
        "ablation": "What each part of the distillation is worth",
    }.get(str(config.get("kind")), "Training")
