"""Training in several processes ends as training in one does, with as many queries in a step."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from rabbench.models import checkpoint
from rabbench.results import load_results
from rabbench.train import devices
from tests.train.tiny_training import logged_values

DATA = (
    "--suite", "demo", "--max-queries", "19", "--held-out", "0.2", "--max-doc-tokens", "48",
    "--device", "cpu", "--evaluate-every", "4", "--save-every", "4", "--quiet",
)  # fmt: skip
TEACHER = (
    "train", "teacher", *DATA, "--per-query", "2", "--epochs", "2", "--learning-rate", "1e-2",
    "--lora-rank", "4", "--lora-alpha", "8",
)  # fmt: skip
STUDENT = (
    "train", "student", *DATA, "--epochs", "4", "--learning-rate", "3e-3", "--inner", "16",
    "--candidates", "2", "--rounds", "2", "--vocabulary", "64",
)  # fmt: skip


def _train(processes: int, *command: object, out: Path, home: Path) -> dict[str, Any]:
    """Run a training as its command and return its card."""
    # accelerate's own launcher starts several processes only where there are as many GPUs; for
    # those it calls this one.
    launcher = ("-m", "torch.distributed.run", "--nproc-per-node", str(processes))
    words = [*(launcher if processes > 1 else ()), "-m", "rabbench", *map(str, command)]
    process = subprocess.run(
        [sys.executable, *words, "--batch", str(4 // processes), "--out", str(out)],
        env={**os.environ, "RABBENCH_HOME": str(home), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    assert process.stdout.count("report.html") == 1  # one process writes and speaks
    card: dict[str, Any] = json.loads((out / checkpoint.CARD).read_text())
    return card


@pytest.mark.e2e
def test_two_processes_train_what_one_does(tiny_model: Path, tmp_path: Path) -> None:
    single, double = tmp_path / "single", tmp_path / "double"
    cards = [
        _train(count, *TEACHER, "--model", tiny_model, out=out / "teacher", home=out / "home")
        for count, out in ((1, single), (2, double))
    ]
    assert [card["processes"] for card in cards] == [1, 2]
    assert cards[0]["data"]["n_queries"] % 4 == 0  # else the last step is not the same
    expected = load_file(single / "teacher" / checkpoint.ADAPTER)
    weights = load_file(double / "teacher" / checkpoint.ADAPTER)
    assert weights.keys() == expected.keys() != set()
    for name, weight in weights.items():
        assert float((weight - expected[name]).abs().max()) < 2e-3, name
    teacher = single / "teacher"
    cards = [
        _train(count, *STUDENT, "--teacher", teacher, out=out / "student", home=out / "home")
        for count, out in ((1, single), (2, double))
    ]
    assert cards[0]["pairs_asked"] == cards[1]["pairs_asked"] > 0
    # The figures of a step, not the weights: units that hardly count are where rounding leads them.
    steps = [logged_values(load_results(out / "student"), "loss") for out in (single, double)]
    assert len(steps[0]) > 1
    assert steps[1] == pytest.approx(steps[0], rel=1e-3)
    # The two divided the pairs: had both run all, their shards would be those of one.
    assert _count_pairs(double) == _count_pairs(single)
    assert len(_shards(double)) > len(_shards(single))


def _shards(folder: Path) -> list[Path]:
    """States on disk, of whichever teacher."""
    return list((folder / "home" / "states").glob("*/*.safetensors"))


def _count_pairs(folder: Path) -> int:
    return sum(len(load_file(path)["keys"]) for path in _shards(folder))


def test_one_process_has_all_the_work_and_the_word() -> None:
    with devices.process_group("cpu") as first:
        assert first
        assert devices.is_first()
        assert devices.count() == 1
    devices.wait()
    assert devices.share([1, 2, 3]) == [1, 2, 3]
    assert devices.maximum(3) == 3
    assert devices.mean({"b": 2.0, "a": 1.0}) == {"a": 1.0, "b": 2.0}
