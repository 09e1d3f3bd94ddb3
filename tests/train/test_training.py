"""Training on tiny models: it learns, and its folder is enough."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from rabbench import cli, quality
from rabbench.config.train import AblationConfig, Lora
from rabbench.models import checkpoint
from rabbench.models.backbone import resolve
from rabbench.models.student import Predictor
from rabbench.models.teacher import Prompt, Teacher
from rabbench.results import load_results
from rabbench.train import BiencoderConfig, Schedule, ablation, batches, biencoder, card, data
from rabbench.train import student as students
from rabbench.train import teacher as teachers
from rabbench.types import BadInputError, Options, UsageError
from tests.train.tiny_training import DATA, student_config, teacher_config


def _series(results: Any, name: str) -> list[float]:
    rows = sorted(
        (row for row in results.rows if row.measure == name), key=lambda row: row.params["step"]
    )
    return [row.value for row in rows]


def test_a_teacher_folder_holds_a_card_and_half_precision_weights(teacher_folder: Path) -> None:
    about = json.loads((teacher_folder / checkpoint.CARD).read_text())
    assert (about["kind"], about["data"]["dataset"]) == ("teacher", "train")
    kept, held = data.split(data.training_set(DATA)[1], DATA.held_out)
    assert about["data"]["n_queries"] == len(kept.queries) == 16 - len(held.queries) < 16
    assert "first_in_group" in about["final"]
    weights = load_file(teacher_folder / checkpoint.ADAPTER)
    assert {weight.dtype for weight in weights.values()} == {torch.float16}
    assert any(float(weight.abs().max()) > 0 for n, weight in weights.items() if "lora_B" in n)
    assert "rabbench quality" in (teacher_folder / "README.md").read_text()
    assert not (teacher_folder / "state").exists()
    settings = json.loads((teacher_folder / "adapter_config.json").read_text())
    assert settings["base_model_name_or_path"] == about["base"]


def test_the_adapter_changes_the_scores_and_the_prompt_comes_along(
    teacher_folder: Path, tiny_model: Path
) -> None:
    trained = resolve(str(teacher_folder))
    prompt = Prompt(trained, 48)
    assert prompt.texts == ("Document: ", "\nQuery: ", "\nRelevant:")
    pair = [prompt.document("gloves") + prompt.query("cold hands")]
    before = Teacher(resolve(str(tiny_model)), prompt).score(pair)
    assert abs(float(Teacher(trained, prompt).score(pair) - before)) > 1e-3


def test_a_pair_holds_the_latent_of_its_document_alone(tiny_model: Path) -> None:
    backbone = resolve(str(tiny_model))
    suite = data.training_set(DATA)[1]
    prompt = Prompt(backbone, 48)
    collate = teachers.Collate(prompt, suite)
    groups = data.groups(suite, per_query=2, rounds=1, seed=0)[:4]
    inputs = collate(groups)
    with torch.no_grad():
        hidden, z_d = batches.pair_states(backbone.model, inputs)
    doc_ids = [doc_id for group in groups for doc_id in (group.positive, *group.negatives)]
    alone = backbone.encode([prompt.document(suite.docs[doc_id]) for doc_id in doc_ids], batch=4)
    assert torch.allclose(z_d, alone.float(), atol=1e-5)
    whole = [
        [*collate.part("document", doc_id), *collate.part("query", group.query_id)]
        for group in groups
        for doc_id in (group.positive, *group.negatives)
    ]
    assert torch.allclose(hidden, backbone.encode(whole, batch=4), atol=1e-5)
    for row, group in enumerate(groups):
        barred = {doc_id for doc_id, no in zip(doc_ids, inputs["barred"][row], strict=True) if no}
        assert doc_ids[inputs["first"][row]] == group.positive
        assert barred <= set(data.relevant(suite, group.query_id))
        assert not inputs["barred"][row, inputs["first"][row]]


def test_negatives_bring_queries_of_their_own(tiny_model: Path) -> None:
    suite = data.training_set(replace(DATA, max_queries=None))[1]
    plain = data.groups(suite, per_query=3, rounds=1, seed=0)[:5]
    groups = data.groups(suite, per_query=3, rounds=1, seed=0, own=True)[:5]
    assert [replace(group, own=()) for group in groups] == plain  # the same draws beside them
    inputs = teachers.Collate(Prompt(resolve(str(tiny_model)), 48), suite)(groups)
    doc_ids = [doc_id for group in groups for doc_id in (group.positive, *group.negatives)]
    asked = [query_id for group in groups for query_id in (group.query_id, *group.own)]
    assert None not in asked  # every document of the built-in set has training queries
    assert len(inputs["first"]) == len(set(asked)) == len(inputs["query_input_ids"])
    for query_id, place, barred in zip(
        dict.fromkeys(asked), inputs["first"], inputs["barred"], strict=True
    ):
        right = data.relevant(suite, str(query_id))
        assert doc_ids[place] in right
        others = [doc_id in right and at != place for at, doc_id in enumerate(doc_ids)]
        assert barred.tolist() == others
    sparse = replace(suite, queries=dict(list(suite.queries.items())[:3]))
    own = data.groups(sparse, per_query=3, rounds=1, seed=0, own=True)[0].own
    assert None in own  # a document that nobody asks for


@pytest.mark.e2e
def test_mixed_precision_reaches_the_layers(tiny_model: Path, tmp_path: Path) -> None:
    config = teacher_config(tiny_model, contrastive=1.0)
    schedule = replace(config.schedule, precision="bf16", max_steps=2)
    kinds: set[torch.dtype] = set()

    def hook(module: Any, _: Any, output: Any) -> None:
        if isinstance(module, torch.nn.Linear) and torch.is_grad_enabled():
            kinds.add(output.dtype)

    handle = torch.nn.modules.module.register_module_forward_hook(hook)
    try:
        results = teachers.run(replace(config, schedule=schedule), out=tmp_path)
    finally:
        handle.remove()
    assert kinds == {torch.bfloat16}
    assert all(loss == loss for loss in _series(results, "loss"))


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
    losses = _series(teachers.run(config, out=tmp_path), "loss_contrastive")
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
    losses = _series(teachers.run(config, out=tmp_path), "loss")
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
    ours = load_file(tmp_path / "parts" / checkpoint.ADAPTER)
    for name, weight in load_file(tmp_path / "whole" / checkpoint.ADAPTER).items():
        assert float((weight - ours[name]).abs().max()) < 2e-3, name


def test_a_student_comes_closer_to_its_teacher_and_is_watched(
    student_folder: Path, teacher_folder: Path, tmp_path: Path
) -> None:
    untaught = students.run(student_config(teacher_folder, start="state"), out=tmp_path)
    far = _series(untaught, "loss_mse")
    assert far[-1] < 0.9 * far[0]
    results = load_results(student_folder)
    energy = _series(results, "loss_mse")
    assert energy[0] < 0.9 * far[0]  # solved for from the teacher's answers, before any step
    assert energy[-1] < 0.9 * far[0]
    for name in ("r2_within", "effective_rank", "tau", "gradient_share_reverse_kl"):
        assert _series(results, name), name
    assert _series(results, "held_out_mrr")
    about = json.loads((student_folder / checkpoint.CARD).read_text())
    assert about["teacher"]["kind"] == "teacher"
    queries = about["data"]["n_queries"]
    # A positive and up to two draws in each of two rounds, none twice.
    assert 3 * queries <= about["pairs_asked"] <= (1 + 2 * 2 + 1) * queries


@pytest.mark.e2e  # long
def test_rabtriever_ranks_with_the_trained_predictor(
    student_folder: Path, teacher_folder: Path, tmp_path: Path
) -> None:
    def ranked(model: Path) -> Any:
        options = Options(model=str(model), max_doc_len=48, batch=8, depth=200)
        config = quality.QualityConfig(
            suite="demo", systems=("rabtriever",), max_queries=3, metrics=("mrr",), options=options
        )
        (row,) = quality.run(config).rows
        return row

    trained, untrained = ranked(student_folder), ranked(teacher_folder)
    assert (trained.params["trained"], untrained.params["trained"]) == (True, False)
    copied = tmp_path / "student"
    shutil.copytree(student_folder, copied)
    card.add_scores(copied, replace(load_results(student_folder), rows=(trained,)))
    assert (
        f"| rabtriever | test | mrr | {trained.value:.4f} | 3 |"
        in (copied / "README.md").read_text()
    )
    predictor = Predictor.read(student_folder / checkpoint.PREDICTOR)
    assert predictor.query.weight.shape[0] == 16


def test_controls_change_what_they_say(teacher_folder: Path, tmp_path: Path) -> None:
    blind = students.run(
        student_config(teacher_folder, latent=False, mse=0.0), out=tmp_path / "blind"
    )
    assert not _series(blind, "loss_mse")
    assert _series(blind, "loss_reverse_kl")
    # It sees no document in training, and none when it ranks.
    predictor = Predictor.read(tmp_path / "blind" / checkpoint.PREDICTOR)
    assert not predictor.document.weight.any()
    assert predictor.query.weight.any()
    with pytest.raises(UsageError, match="all losses have weight 0"):
        students.run(student_config(teacher_folder, mse=0, reverse_kl=0), out=tmp_path / "none")


@pytest.mark.e2e  # long
def test_an_ablation_is_a_table_over_seeds(teacher_folder: Path, tmp_path: Path) -> None:
    config = AblationConfig(
        student=student_config(teacher_folder, schedule=Schedule(epochs=1, batch=8)),
        variants=("no-mse",),
        seeds=2,
        max_test_queries=3,
    )
    results = ablation.run(config, out=tmp_path)
    found = {(row.params["variant"], row.params["seed"]) for row in results.rows}
    assert found == {("full", 0), ("full", 1), ("no-mse", 0), ("no-mse", 1)}
    listed = "unknown variant 'no-luck'; known: full, no-answers, no-keep"
    with pytest.raises(UsageError, match=listed):
        ablation.run(replace(config, variants=("no-luck",)), out=tmp_path / "other")


@pytest.mark.e2e  # long
def test_a_biencoder_is_trained_and_read_by_its_system(tiny_model: Path, tmp_path: Path) -> None:
    config = BiencoderConfig(
        data=replace(DATA, per_query=1),
        schedule=Schedule(epochs=8, batch=8, learning_rate=2e-2, log_every=2, evaluate_every=500),
        lora=Lora(rank=4, alpha=8),
        options=Options(model=str(tiny_model), max_doc_len=48),
    )
    losses = _series(biencoder.run(config, out=tmp_path), "loss")
    assert losses[-1] < losses[0]
    options = Options(model=str(tmp_path), max_doc_len=48, batch=8)
    ranking = quality.QualityConfig(
        suite="demo", systems=("llm-biencoder",), max_queries=3, metrics=("mrr",), options=options
    )
    (row,) = quality.run(ranking).rows
    assert row.params["trained"] is True


@pytest.mark.e2e  # long
def test_all_weights_can_be_trained(tiny_model: Path, tmp_path: Path) -> None:
    schedule = Schedule(epochs=1, batch=4, learning_rate=1e-3)
    config = teacher_config(tiny_model, lora=Lora(rank=0), schedule=schedule)
    teachers.run(config, out=tmp_path)
    about = json.loads((tmp_path / checkpoint.CARD).read_text())
    assert about["base"] == "."
    assert resolve(str(tmp_path)).model.config.hidden_size == 32


def test_a_damaged_card_is_refused(tmp_path: Path) -> None:
    (tmp_path / checkpoint.CARD).write_text('{"schema": 1}')
    with pytest.raises(BadInputError, match="is no checkpoint card"):
        checkpoint.find(str(tmp_path))
    (tmp_path / checkpoint.CARD).write_text('{"schema": 9}')
    with pytest.raises(BadInputError, match="has schema 9, this rabbench reads 1"):
        checkpoint.find(str(tmp_path))


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
