"""The student without one part of its method at a time, over several seeds, evaluated alike.

Each variant changes one field of the student's configuration. Every student is trained into a
folder of its own and ranked by ``rabbench.quality``; knows no loss and no metric itself.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

from rabbench import environment, quality
from rabbench.config.train import FULL, VARIANTS, AblationConfig
from rabbench.results import ResultsStore
from rabbench.train import devices, student
from rabbench.types import Measurement, Progress, Results, no_progress, unknown_name_error


def run(
    config: AblationConfig, *, out: Path, resume: bool = False, progress: Progress = no_progress
) -> Results:
    """Train and evaluate every variant with every seed; a row for each metric of each student.

    Args:
        config: the variants.
        out: ``out/VARIANT-SEED`` are the students' folders, ``out`` holds the table.
        resume: keep the students that are finished, go on with the one that is not.
        progress: told which student is at work.

    Raises:
        UsageError: for an unknown variant.
    """
    for name in config.variants:
        if name not in VARIANTS:
            raise unknown_name_error("variant", name, VARIANTS)
    names = list(dict.fromkeys((FULL, *config.variants)))
    started = Results(
        command="train",
        config={"kind": "ablation", **asdict(config)},
        environment=environment.describe(),
    )
    store = ResultsStore(out if devices.first() else None, started, resume=resume)
    jobs = [(name, seed) for seed in range(config.seeds) for name in names]
    for done, (name, seed) in enumerate(jobs):
        told = _named(f"{name}, seed {seed} ({done + 1} of {len(jobs)})", progress)
        folder = out / f"{name}-{seed}"
        chosen = replace(config.student, **VARIANTS[name])
        chosen = replace(chosen, schedule=replace(chosen.schedule, seed=seed))
        student.run(chosen, out=folder, resume=resume, progress=told)
        if devices.first():
            store.add(*_evaluated(config, folder, name, seed, told))
        devices.wait()
    progress("done", len(jobs), len(jobs))
    return store.results


def _named(name: str, progress: Progress) -> Progress:
    """A progress that says whose it is."""

    def told(what: str, done: int, total: int) -> None:
        progress(f"{name}: {what}", done, total)

    return told


def _evaluated(
    config: AblationConfig, folder: Path, name: str, seed: int, progress: Progress
) -> list[Measurement]:
    """The quality rows of one student, as rows of this table."""
    found = quality.run(
        quality.QualityConfig(
            suite=config.student.data.suite,
            datasets=(config.dataset,) if config.dataset else (),
            systems=("rabtriever",),
            metrics=config.metrics,
            max_queries=config.max_test_queries,
            options=replace(
                config.student.options,
                model=str(folder),
                depth=config.student.depth,
                first_stage=config.student.first_stage,
            ),
        ),
        progress=progress,
    )
    params = {"variant": name, "seed": seed}
    return [row.with_changes(phase="ablation", params=params) for row in found.rows]
