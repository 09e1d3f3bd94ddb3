"""A tiny teacher and its student, trained on a few of the built-in queries, for this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.train.tiny_training import student_config, teacher_config


@pytest.fixture(scope="session")
def teacher_folder(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint of a tiny teacher."""
    # Not above: this file may be read before the hub is shut off, and transformers looks then.
    from rabbench.train import teacher as training

    out = tmp_path_factory.mktemp("teacher")
    training.run(teacher_config(tiny_model), out=out)
    return out


@pytest.fixture(scope="session")
def student_folder(teacher_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint of its student."""
    from rabbench.train import student as training

    out = tmp_path_factory.mktemp("student")
    training.run(student_config(teacher_folder), out=out)
    return out
