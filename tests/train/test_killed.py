"""Trainings that are killed outright, as by a scheduler or for memory, and gone on with."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rabbench.models import checkpoint
from rabbench.train import loop
from tests.train.tiny_training import assert_same_weights

PATIENCE_S = 120
COMMON = (
    "--suite", "demo", "--max-queries", "19", "--held-out", "0.2", "--max-doc-tokens", "48",
    "--batch", "4", "--epochs", "6", "--save-every", "2", "--evaluate-every", "5",
    "--device", "cpu", "--quiet",
)  # fmt: skip
TEACHER = ("--per-query", "2", "--learning-rate", "1e-2", "--lora-rank", "4", "--lora-alpha", "8")
STUDENT = (
    "--learning-rate", "3e-3", "--inner", "16", "--candidates", "2", "--rounds", "3",
    "--vocabulary", "64",
)  # fmt: skip


def _started(kind: str, *options: object, out: Path) -> subprocess.Popen[str]:
    words = ["-m", "rabbench", "train", kind, *COMMON, *map(str, options), "--out", str(out)]
    return subprocess.Popen(
        [sys.executable, *words],
        env={**os.environ, "OMP_NUM_THREADS": "1", "RABBENCH_HOME": str(out.parent / "home")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def _finished(training: subprocess.Popen[str]) -> None:
    _, stderr = training.communicate(timeout=PATIENCE_S)
    assert training.returncode == 0, stderr


def _after_a_save(out: Path) -> bool:
    return any(out.glob("state/checkpoint-*/trainer_state.json"))


def _in_a_save(out: Path) -> bool:
    """The second state is begun and not complete."""
    begun = {path.parent for path in out.glob("state/checkpoint-*/*")}
    return len(begun) > 1 and not all((path / loop.COMPLETE).exists() for path in begun)


def _kill(training: subprocess.Popen[str], out: Path, moment: Callable[[Path], bool]) -> None:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until and training.poll() is None:
        if moment(out):
            training.send_signal(signal.SIGKILL)
            break
        time.sleep(0.001)
    training.communicate(timeout=PATIENCE_S)
    assert training.returncode == -signal.SIGKILL
    assert not (out / checkpoint.CARD).exists()


@pytest.mark.e2e
@pytest.mark.parametrize("moment", [_after_a_save, _in_a_save])
@pytest.mark.parametrize(
    ("kind", "weights"), [("teacher", checkpoint.ADAPTER), ("student", checkpoint.PREDICTOR)]
)
def test_a_killed_training_ends_with_the_weights_of_an_undisturbed_one(
    kind: str,
    weights: str,
    moment: Callable[[Path], bool],
    tiny_model: Path,
    teacher_folder: Path,
    tmp_path: Path,
) -> None:
    options: tuple[object, ...] = (*TEACHER, "--model", tiny_model)
    if kind == "student":
        options = (*STUDENT, "--teacher", teacher_folder)
    whole, parts = tmp_path / "a" / "whole", tmp_path / "b" / "parts"
    _finished(_started(kind, *options, out=whole))
    _kill(_started(kind, *options, out=parts), parts, moment)
    _finished(_started(kind, *options, "--resume", out=parts))
    assert_same_weights(parts / weights, whole / weights)
