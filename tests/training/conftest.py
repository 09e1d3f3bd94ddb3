"""A tiny teacher trained on a few of the built-in queries, for all tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_training import teacher_config


@pytest.fixture(scope="session")
def teacher_folder(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint of a tiny teacher."""
    # Not above: this file may be read before the hub is shut off, and transformers looks then.
    from rabbench.training import teacher as training

    out = tmp_path_factory.mktemp("teacher")
    training.run(teacher_config(tiny_model), out=out)
    return out
