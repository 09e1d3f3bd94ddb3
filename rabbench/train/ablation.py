"""The student without one part of its method at a time, over several seeds, evaluated alike.

Each variant changes one field of the student's configuration. Every student is trained into a
folder of its own and ranked by ``rabbench.quality``; knows no loss and no metric itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from rabbench import quality
from rabbench.config.train import FULL, VARIANTS, AblationConfig
from rabbench.train import devices, student
from rabbench.train.folder import open_store
from rabbench.types import Measurement, Progress, Results, no_progress, unknown_name_error


def run(
    config: AblationConfig, *, out: Path, resume: bool = False, progress: Progress = no_progress
) -> Results:
    """Train and evaluate every variant with every seed; a row for each metric of each student.

    ``out/VARIANT-SEED`` are the students' folders, ``out`` holds the table. ``resume`` keeps the
    students that are finished and goes on with the one that is not. UsageError for an unknown
    variant.
    """
    for name in config.variants:
        if name not in VARIANTS:
            raise unknown_name_error("variant", name, VARIANTS)
    names = dict.fromkeys((FULL, *config.variants))
    store = open_store("ablation", config, out, resume=resume)
    students = [(name, seed) for seed in range(config.seeds) for name in names]
    for i, (name, seed) in enumerate(students):
        label = f"{name}, seed {seed} ({i + 1} of {len(students)})"
        labelled = partial(_report_step, progress, label)
        folder = out / f"{name}-{seed}"
        schedule = replace(config.student.schedule, seed=seed)
        variant = replace(config.student, **VARIANTS[name], schedule=schedule)
        student.run(variant, out=folder, resume=resume, progress=labelled)
        if devices.is_first():
            store.add(*_evaluate(config, folder, {"variant": name, "seed": seed}, labelled))
        devices.wait()
    progress("done", len(students), len(students))
    return store.results


def _report_step(progress: Progress, label: str, step: str, completed: int, total: int) -> None:
    """Report a step of one student under its name."""
    progress(f"{label}: {step}", completed, total)


def _evaluate(
    config: AblationConfig, folder: Path, params: Mapping[str, Any], progress: Progress
) -> list[Measurement]:
    """The quality rows of one student, as rows of this table."""
    trained = config.student
    results = quality.run(
        quality.QualityConfig(
            suite=trained.data.suite,
            datasets=(config.dataset,) if config.dataset else (),
            systems=("rabtriever",),
            metrics=config.metrics,
            max_queries=config.max_test_queries,
            options=replace(
                trained.options,
                model=str(folder),
                depth=trained.depth,
                first_stage=trained.first_stage,
            ),
        ),
        progress=progress,
    )
    return [row.with_changes(phase="ablation", params=params) for row in results.rows]
