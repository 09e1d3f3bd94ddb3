"""A tiny teacher and its student, trained on a few of the built-in queries, for this folder."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from tests.train.tiny_training import KilledError, kill_at, student_config, teacher_config

# Trainings are imported within: this file may be read before the hub is shut off, and transformers
# looks then.


class TrainedTeacher(NamedTuple):
    """A checkpoint, and the complete states on disk at each step of its training."""

    folder: Path
    states: list[set[str]]


@pytest.fixture(scope="session")
def trained_teacher(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainedTeacher:
    from rabbench.train import loop, teacher

    out = tmp_path_factory.mktemp("teacher")
    states: list[set[str]] = []

    def progress(activity: str, done: int, total: int) -> None:
        if activity.startswith("training"):
            states.append({path.parent.name for path in out.glob(f"*/*/{loop.COMPLETE}")})

    teacher.run(teacher_config(tiny_model), out=out, progress=progress)
    return TrainedTeacher(out, states)


@pytest.fixture(scope="session")
def teacher_folder(trained_teacher: TrainedTeacher) -> Path:
    """The checkpoint of a tiny teacher."""
    return trained_teacher.folder


@pytest.fixture(scope="session")
def interrupted_teacher(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same training, killed at step 5; the tests copy it."""
    from rabbench.train import teacher

    out = tmp_path_factory.mktemp("interrupted")
    with pytest.raises(KilledError):
        teacher.run(teacher_config(tiny_model), out=out, progress=kill_at(5))
    return out


@pytest.fixture(scope="session")
def student_folder(teacher_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint of the teacher's student."""
    from rabbench.train import student

    out = tmp_path_factory.mktemp("student")
    student.run(student_config(teacher_folder), out=out)
    return out
