"""A training in a report: its curves and its log; and an ablation, one part changed at a time.

Reads rows of phase ``train`` (a figure at a step) and ``ablation`` (a metric of the student of one
variant and seed); knows no loss by name but what to draw together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from rabbench.report.page import Cell, Column, Figure, Record, Section, Table, Value, figure_data
from rabbench.report.plots.dots import Dot, dots_figure
from rabbench.report.render import line as cell_line
from rabbench.scaling.labels import group_by
from rabbench.stats.intervals import seed_difference, seed_interval
from rabbench.types import Measurement

TRAIN, ABLATION = "train", "ablation"
TITLES = {
    "teacher": "Training of a teacher",
    "student": "Distillation of a student",
    "biencoder": "Training of a bi-encoder",
    "ablation": "What each part of the distillation is worth",
}
NAMES = {"mrr": "MRR", "mse": "MSE", "kl": "KL", "r2": "R²", "tau": "τ"}
PANELS: Mapping[str, Sequence[str]] = {
    "Loss": ("loss", "held_out_loss", "loss_mse", "loss_reverse_kl", "loss_within"),
    "On held-out queries": ("held_out_first_in_group", "held_out_first_in_batch", "held_out_mrr"),
    "Share of the gradient": (
        "gradient_share_mse", "gradient_share_reverse_kl", "gradient_share_keep",
    ),
    "Within queries": ("r2_within", "tau", "spread"),
}  # fmt: skip
"""What is drawn together: figures of one scale."""

HELD_OUT = (
    "Figures at the logged steps. Held-out queries were not learnt from, and are not those of the "
    "test split."
)
OPENING = ("held_out_mrr", "held_out_first_in_group", "held_out_loss", "loss")
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
STARTS = {
    "answers": "with first scores fit to the latents' similarity and the teacher's answers",
    "similarity": "with the similarity of the latents as first scores",
    "state": "with equal first scores for all documents, so that the losses alone teach",
}
BELOW, ABOVE, OPEN = "significantly below it", "significantly above it", "not significant"
FULL_SLOT, VARIANT_SLOT = 1, 2  # of the palette

Log = Mapping[str, Mapping[int, float]]
"""Each logged figure's values by step."""


def is_training(row: Measurement) -> bool:
    """Whether a row is of a training or an ablation."""
    return _is_logged(row) or _is_ablation(row)


def _is_logged(row: Measurement) -> bool:
    return row.phase == TRAIN and "step" in row.params


def _is_ablation(row: Measurement) -> bool:
    """Whether a row is a metric of one student of an ablation."""
    return row.phase == ABLATION and {"variant", "seed"} <= row.params.keys()


def training_title(config: Mapping[str, Any]) -> str:
    """What was trained, for a report's title."""
    return TITLES.get(str(config.get("kind")), "Training")


def sections(
    rows: Sequence[Measurement], config: Mapping[str, Any] | None = None, *, draw: bool = True
) -> list[Section]:
    """The training's curves and log, and the ablation, those that there are.

    ``config`` is of the whole results file, and has an ablation's full method.
    """
    log, students = _log(rows), list(filter(_is_ablation, rows))
    training = Section(
        id="training",
        title="Training",
        text=[HELD_OUT],
        figures=_curves(log) if draw else (),
        tables=[_ends_table(log)],
    )
    steps = Section(
        id="steps",
        title="Training log",
        tables=[_log_table(log)],
        detail=True,
        summary="every logged step",
    )
    ablation = Section(
        id=ABLATION,
        title="Without one part at a time",
        text=[
            "Each variant changes one thing of the full method; every student has the same teacher "
            f"and is evaluated alike{_queries(students)}. Intervals are 95 % of the mean over "
            "seeds (Student's t), of the difference to the full method paired by seed.",
            *_full_method((config or {}).get("student", {})),
        ],
        figures=_ablation_figures(students) if draw else (),
        tables=[_ablation_table(students)],
    )
    present = [training, steps] * bool(log) + [ablation] * bool(students)
    return [replace(section, group="Training") for section in present]


def opening(rows: Sequence[Measurement]) -> list[str]:
    """An ablation's outcome, or where a training's figures went."""
    sentences = ablation_sentences(rows)
    log = _log(rows)
    for name in OPENING:
        if len(log.get(name, ())) > 1:
            (first, first_value), *_, (last, last_value) = log[name].items()
            words = _words(name)
            sentences.append(
                f"{words[:1].upper()}{words[1:]} went from {first_value:.3g} at step {first:,} "
                f"to {last_value:.3g} at step {last:,}."
            )
    return sentences


def _log(rows: Iterable[Measurement]) -> Log:
    """The log of a training, first steps first."""
    log: dict[str, dict[int, float]] = {}
    for row in filter(_is_logged, rows):
        if row.value is not None:
            log.setdefault(row.measure, {})[int(row.params["step"])] = row.value
    return {name: dict(sorted(values.items())) for name, values in log.items()}


def _words(name: str) -> str:
    """A logged figure's name as people write it."""
    words = name.replace("held_out_", "held-out ").replace("_", " ").split()
    return " ".join(NAMES.get(word, word) for word in words)


def _curves(log: Log) -> list[Figure]:
    from rabbench.report.plots.curves import draw_steps

    figures = []
    for title, names in PANELS.items():
        panel = {name: log[name] for name in names if len(log.get(name, ())) > 1}
        ends, lines = [], {}
        for name, values in panel.items():
            first, *_, last = values.values()
            ends.append(f"{_words(name)} from {first:.3g} to {last:.3g}")
            lines[_words(name.removeprefix("gradient_share_"))] = values
        if panel:
            id_ = f"fig-training-{title.lower().replace(' ', '-')}"
            alt = f"{title} against the training step: {'; '.join(ends)}."
            points = [(name, *point) for name, values in lines.items() for point in values.items()]
            data = figure_data([("figure", ""), ("step", ""), ("value", "")], points)
            figures.append(Figure(id_, title, alt, draw_steps(id_, lines, alt), data))
    return figures


def _ends_table(log: Log) -> Table:
    columns = ("figure", Column("first", "log"), Column("last", "log"), "at step")
    rows = []
    for name, values in log.items():
        steps = list(values)
        rows.append((_words(name), values[steps[0]], values[steps[-1]], steps[-1]))
    return Table("training-last", "What was logged first and last", columns, rows)


def _log_table(log: Log) -> Table:
    records: list[Record] = [
        {
            "step": step,
            **{Column(_words(name), "log"): values.get(step) for name, values in log.items()},
        }
        for step in sorted({step for values in log.values() for step in values})
    ]
    return Table.from_records("training-steps", "Every logged step", records)


def _queries(rows: Sequence[Measurement]) -> str:
    """The queries of an ablation's evaluation, where the rows say so."""
    names = dict.fromkeys(str(row.params["dataset"]) for row in rows if "dataset" in row.params)
    queries = max((len(row.samples) for row in rows), default=0)
    return f", on the {queries:,} queries of {', '.join(names)}" if names and queries else ""


def _full_method(student: Mapping[str, Any]) -> list[str]:
    """What the full method is here, since its options are the user's."""
    if not student:
        return []
    schedule, queries = student["schedule"], student["data"].get("max_queries")
    drift = "lets the scores of documents that were not asked about drift"
    if student["keep"] and student["start"] != "state":  # otherwise there is nothing to hold
        drift = f"holds documents that were not asked about with weight {student['keep']:g}"
    return [
        f"The full method here starts {STARTS[student['start']]}, {drift}, weighs the JEPA "
        f"energy by {student['mse']:g} and the reverse KL by {student['reverse_kl']:g}, and draws "
        f"{student['candidates']} candidates a query and round, {student['sampling']}; rounds: "
        f"{student['rounds']}, epochs: {schedule['epochs']:g}, learning rate "
        f"{schedule['learning_rate']:g}, training queries: "
        + (f"a sample of {queries:,}." if queries else "all.")
    ]


def ablation_sentences(rows: Iterable[Measurement]) -> list[str]:
    """A sentence for each metric: which variants differ from the full method."""
    sentences = []
    for metric, variants in _seeds(rows).items():
        full = variants.get(FULL, {})
        groups: dict[str, list[str]] = {BELOW: [], ABOVE: [], OPEN: []}
        for name, seeds in variants.items():
            difference = seed_difference(seeds, full)
            if name != FULL and difference is not None:
                group = BELOW if difference.high < 0 else ABOVE if difference.low > 0 else OPEN
                groups[group].append(f"{name} {cell_line(Cell.estimate(difference, 'change'))}")
        parts = [f"{group}: {', '.join(names)}" for group, names in groups.items() if names]
        if full and parts:
            mean = seed_interval([*full.values()]).value
            sentences.append(f"{metric} of the full method is {mean:.3f}; {'; '.join(parts)}.")
    return sentences


def _seeds(rows: Iterable[Measurement]) -> dict[str, dict[str, dict[int, float]]]:
    """``{metric: {variant: {seed: value}}}`` of an ablation."""
    metrics: dict[str, dict[str, dict[int, float]]] = {}
    for row in filter(_is_ablation, rows):
        if row.value is not None:
            seeds = metrics.setdefault(row.measure, {}).setdefault(str(row.params["variant"]), {})
            seeds[int(row.params["seed"])] = row.value
    return metrics


def _ablation_table(rows: Sequence[Measurement]) -> Table:
    """A line for each variant: each metric's mean over seeds, and its difference to the full."""
    records = []
    for name, students in group_by(rows, lambda row: str(row.params["variant"])).items():
        record: dict[Column | str, Cell | Value] = {"variant": name}
        for metric, variants in _seeds(rows).items():
            seeds, full = variants.get(name, {}), variants.get(FULL, {})
            mean = seed_interval([*seeds.values()]) if seeds else None
            difference = seed_difference(seeds, full) if name != FULL else None
            record[metric] = Cell.estimate(mean, "score", words="" if seeds else "not measured")
            record[f"{metric}, less full"] = Cell.estimate(difference, "change")
        record["seeds"] = len({row.params["seed"] for row in students})
        record["what it changes"] = CHANGES.get(name)
        records.append(record)
    return Table.from_records(ABLATION, "Mean over seeds with 95 % interval", records, paper=True)


def _ablation_figures(rows: Sequence[Measurement]) -> list[Figure]:
    """Each metric's mean by variant, the full method in a colour of its own."""
    figures: list[Figure] = []
    for metric, variants in _seeds(rows).items():
        dots = [
            Dot(name, FULL_SLOT if name == FULL else VARIANT_SLOT, seed_interval([*seeds.values()]))
            for name, seeds in variants.items()
        ]
        if len(dots) > 1:
            title, over = f"{metric} of each variant", "seeds with 95 % intervals (Student’s t)"
            heads = ("variant", metric)
            id_ = f"fig-ablation-{len(figures)}"
            figures.append(dots_figure(id_, title, dots, heads=heads, over=over))
    return figures
