"""Distilling a tiny teacher: the student comes closer to it, and its controls differ."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from rabbench import quality
from rabbench.config.options import Options
from rabbench.models import checkpoint
from rabbench.models.student import Predictor
from rabbench.results import load_results
from rabbench.train import card
from rabbench.train import student as students
from rabbench.types import Measurement, UsageError
from tests.train.tiny_training import logged_values, student_config


def test_a_student_comes_closer_to_its_teacher_and_is_watched(
    student_folder: Path, teacher_folder: Path, tmp_path: Path
) -> None:
    from_state = students.run(student_config(teacher_folder, start="state"), out=tmp_path)
    far = logged_values(from_state, "loss_mse")
    assert far[-1] < 0.9 * far[0]
    results = load_results(student_folder)
    mse = logged_values(results, "loss_mse")
    assert mse[0] < 0.9 * far[0]  # solved for from the teacher's answers, before any step
    assert mse[-1] < 0.9 * far[0]
    for name in ("r2_within", "effective_rank", "tau", "gradient_share_reverse_kl"):
        assert logged_values(results, name), name
    assert logged_values(results, "held_out_mrr")
    about = json.loads((student_folder / checkpoint.CARD).read_text())
    assert about["teacher"]["kind"] == "teacher"
    queries = about["data"]["n_queries"]
    # A positive and up to two draws in each of two rounds, none twice.
    assert 3 * queries <= about["pairs_asked"] <= (1 + 2 * 2 + 1) * queries


@pytest.mark.e2e  # long
def test_rabtriever_ranks_with_the_trained_predictor(
    student_folder: Path, teacher_folder: Path, tmp_path: Path
) -> None:
    def evaluate(model: Path) -> Measurement:
        options = Options(model=str(model), max_doc_len=48, batch=8, depth=200)
        config = quality.QualityConfig(
            suite="demo", systems=("rabtriever",), max_queries=3, metrics=("mrr",), options=options
        )
        (row,) = quality.run(config).rows
        return row

    trained, untrained = evaluate(student_folder), evaluate(teacher_folder)
    assert (trained.params["trained"], untrained.params["trained"]) == (True, False)
    folder = shutil.copytree(student_folder, tmp_path / "student")
    card.add_scores(folder, replace(load_results(student_folder), rows=(trained,)))
    assert (
        f"| rabtriever | test | mrr | {trained.value:.4f} | 3 |"
        in (folder / "README.md").read_text()
    )
    predictor = Predictor.read(student_folder / checkpoint.PREDICTOR)
    assert predictor.query.weight.shape[0] == 16


def test_controls_change_what_they_say(teacher_folder: Path, tmp_path: Path) -> None:
    config = student_config(teacher_folder, latent=False, mse=0.0)
    blind = students.run(config, out=tmp_path / "blind")
    assert not logged_values(blind, "loss_mse")
    assert logged_values(blind, "loss_reverse_kl")
    # It sees no document in training, and none when it ranks.
    predictor = Predictor.read(tmp_path / "blind" / checkpoint.PREDICTOR)
    assert not predictor.document.weight.any()
    assert predictor.query.weight.any()
    with pytest.raises(UsageError, match="all losses have weight 0"):
        students.run(student_config(teacher_folder, mse=0, reverse_kl=0), out=tmp_path / "none")
