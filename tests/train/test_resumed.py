"""Trainings that are gone on with: to the same weights, from whatever a kill has left."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from rabbench.models import checkpoint
from rabbench.train import loop
from rabbench.train import student as students
from rabbench.train import teacher as teachers
from rabbench.types import UsageError
from tests.train.conftest import TrainedTeacher
from tests.train.tiny_training import (
    KilledError,
    assert_same_weights,
    kill_at,
    record_steps,
    student_config,
    teacher_config,
)


@pytest.mark.e2e
@pytest.mark.parametrize("contrastive", [0.0, 1.0])
def test_an_interrupted_teacher_resumes_to_the_same_weights(
    tiny_model: Path, tmp_path: Path, contrastive: float
) -> None:
    config = teacher_config(tiny_model, contrastive=contrastive)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    teachers.run(config, out=whole)
    with pytest.raises(KilledError):
        teachers.run(config, out=parts, progress=kill_at(5))
    steps: list[int] = []
    assert not (parts / checkpoint.CARD).exists()
    teachers.run(config, out=parts, resume=True, progress=record_steps(steps))
    assert steps[0] == 5  # from the state of step 4, not from the beginning
    assert_same_weights(parts / checkpoint.ADAPTER, whole / checkpoint.ADAPTER)


@pytest.mark.e2e
def test_an_interrupted_student_resumes_to_the_same_weights(
    teacher_folder: Path, student_folder: Path, tmp_path: Path
) -> None:
    config = student_config(teacher_folder)
    with pytest.raises(KilledError):
        students.run(config, out=tmp_path, progress=kill_at(13))  # in the second round
    steps: list[int] = []
    students.run(config, out=tmp_path, resume=True, progress=record_steps(steps))
    assert steps[0] == 13  # from the state of step 12
    assert_same_weights(tmp_path / checkpoint.PREDICTOR, student_folder / checkpoint.PREDICTOR)


def test_another_configuration_is_not_resumed(
    tiny_model: Path, interrupted_teacher: Path, tmp_path: Path
) -> None:
    out = shutil.copytree(interrupted_teacher, tmp_path / "teacher")
    with pytest.raises(UsageError, match=r"configuration differs .*objective"):
        teachers.run(teacher_config(tiny_model, objective="sft"), out=out, resume=True)


def test_a_state_half_written_is_passed_over(
    tiny_model: Path, teacher_folder: Path, interrupted_teacher: Path, tmp_path: Path
) -> None:
    out = shutil.copytree(interrupted_teacher, tmp_path / "teacher")
    state = out / loop.STATE
    torn = shutil.copytree(state / "checkpoint-4", state / "checkpoint-6")
    (torn / loop.COMPLETE).unlink()
    (torn / checkpoint.ADAPTER).write_bytes(b"")
    steps: list[int] = []
    teachers.run(teacher_config(tiny_model), out=out, resume=True, progress=record_steps(steps))
    assert steps[0] == 5  # from the state of step 4
    assert_same_weights(out / checkpoint.ADAPTER, teacher_folder / checkpoint.ADAPTER)


def test_until_a_state_is_complete_the_one_before_stays(trained_teacher: TrainedTeacher) -> None:
    assert trained_teacher.states[2:6] == [
        {"checkpoint-2"},
        {"checkpoint-2"},
        {"checkpoint-2", "checkpoint-4"},
        {"checkpoint-2", "checkpoint-4"},
    ]


def test_a_finished_training_is_not_begun_again(
    tiny_model: Path, teacher_folder: Path, tmp_path: Path
) -> None:
    out = shutil.copytree(teacher_folder, tmp_path / "teacher")
    (out / loop.STATE).mkdir()  # as after a kill just before its end
    config = teacher_config(tiny_model)
    steps: list[int] = []
    results = teachers.run(config, out=out, resume=True, progress=record_steps(steps))
    assert not steps
    assert not (out / loop.STATE).exists()
    assert any(row.measure == "loss" for row in results.rows)
    # Without --resume it is, and its folder is no checkpoint meanwhile.
    with pytest.raises(KilledError):
        teachers.run(config, out=out, progress=kill_at(1))
    assert checkpoint.find(str(out)) is None


def test_a_teacher_is_not_written_over_by_its_student(teacher_folder: Path, tmp_path: Path) -> None:
    out = shutil.copytree(teacher_folder, tmp_path / "teacher")
    with pytest.raises(UsageError, match="is the model that is trained from"):
        students.run(student_config(out), out=out)
    before, after = (checkpoint.find(str(folder)).card for folder in (teacher_folder, out))
    assert before == after
