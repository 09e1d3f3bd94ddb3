"""A run that is killed at random moments and resumed gives what an undisturbed one gives."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

import rabbench
from rabbench import quality
from rabbench.config.options import Options
from rabbench.quality import QualityConfig

SYSTEMS = ("bm25", "dense", "teacher", "teacher-cached", "rabtriever", "bm25>>teacher")
OF_THIS_RUN = {"index_wall_s", "search_wall_s", "documents_wall_s", "documents_from_cache"}
KILLS = 3

CHILD = """
import json, sys, time
from pathlib import Path
from rabbench import quality
from rabbench.systems import _score_cache
from rabbench.config.options import Options

_score_cache.BLOCK_ROWS = 60  # several blocks in a small run

def progress(text, count, total):
    print(text, flush=True)
    time.sleep(0.01)

fields = json.loads(sys.argv[2])
options = Options(**fields.pop("options"))
for name in ("datasets", "systems", "metrics"):
    fields[name] = tuple(fields[name])
config = quality.QualityConfig(**fields, options=options)
quality.run(config, out=Path(sys.argv[1]), resume=True, progress=progress)
"""


def demo_config(options: Options) -> QualityConfig:
    return QualityConfig(
        suite="demo",
        systems=SYSTEMS,
        max_queries=3,
        metrics=("mrr", "ndcg@10"),
        options=replace(options, depth=200),  # every document
    )


def command(config: QualityConfig, out: Path) -> list[str]:
    return [sys.executable, "-c", CHILD, str(out), json.dumps(asdict(config))]


def finished(config: QualityConfig, out: Path) -> list[str]:
    """Run to the end; the texts of its progress."""
    child = subprocess.run(command(config, out), stdout=subprocess.PIPE, text=True, check=True)
    return child.stdout.splitlines()


def killed(config: QualityConfig, out: Path, after: int) -> bool:
    """Start, and kill after so many steps of progress; whether it was still at work then."""
    with subprocess.Popen(command(config, out), stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        for _ in range(after):
            if not child.stdout.readline():
                break
        child.send_signal(signal.SIGKILL)
        return child.wait() == -signal.SIGKILL


def comparable_rows(out: Path) -> list[dict[str, Any]]:
    rows = [vars(row) for row in rabbench.load_results(out).rows]
    for row in rows:
        row["params"] = {k: v for k, v in row["params"].items() if k not in OF_THIS_RUN}
    return rows


def runs(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((out / "runs").rglob("*.gz"))}


@pytest.mark.e2e
@pytest.mark.timeout(900)
def test_a_run_killed_at_random_moments_gives_the_same_results(
    options: Options, tmp_path: Path
) -> None:
    config = demo_config(options)
    steps = len(finished(config, tmp_path / "whole"))
    draw = random.Random(2)  # noqa: S311 - no secret
    moments = [draw.randint(2, steps // 3) for _ in range(KILLS)]
    assert sum(killed(config, tmp_path / "cut", after) for after in moments) >= 2
    finished(config, tmp_path / "cut")
    assert comparable_rows(tmp_path / "cut") == comparable_rows(tmp_path / "whole")
    assert runs(tmp_path / "cut") == runs(tmp_path / "whole")


@pytest.mark.e2e
def test_a_model_that_was_trained_further_is_measured_again(
    options: Options, tmp_path: Path
) -> None:
    """The same name and options, different weights: the old rows and scores are not reused."""
    import shutil

    import torch
    from transformers import AutoModelForCausalLM

    from rabbench.models.backbone import resolve

    folder = tmp_path / "model"
    shutil.copytree(options.model, folder)
    config = replace(
        demo_config(replace(options, model=str(folder))), systems=("bm25", "teacher", "rabtriever")
    )
    out = tmp_path / "out"
    first = quality.run(config, out=out)
    same = quality.run(config, out=out, resume=True)
    assert same.rows == first.rows
    model = AutoModelForCausalLM.from_pretrained(folder)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.5)
    model.save_pretrained(folder)
    resolve.cache_clear()
    trained = quality.run(config, out=out, resume=True)
    fresh = quality.run(config, out=tmp_path / "fresh")
    for before, after, unresumed in zip(first.rows, trained.rows, fresh.rows, strict=True):
        assert after.samples == unresumed.samples
        if after.system != "bm25":
            assert after.params["identity"] != before.params["identity"]
            assert after.params["identity"] == unresumed.params["identity"]
    assert [row.samples for row in trained.rows] != [row.samples for row in first.rows]


@pytest.mark.e2e
def test_a_fresh_run_takes_over_no_scores(options: Options, tmp_path: Path) -> None:
    config = replace(demo_config(options), systems=("teacher",))
    quality.run(config, out=tmp_path)
    (cache,) = {path.parent for path in tmp_path.rglob("*.npz")}
    for path in cache.glob("*.npz"):
        path.write_bytes(b"")
    quality.run(config, out=tmp_path)
    assert min(path.stat().st_size for path in cache.glob("*.npz")) > 0
