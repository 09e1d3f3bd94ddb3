"""Training a tiny bi-encoder: its loss falls, and its system reads it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from rabbench import quality
from rabbench.config.options import Options
from rabbench.config.train import BiencoderConfig, Lora, Schedule
from rabbench.train import biencoder
from tests.train.tiny_training import DATA, logged_values


@pytest.mark.e2e  # long
def test_a_biencoder_is_trained_and_read_by_its_system(tiny_model: Path, tmp_path: Path) -> None:
    config = BiencoderConfig(
        data=replace(DATA, per_query=1),
        schedule=Schedule(epochs=8, batch=8, learning_rate=2e-2, log_every=2, evaluate_every=500),
        lora=Lora(rank=4, alpha=8),
        options=Options(model=str(tiny_model), max_doc_len=48),
    )
    losses = logged_values(biencoder.run(config, out=tmp_path), "loss")
    assert losses[-1] < losses[0]
    options = Options(model=str(tmp_path), max_doc_len=48, batch=8)
    ranking = quality.QualityConfig(
        suite="demo", systems=("llm-biencoder",), max_queries=3, metrics=("mrr",), options=options
    )
    (row,) = quality.run(ranking).rows
    assert row.params["trained"] is True
