"""A tiny teacher trained on a few of the built-in queries, for all tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_training import teacher_config

from rabbench.training import teacher as training


@pytest.fixture(scope="session")
def teacher_folder(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint of a tiny teacher."""
    out = tmp_path_factory.mktemp("teacher")
    training.run(teacher_config(tiny_model), out=out)
    return out
