"""Configurations of tiny trainings, shared by the tests of this folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from rabbench.config.train import Lora
from rabbench.train import Schedule, StudentConfig, TeacherConfig, TrainingData
from rabbench.types import Options

DATA = TrainingData(suite="demo", max_queries=16, held_out=0.25, per_query=2)


def teacher_config(model: Path, **changes: object) -> TeacherConfig:
    schedule = Schedule(
        epochs=2, batch=4, learning_rate=1e-2, save_every=2, evaluate_every=3, log_every=3
    )
    given: dict[str, object] = {
        "data": DATA,
        "schedule": schedule,
        "lora": Lora(rank=4, alpha=8),
        "options": Options(model=str(model), max_doc_len=48, batch=8),
    }
    return TeacherConfig(**{**given, **changes})  # type: ignore[arg-type]


def student_config(teacher: Path, **changes: Any) -> StudentConfig:
    given: dict[str, Any] = {
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
    return StudentConfig(**{**given, **changes})


def assert_same_weights(one: Path, other: Path) -> None:
    """Two safetensors files hold the same, to the bit."""
    ours, theirs = load_file(one), load_file(other)
    assert ours.keys() == theirs.keys()
    for name, weight in theirs.items():
        assert torch.equal(weight, ours[name]), name
