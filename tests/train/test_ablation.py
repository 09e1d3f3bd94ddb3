"""The ablation: a student for each variant and seed, and a row for each metric of each."""

from __future__ import annotations

from pathlib import Path

import pytest

from rabbench.config.train import AblationConfig, Schedule
from rabbench.train import ablation
from rabbench.types import UsageError
from tests.train.tiny_training import student_config


@pytest.mark.e2e  # long
def test_an_ablation_is_a_table_over_seeds(teacher_folder: Path, tmp_path: Path) -> None:
    config = AblationConfig(
        student=student_config(teacher_folder, schedule=Schedule(epochs=1, batch=8)),
        variants=("no-mse",),
        seeds=2,
        max_test_queries=3,
    )
    results = ablation.run(config, out=tmp_path)
    runs = {(row.params["variant"], row.params["seed"]) for row in results.rows}
    assert runs == {("full", 0), ("full", 1), ("no-mse", 0), ("no-mse", 1)}


def test_an_unknown_variant_is_refused(tmp_path: Path) -> None:
    config = AblationConfig(student=student_config(tmp_path), variants=("no-luck",))
    names = "unknown variant 'no-luck'; known: full, no-answers, no-keep"
    with pytest.raises(UsageError, match=names):
        ablation.run(config, out=tmp_path)
