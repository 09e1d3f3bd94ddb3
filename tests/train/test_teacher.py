"""Training a tiny teacher: it learns, it reads documents apart, and its folder is enough."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from rabbench import cli
from rabbench.config.train import Lora, Schedule
from rabbench.models import checkpoint
from rabbench.models.backbone import resolve
from rabbench.models.teacher import Prompt, Teacher
from rabbench.train import batches, data
from rabbench.train import teacher as teachers
from tests.train.tiny_training import DATA, logged_values, teacher_config


def test_the_adapter_changes_the_scores_and_the_prompt_comes_along(
    teacher_folder: Path, tiny_model: Path
) -> None:
    trained = resolve(str(teacher_folder))
    prompt = Prompt(trained, 48)
    assert prompt.texts == ("Document: ", "\nQuery: ", "\nRelevant:")
    pair = [prompt.document("gloves") + prompt.query("cold hands")]
    before = Teacher(resolve(str(tiny_model)), prompt).score(pair)
    assert abs(float(Teacher(trained, prompt).score(pair) - before)) > 1e-3


def _doc_ids(groups: list[data.TrainingGroup]) -> list[str]:
    """The documents of a batch, in the order of its pairs."""
    return [doc_id for group in groups for doc_id in (group.positive, *group.negatives)]


def test_a_pair_holds_the_latent_of_its_document_alone(tiny_model: Path) -> None:
    backbone = resolve(str(tiny_model))
    suite = data.load_split(DATA).suite
    prompt = Prompt(backbone, 48)
    collate = teachers.PairCollator(prompt, suite)
    groups = data.sample_groups(suite, per_query=2, visits=1, seed=0)[:4]
    inputs = collate(groups)
    with torch.no_grad():
        hidden, z_d = batches.pair_states(backbone.model, inputs)
    doc_ids = _doc_ids(groups)
    alone = backbone.encode([prompt.document(suite.docs[doc_id]) for doc_id in doc_ids], batch=4)
    assert torch.allclose(z_d, alone.float(), atol=1e-5)
    whole = [
        [*collate.part("document", doc_id), *collate.part("query", group.query_id)]
        for group in groups
        for doc_id in (group.positive, *group.negatives)
    ]
    assert torch.allclose(hidden, backbone.encode(whole, batch=4), atol=1e-5)
    assert len(inputs["barred"]) == len(groups) == 4
    for group, positive, row in zip(groups, inputs["positives"], inputs["barred"], strict=True):
        assert doc_ids[positive] == group.positive
        barred = {doc_id for doc_id, no_negative in zip(doc_ids, row, strict=True) if no_negative}
        assert barred <= set(data.relevant(suite, group.query_id))
        assert not row[positive]


def test_negatives_bring_queries_of_their_own(tiny_model: Path) -> None:
    suite = data.load_split(replace(DATA, max_queries=None)).suite
    plain = data.sample_groups(suite, per_query=3, visits=1, seed=0)[:5]
    groups = data.sample_groups(suite, per_query=3, visits=1, seed=0, negative_queries=True)[:5]
    assert [replace(group, negative_queries=()) for group in groups] == plain  # the same draws
    inputs = teachers.PairCollator(Prompt(resolve(str(tiny_model)), 48), suite)(groups)
    doc_ids = _doc_ids(groups)
    query_ids = [id_ for group in groups for id_ in (group.query_id, *group.negative_queries)]
    assert None not in query_ids  # every document of the built-in set has training queries
    unique_ids = list(dict.fromkeys(query_ids))
    assert len(unique_ids) == len(inputs["query_input_ids"]) > len(groups)
    for query_id, positive, barred in zip(
        unique_ids, inputs["positives"], inputs["barred"], strict=True
    ):
        relevant = data.relevant(suite, str(query_id))
        assert doc_ids[positive] in relevant
        assert barred.tolist() == [
            doc_id in relevant and i != positive for i, doc_id in enumerate(doc_ids)
        ]
    sparse = replace(suite, queries=dict(list(suite.queries.items())[:3]))
    group = data.sample_groups(sparse, per_query=3, visits=1, seed=0, negative_queries=True)[0]
    assert None in group.negative_queries  # a document that no query is for


@pytest.mark.e2e
def test_mixed_precision_reaches_the_layers(tiny_model: Path, tmp_path: Path) -> None:
    config = teacher_config(tiny_model, contrastive=1.0)
    schedule = replace(config.schedule, precision="bf16", max_steps=2)
    dtypes: set[torch.dtype] = set()

    def hook(module: Any, _: Any, output: Any) -> None:
        if isinstance(module, torch.nn.Linear) and torch.is_grad_enabled():
            dtypes.add(output.dtype)

    handle = torch.nn.modules.module.register_module_forward_hook(hook)
    try:
        results = teachers.run(replace(config, schedule=schedule), out=tmp_path)
    finally:
        handle.remove()
    assert dtypes == {torch.bfloat16}
    losses = logged_values(results, "loss")
    assert losses
    assert all(loss == loss for loss in losses)


@pytest.mark.e2e
def test_the_contrastive_part_teaches_what_the_student_will_read(
    tiny_model: Path, tmp_path: Path
) -> None:
    config = teacher_config(
        tiny_model,
        data=replace(DATA, max_queries=6, held_out=0.0),
        schedule=Schedule(epochs=12, batch=6, learning_rate=5e-3, log_every=1, evaluate_every=500),
        lora=Lora(rank=16, alpha=32),
        contrastive=1.0,
    )
    losses = logged_values(teachers.run(config, out=tmp_path), "loss_contrastive")
    assert sum(losses[-3:]) < 0.9 * sum(losses[:3])


@pytest.mark.e2e  # long
@pytest.mark.parametrize(
    ("objective", "epochs", "share"),
    [
        ("listwise", 20, 0.9),
        ("dpo", 40, 0.9),  # knowing the share of relevant pairs alone gives 0.92
        ("sft", 10, 0.96),
    ],
)
def test_a_teacher_learns_what_it_is_shown(
    tiny_model: Path, tmp_path: Path, objective: str, epochs: int, share: float
) -> None:
    config = teacher_config(
        tiny_model,
        objective=objective,
        data=replace(DATA, max_queries=6, held_out=0.0),
        schedule=Schedule(
            epochs=epochs, batch=6, learning_rate=5e-3, log_every=2, evaluate_every=500
        ),
        lora=Lora(rank=16, alpha=32),
        beta=1.0,
    )
    losses = logged_values(teachers.run(config, out=tmp_path), "loss")
    assert min(losses[-3:]) < share * losses[0]


@pytest.mark.e2e
def test_accumulated_steps_are_one_larger_step(tiny_model: Path, tmp_path: Path) -> None:
    data_ = replace(DATA, max_queries=11)  # eight to learn from
    whole = teacher_config(tiny_model, data=data_)
    parts = replace(whole, schedule=replace(whole.schedule, batch=2, accumulation=2))
    for config, name in ((whole, "whole"), (parts, "parts")):
        teachers.run(config, out=tmp_path / name)
    about = json.loads((tmp_path / "whole" / checkpoint.CARD).read_text())
    assert about["data"]["n_queries"] == 8
    expected = load_file(tmp_path / "whole" / checkpoint.ADAPTER)
    weights = load_file(tmp_path / "parts" / checkpoint.ADAPTER)
    assert weights.keys() == expected.keys() != set()
    for name, weight in expected.items():
        assert float((weight - weights[name]).abs().max()) < 2e-3, name


@pytest.mark.e2e  # long
def test_all_weights_can_be_trained(tiny_model: Path, tmp_path: Path) -> None:
    schedule = Schedule(epochs=1, batch=4, learning_rate=1e-3)
    config = teacher_config(tiny_model, lora=Lora(rank=0), schedule=schedule)
    teachers.run(config, out=tmp_path)
    about = json.loads((tmp_path / checkpoint.CARD).read_text())
    assert about["base"] == "."
    assert resolve(str(tmp_path)).model.config.hidden_size == 32


def test_the_command_line_trains_and_reports(
    tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "teacher"
    command = [
        "train", "teacher", "--suite", "demo", "--max-queries", "8", "--per-query", "1",
        "--epochs", "1", "--batch", "4", "--max-doc-tokens", "32", "--model", str(tiny_model),
        "--device", "cpu", "--quiet", "--out", str(out),
    ]  # fmt: skip
    assert cli.main(command) == 0
    assert "Training of a teacher" in (out / "report.md").read_text()
    assert str(out / "report.html") in capsys.readouterr().out
