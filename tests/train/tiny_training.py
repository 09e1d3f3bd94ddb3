"""Configurations of tiny trainings, and what their tests read of the results."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from rabbench.config.options import Options
from rabbench.config.train import Lora, Schedule, StudentConfig, TeacherConfig, TrainingData
from rabbench.types import Results

DATA = TrainingData(suite="demo", max_queries=16, held_out=0.25, per_query=2)


def teacher_config(model: Path, **changes: Any) -> TeacherConfig:
    fields: dict[str, Any] = {
        "data": DATA,
        "schedule": Schedule(
            epochs=2, batch=4, learning_rate=1e-2, save_every=2, evaluate_every=3, log_every=3
        ),
        "lora": Lora(rank=4, alpha=8),
        "options": Options(model=str(model), max_doc_len=48, batch=8),
    }
    return TeacherConfig(**{**fields, **changes})


def student_config(teacher: Path, **changes: Any) -> StudentConfig:
    fields: dict[str, Any] = {
        "data": DATA,
        "schedule": Schedule(
            epochs=10, batch=4, learning_rate=3e-3, save_every=4, evaluate_every=6, log_every=3
        ),
        "inner": 16,
        "candidates": 2,
        "rounds": 2,
        "vocabulary": 64,
        "options": Options(model=str(teacher), max_doc_len=48, batch=8),
    }
    return StudentConfig(**{**fields, **changes})


def logged_values(results: Results, name: str) -> list[float]:
    """A figure's values by step."""
    rows = [row for row in results.rows if row.measure == name]
    return [float(row.value or 0) for row in sorted(rows, key=lambda row: row.params["step"])]


def assert_same_weights(path: Path, expected_path: Path) -> None:
    """Two safetensors files hold the same, to the bit."""
    weights, expected = load_file(path), load_file(expected_path)
    assert weights.keys() == expected.keys()
    for name, weight in expected.items():
        assert torch.equal(weights[name], weight), name


class KilledError(Exception):
    """Stands for a kill at a step."""


def kill_at(step: int) -> Callable[[str, int, int], None]:
    """A progress that ends the training at a step."""

    def progress(activity: str, done: int, total: int) -> None:
        if activity.startswith("training") and done == step:
            raise KilledError

    return progress


def record_steps(steps: list[int]) -> Callable[[str, int, int], None]:
    """A progress that appends each step of training to the list."""

    def progress(activity: str, done: int, total: int) -> None:
        if activity.startswith("training"):
            steps.append(done)

    return progress
