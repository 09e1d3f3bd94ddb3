"""A training's folder: its card, its weights in half precision, its model card."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from rabbench.models import checkpoint
from rabbench.results import load_results
from rabbench.train import card, data
from rabbench.types import BadInputError, Measurement
from tests.train.tiny_training import DATA


def test_a_teacher_folder_holds_a_card_and_half_precision_weights(teacher_folder: Path) -> None:
    about = json.loads((teacher_folder / checkpoint.CARD).read_text())
    assert (about["kind"], about["data"]["dataset"]) == ("teacher", "train")
    split = data.load_split(DATA)
    assert about["data"]["n_queries"] == 16 - len(split.held_out.queries) < 16
    assert about["data"]["n_queries"] == len(split.train.queries)
    assert "first_in_group" in about["final"]
    weights = load_file(teacher_folder / checkpoint.ADAPTER)
    assert {weight.dtype for weight in weights.values()} == {torch.float16}
    assert any(float(weight.abs().max()) > 0 for n, weight in weights.items() if "lora_B" in n)
    assert "rabbench quality" in (teacher_folder / "README.md").read_text()
    assert not (teacher_folder / "state").exists()
    settings = json.loads((teacher_folder / "adapter_config.json").read_text())
    assert settings["base_model_name_or_path"] == about["base"]


def test_scores_of_a_checkpoint_replace_its_older_ones(
    teacher_folder: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(teacher_folder, tmp_path / "teacher")
    params = {"dataset": "test", "n_queries": 3, "depth": 10}
    row = Measurement(
        system="teacher", phase="quality", measure="mrr", value=0.25, unit="1", better="higher",
        params=params,
    )  # fmt: skip
    foreign = replace(row, system="bm25")
    results = load_results(teacher_folder)
    card.add_scores(folder, replace(results, rows=(row, replace(row, measure="map"), foreign)))
    card.add_scores(folder, replace(results, rows=(replace(row, value=0.5),)))
    scores = json.loads((folder / checkpoint.CARD).read_text())["scores"]
    assert [(score["metric"], score["value"]) for score in scores] == [("map", 0.25), ("mrr", 0.5)]
    assert "| teacher | test | mrr | 0.5000 | 3 |" in (folder / "README.md").read_text()


def test_a_damaged_card_is_refused(tmp_path: Path) -> None:
    (tmp_path / checkpoint.CARD).write_text('{"schema": 1}')
    with pytest.raises(BadInputError, match="is no checkpoint card"):
        checkpoint.find(str(tmp_path))
    (tmp_path / checkpoint.CARD).write_text('{"schema": 9}')
    with pytest.raises(BadInputError, match="has schema 9, this rabbench reads 1"):
        checkpoint.find(str(tmp_path))
