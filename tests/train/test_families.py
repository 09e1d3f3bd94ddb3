"""Teacher and student of other models than Llama: any causal language model will do."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from rabbench.config.train import Lora, Schedule, StudentConfig, TeacherConfig
from rabbench.models import checkpoint
from rabbench.models.backbone import resolve
from rabbench.models.teacher import Prompt, Teacher
from rabbench.train import batches
from rabbench.train import student as students
from rabbench.train import teacher as teachers
from rabbench.types import UsageError
from tests.train.tiny_training import DATA, teacher_config

FAMILIES = ("qwen2", "qwen3", "mistral", "phi3", "gpt_neox", "gpt2")
EAGER = "gemma2"  # caps its attention's scores, which no fused one does, and its logits


@pytest.fixture(params=FAMILIES)
def model(request: pytest.FixtureRequest, tiny_model: Path, tmp_path: Path) -> Path:
    """A two-layer model of the family with random weights, and the tiny tokenizer."""
    from transformers import AutoConfig, AutoModelForCausalLM

    vocabulary = json.loads((tiny_model / "config.json").read_text())["vocab_size"]
    torch.manual_seed(0)
    config = AutoConfig.for_model(
        request.param,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        vocab_size=vocabulary,
        max_position_embeddings=256,
        **{f"{name}_token_id": 0 for name in ("pad", "bos", "eos")},
    )
    folder = tmp_path / request.param
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    for path in tiny_model.glob("token*"):
        shutil.copy(path, folder)
    return folder


def _trained_teacher(model: Path, folder: Path, attention: str = "sdpa") -> TeacherConfig:
    """Train a teacher of the model into the folder; its pairs are read as one text would be."""
    backbone = resolve(str(model), attention=attention)
    pairs = [([5, 6, 7, 8], [9, 10]), ([11, 12], [13, 14, 15])]
    with torch.no_grad():
        states, _ = batches.pair_states(backbone.model, batches.block_pairs(pairs))
    alone = backbone.encode([[*document, *query] for document, query in pairs], batch=1)
    torch.testing.assert_close(states, alone, rtol=1e-4, atol=1e-5)

    schedule = Schedule(epochs=1, batch=4, learning_rate=1e-2, evaluate_every=500)
    lora = Lora(rank=2, alpha=4, layers=1)  # of the upper layer alone
    config = teacher_config(model, schedule=schedule, lora=lora, contrastive=1.0)
    config = replace(config, options=replace(config.options, attention=attention))
    teachers.run(config, out=folder)
    trained = resolve(str(folder), attention=attention)
    pair = [[*pairs[0][0], *pairs[0][1]]]
    prompt = Prompt(trained, 48)
    before, after = (Teacher(reader, prompt).score(pair) for reader in (backbone, trained))
    assert abs(float(after - before)) > 1e-5
    return config


def _student_config(teacher: Path, config: TeacherConfig) -> StudentConfig:
    return StudentConfig(
        data=DATA,
        schedule=config.schedule,
        inner=16,
        candidates=2,
        rounds=1,
        options=replace(config.options, model=str(teacher)),
    )


@pytest.mark.e2e
def test_a_teacher_and_its_student_are_trained(model: Path, tmp_path: Path) -> None:
    config = _trained_teacher(model, tmp_path / "teacher")
    students.run(_student_config(tmp_path / "teacher", config), out=tmp_path / "student")
    assert (tmp_path / "student" / checkpoint.PREDICTOR).is_file()


@pytest.mark.e2e
@pytest.mark.parametrize("model", [EAGER], indirect=True)
def test_a_teacher_without_fused_attention_is_trained(model: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no fused attention .* --attention eager"):
        _trained_teacher(model, tmp_path / "teacher")
    config = _trained_teacher(model, tmp_path / "teacher", attention="eager")
    with pytest.raises(UsageError, match="caps its logits"):  # the fold would not be exact
        students.run(_student_config(tmp_path / "teacher", config), out=tmp_path / "student")
