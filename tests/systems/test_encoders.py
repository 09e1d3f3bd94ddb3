"""Sparse, late-interaction and cross-encoder systems: cost, scores, and what is said of them."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from rabbench import registry
from rabbench.cli.configs import configure
from rabbench.cli.parser import build_parser
from rabbench.config.options import Options
from rabbench.config.quality import QualityConfig
from rabbench.measures import flops
from rabbench.scaling import sweep as scaling
from rabbench.types import MissingError, Settings, Shape, System, UsageError

ENCODERS = ("dense", "sparse", "late-interaction", "cross-encoder")
DOCS = {f"d{i}": "bama bebibo budi " * i + "damedi" for i in range(1, 7)}
QUERY = {"q": "bebibo damedi"}


def build(name: str, options: Options) -> System:
    system: System = registry.load("systems", name).build(options)
    system.index(DOCS)
    return system


def searched(system: System) -> None:
    system.index(DOCS)
    system.search(QUERY, 2)


@pytest.mark.parametrize("name", ENCODERS)
def test_three_counts_agree_to_the_digit(options: Options, name: str) -> None:
    config = scaling.ScalingConfig(
        max_doc_len=90, min_doc_len=12, points=2, query_len=7, systems=(name,), options=options
    )
    rows = list(flops.measure(scaling.plan(config), Settings()))
    ok_rows = [row for row in rows if row.status == "ok"]
    for row in ok_rows:
        assert row.params["torch"] == row.params["closed_form"] == row.params["fvcore"], row
    missing = {(row.system, row.phase) for row in rows if row.status != "ok"}
    assert missing == ({("sparse", "score")} if name == "sparse" else set())
    system = registry.load("systems", name).build(options)
    assert len(ok_rows) == 2 * len(set(system.phases) - {phase for _, phase in missing})


@pytest.mark.parametrize("name", ["sparse", "late-interaction", "cross-encoder"])
def test_an_untrained_head_says_so_and_is_the_same_each_time(options: Options, name: str) -> None:
    system = build(name, options)
    assert system.params["trained"] is False
    assert system.params["model"] == options.dense_model
    run = system.search(QUERY, 9)
    assert len(run["q"]) == len(DOCS)
    assert build(name, options).search(QUERY, 9) == run
    assert build(name, replace(options, seed=1)).search(QUERY, 9) != run


@pytest.mark.parametrize("name", ["dense", "sparse", "late-interaction"])
def test_reranking_scores_as_searching_does(options: Options, name: str) -> None:
    whole = build(name, options).search(QUERY, 9)["q"]
    reranker = build(f"bm25%3>>{name}", options)
    run = reranker.search(QUERY, 9)["q"]
    assert len(run) == 3
    assert run == pytest.approx({doc_id: whole[doc_id] for doc_id in run}, rel=1e-5)
    assert reranker.notes["documents_read"] == 3  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ENCODERS)
def test_what_the_model_cannot_read_is_counted(options: Options, name: str) -> None:
    system = registry.load("systems", name).build(options)
    docs = {"short": "bama", "long": "damedi " * 400}
    system.index(docs)
    system.search(QUERY, 2)
    assert system.notes["documents_read"] == 2
    assert system.notes["documents_cut"] == 1
    tokenizer = system.scorer.loader.tokenizer if name == "cross-encoder" else (
        system.encoder.loader.tokenizer)  # fmt: skip
    total = sum(map(len, tokenizer(list(docs.values()), add_special_tokens=False).input_ids))
    assert system.notes["tokens_read"] + system.notes["tokens_cut"] == total
    assert system.notes["tokens_cut"] > 200


def saved(name: str, options: Options, folder: Path) -> Options:
    """Options that name the untrained model, saved, as a trained one would be."""
    system = registry.load("systems", name).build(options)
    encoder = system.scorer if name == "cross-encoder" else system.encoder
    encoder.model.save_pretrained(str(folder))
    return replace(options, **{f"{name.replace('-', '_')}_model": str(folder)})


@pytest.mark.parametrize("name", ["sparse", "late-interaction", "cross-encoder"])
def test_a_folder_is_a_trained_model(options: Options, tmp_path: Path, name: str) -> None:
    trained = saved(name, options, tmp_path)
    system = build(name, trained)
    assert "trained" not in system.params
    assert system.params["model"] == str(tmp_path)
    expected = build(name, options).search(QUERY, 9)["q"]
    assert system.search(QUERY, 9)["q"] == pytest.approx(expected, abs=1e-5)
    config = scaling.ScalingConfig(
        max_doc_len=200, min_doc_len=12, points=2, query_len=7, systems=(name,), options=trained
    )
    rows = list(flops.measure(scaling.plan(config), Settings()))
    counted_rows = [row for row in rows if (row.system, row.phase) != ("sparse", "score")]
    assert counted_rows
    for row in counted_rows:
        assert row.status == "ok", row.params
        assert row.params["agreement"] == 0


def test_colberts_markers_and_mask_tokens_are_counted(options: Options, tmp_path: Path) -> None:
    """A short query is padded to 32 tokens, which are scored too; a prompt is one more token."""
    trained = saved("late-interaction", options, tmp_path)
    path = tmp_path / "sentence_bert_config.json"
    expansion = {"strategy": "fixed", "attend": False, "length": 32}
    settings = {**json.loads(path.read_text()), "query_expansion": expansion, "document_length": 24}
    path.write_text(json.dumps(settings))
    path = tmp_path / "config_sentence_transformers.json"
    prompts = {"query": "dalabo ", "document": "fematu "}
    path.write_text(json.dumps({**json.loads(path.read_text()), "prompts": prompts}))
    system = build("late-interaction", trained)
    encoder = system.encoder  # type: ignore[attr-defined]
    assert encoder.queries(["bebibo"])[0].shape == (32, 128)
    shape = Shape(doc_len=50, query_len=5)
    index, query, score = system.workloads(shape)
    for workload, tokens in ((index, 24), (query, 32)):
        workload.prepare()
        assert workload.run().shape == (1, tokens, 128)  # type: ignore[attr-defined]
    prompt_tokens = len(encoder.loader.tokenizer("fematu", add_special_tokens=False).input_ids)
    assert index.params["tokens_read"] == 24 - 2 - prompt_tokens
    assert score.closed_form is not None
    assert score.closed_form("dense") == 2 * 128 * 32 * 24
    long = {"long": "bama " * 60}
    assert encoder.documents(list(long.values()))["lengths"].tolist() == [24]
    assert encoder.read(list(long.values()))["tokens_read"] == 24 - 2 - prompt_tokens


def test_late_interaction_is_maxsim_over_every_token(options: Options) -> None:
    system = build("late-interaction", options)
    encoder = system.encoder  # type: ignore[attr-defined]
    (query,) = encoder.model.encode_query(list(QUERY.values()))
    run = system.search(QUERY, 9)["q"]
    for doc_id, document in zip(
        DOCS, encoder.model.encode_document(list(DOCS.values())), strict=True
    ):
        products = query @ document.T  # (Lq, Ld)
        assert run[doc_id] == pytest.approx(float(products.max(1).values.sum()), abs=1e-5)
        assert torch.allclose(document.norm(dim=1), torch.ones(len(document)), atol=1e-5)
    index, _, score = system.workloads(Shape(doc_len=20, query_len=5, batch=3))
    assert index.index_bytes is not None
    assert index.index_bytes() == 4 * 128 * (20 + 2)
    index.prepare()
    assert index.run().shape == (1, 22, 128)  # type: ignore[attr-defined]
    score.prepare()
    assert score.run().shape == (3,)  # type: ignore[attr-defined]
    assert system.notes["entries_per_document"] > 3  # type: ignore[attr-defined]


def test_sparse_weights_are_few_and_positive(options: Options) -> None:
    system = build("sparse", options)
    block = system.encoder.documents(list(DOCS.values()))  # type: ignore[attr-defined]
    assert block["lengths"].tolist() == [256] * len(DOCS)
    assert bool((block["weights"] > 0).all())
    index, query, score = system.workloads(Shape(doc_len=20, query_len=5, n_docs=3))
    assert index.index_bytes is not None
    assert index.index_bytes() == 8 * 256
    query.prepare()
    assert int(torch.count_nonzero(query.run())) == 256  # type: ignore[call-overload]
    score.prepare()
    assert score.run().shape == (1, 3)  # type: ignore[attr-defined]


def test_a_cross_encoder_scores_without_a_sigmoid(options: Options) -> None:
    system = build("cross-encoder", options)
    pairs = [(QUERY["q"], text) for text in DOCS.values()]
    logits = system.scorer.model.predict(  # type: ignore[attr-defined]
        pairs, activation_fn=torch.nn.Identity()
    )
    run = system.search(QUERY, 9)["q"]
    expected = dict(zip(DOCS, map(float, logits), strict=True))
    assert run == pytest.approx(expected, abs=1e-5)
    assert max(abs(score) for score in expected.values()) < 0.4  # whose sigmoid is near 0.5


@pytest.mark.parametrize(
    ("name", "field", "hub"),
    [
        ("sparse", "sparse_model", "naver/splade-cocondenser-ensembledistil"),
        ("cross-encoder", "cross_encoder_model", "cross-encoder/ms-marco-MiniLM-L6-v2"),
        ("late-interaction", "late_interaction_model", "colbert-ir/colbertv2.0"),
    ],
)
def test_weights_that_are_not_here_are_missing(
    options: Options, name: str, field: str, hub: str
) -> None:
    assert os.environ["HF_HUB_OFFLINE"] == "1"
    assert getattr(Options(), field) == hub
    system = registry.load("systems", name).build(replace(options, **{field: hub}))
    message = (
        rf"{name} model '{hub}' is not available \(.*run once with a network, or give --{name}"
    )
    with pytest.raises(MissingError, match=message + "-model a folder, or 'untrained'") as caught:
        list(system.workloads(Shape(doc_len=8, query_len=4)))
    assert caught.value.exit_code == 3
    with pytest.raises(MissingError):
        searched(system)
    with pytest.raises(UsageError, match=rf"unknown {name} model 'x'; known: all-minilm-l6-v2, u"):
        registry.load("systems", name).build(replace(options, **{field: "x"}))


def test_the_command_line_names_the_models() -> None:
    typed = ["quality", "--suite", "demo", "--sparse-model", "untrained", "--device", "cpu"]
    options = configure(QualityConfig, build_parser().parse_args(typed)).options
    assert options.sparse_model == "untrained"
    assert options.cross_encoder_model == Options().cross_encoder_model


def test_a_model_with_several_numbers_a_pair_is_refused(options: Options, tmp_path: Path) -> None:
    from sentence_transformers import CrossEncoder

    CrossEncoder(options.dense_model, num_labels=3).save_pretrained(str(tmp_path))
    system = registry.load("systems", "cross-encoder").build(
        replace(options, cross_encoder_model=str(tmp_path))
    )
    system.index(DOCS)
    with pytest.raises(UsageError, match=r"gives 3 numbers for a pair, and a ranking needs one"):
        system.search(QUERY, 2)
