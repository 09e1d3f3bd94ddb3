"""The bi-encoder: its prompts, and the published presets on tiny models in their place."""

from __future__ import annotations

import json
import shutil
import warnings
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.nn.functional import normalize

from rabbench import registry
from rabbench.config.options import Options
from rabbench.measures import flops
from rabbench.models import catalog
from rabbench.models.catalog import BI_ENCODERS, BiEncoder
from rabbench.scaling import sweep as scaling
from rabbench.systems import _published
from rabbench.types import MissingError, Settings, Shape, System

DOCS = {"short": "dalabo", "longer": "dalabo fematu " * 9, "empty": ""}
PRESET = BiEncoder(
    hub="", query=("query: ", "</s>"), document=("passage: ", "</s>"), pooled=1, max_tokens=40,
    parameters=10_000, licence="none", source="made up",
)  # fmt: skip


def prompted(options: Options, folder: Path, prompts: dict[str, str]) -> Options:
    shutil.copytree(options.dense_model, folder, dirs_exist_ok=True)
    path = folder / "config_sentence_transformers.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "prompts": prompts}))
    return replace(options, dense_model=str(folder))


def test_prompts_of_the_model_are_used_and_counted(options: Options, tmp_path: Path) -> None:
    text = "dalabo fematu"
    prompts = {"query": "fematu fematu ", "passage": "dalabo "}
    system = registry.load("systems", "dense").build(prompted(options, tmp_path / "a", prompts))
    plain = registry.load("systems", "dense").build(options)
    for kind, prompt in (("query", prompts["query"]), ("document", prompts["passage"])):
        vectors = [
            encoder._encode([words], kind)
            for encoder, words in (
                (system.encoder, text),
                (plain.encoder, prompt + text),
                (plain.encoder, text),
            )
        ]
        assert torch.allclose(vectors[0], vectors[1], atol=1e-6)
        assert not torch.allclose(vectors[0], vectors[2], atol=1e-3)
    shape = Shape(doc_len=10, query_len=5)
    longer = list(system.workloads(shape))
    for workload, plain_workload, prompt in zip(
        longer[:2], plain.workloads(shape), (prompts["passage"], prompts["query"]), strict=False
    ):
        more = len(system.encoder.loader.tokenizer(prompt, add_special_tokens=False).input_ids)
        assert more > 0
        ids, _ = workload.trace()[1]  # type: ignore[misc]
        assert ids.shape[1] == plain_workload.trace()[1][0].shape[1] + more  # type: ignore[misc]


def test_a_pickle_is_not_loaded(options: Options, tmp_path: Path) -> None:
    shutil.copytree(options.dense_model, tmp_path, dirs_exist_ok=True)
    weights = tmp_path / "model.safetensors"
    torch.save({}, tmp_path / "pytorch_model.bin")
    weights.unlink()
    system = registry.load("systems", "dense").build(replace(options, dense_model=str(tmp_path)))
    with pytest.raises(MissingError, match=r"a pickle is never loaded: convert it to safetensors"):
        system.index(DOCS)


@pytest.fixture
def preset(monkeypatch: pytest.MonkeyPatch, options: Options) -> BiEncoder:
    """A preset ``tiny`` on the tiny causal model."""
    tiny = replace(PRESET, hub=options.model)
    monkeypatch.setitem(catalog.BI_ENCODERS, "tiny", tiny)  # type: ignore[arg-type]
    return tiny


def build(options: Options) -> System:
    system: System = registry.load("systems", "dense").build(replace(options, dense_model="tiny"))
    return system


def by_hand(options: Options, ids: list[int], model: torch.nn.Module | None = None) -> torch.Tensor:
    """Final states of one sequence, (L, d)."""
    from transformers import AutoModel

    body = model or AutoModel.from_pretrained(options.model, dtype=torch.bfloat16).eval()
    with torch.inference_mode():
        states: torch.Tensor = body(input_ids=torch.tensor([ids])).last_hidden_state
    return states[0].float()


def ids_of(options: Options, text: str) -> list[int]:
    from transformers import AutoTokenizer

    return list(AutoTokenizer.from_pretrained(options.model)(text).input_ids)


@pytest.mark.parametrize("pooled", [1, 3])
def test_a_vector_is_the_mean_of_the_last_states_whatever_the_padding(
    monkeypatch: pytest.MonkeyPatch, options: Options, preset: BiEncoder, pooled: int
) -> None:
    monkeypatch.setitem(catalog.BI_ENCODERS, "tiny", replace(preset, pooled=pooled))  # type: ignore[arg-type]
    encoder = build(options).encoder  # type: ignore[attr-defined]
    vectors = encoder.documents(list(DOCS.values()))["vectors"]
    before, behind = ids_of(options, "passage: "), ids_of(options, "</s>")
    assert len(behind) == 1
    for vector, text in zip(vectors, DOCS.values(), strict=True):
        ids = [*before, *ids_of(options, text)[: 40 - len(before) - 1], *behind]
        expected = normalize(by_hand(options, ids)[-pooled:].mean(0), dim=0)
        assert torch.allclose(vector, expected, atol=0.02)  # bfloat16
    read = encoder.read(list(DOCS.values()))
    assert read["documents_cut"] == 1
    tokens = sum(len(ids_of(options, text)) for text in DOCS.values())
    assert read["tokens_read"] + read["tokens_cut"] == tokens


def test_a_bidirectional_model_sees_what_follows_and_leaves_its_prompt_out(
    monkeypatch: pytest.MonkeyPatch, options: Options, preset: BiEncoder
) -> None:
    bidirectional = replace(preset, pooled=0, bidirectional=True, query=("query: ", ""))
    monkeypatch.setitem(catalog.BI_ENCODERS, "tiny", bidirectional)  # type: ignore[arg-type]
    encoder = build(options).encoder  # type: ignore[attr-defined]
    ids, changed = ids_of(options, "dalabo fematu"), ids_of(options, "dalabo nikolo")
    first = [states[0] for states in encoder._states([ids, changed])]
    assert not torch.allclose(first[0], first[1], atol=1e-3)
    causal = by_hand(options, ids)[0], by_hand(options, changed)[0]
    assert torch.allclose(*causal)
    before = ids_of(options, "query: ")
    (states,) = encoder._states([[*before, *ids]])
    expected = normalize(states[len(before) :].mean(0), dim=0)
    assert torch.allclose(encoder.queries(["dalabo fematu"])[0], expected, atol=0.02)


def test_an_adapter_is_merged_into_its_base(
    monkeypatch: pytest.MonkeyPatch, options: Options, preset: BiEncoder, tmp_path: Path
) -> None:
    peft = pytest.importorskip("peft")
    from transformers import AutoModel

    torch.manual_seed(0)
    config = peft.LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
    base = AutoModel.from_pretrained(options.model, dtype=torch.bfloat16)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # peft's, of transformers' own names
        adapted = peft.get_peft_model(base, config).eval()
    adapted.save_pretrained(tmp_path)
    monkeypatch.setitem(
        catalog.BI_ENCODERS,  # type: ignore[arg-type]
        "tiny",
        replace(preset, hub=str(tmp_path), base=options.model),
    )
    (vector,) = build(options).encoder.queries(["dalabo"])  # type: ignore[attr-defined]
    ids = [*ids_of(options, "query: "), *ids_of(options, "dalabo"), *ids_of(options, "</s>")]
    expected = normalize(by_hand(options, ids, adapted)[-1], dim=0)
    assert torch.allclose(vector, expected, atol=0.03)
    plain = normalize(by_hand(options, ids)[-1], dim=0)
    assert not torch.allclose(vector, plain, atol=0.1)


def test_a_preset_searches_and_its_counts_agree(options: Options, preset: BiEncoder) -> None:
    system = build(options)
    system.index(DOCS)
    assert system.search({"q": "dalabo"}, 3)["q"].keys() == DOCS.keys()
    assert system.params["dtype"] == "bfloat16"
    config = scaling.ScalingConfig(
        max_doc_len=200, min_doc_len=12, points=2, query_len=7, systems=("dense",),
        options=replace(options, dense_model="tiny"),
    )  # fmt: skip
    rows = list(flops.measure(scaling.plan(config), Settings()))
    assert len(rows) == 2 * (2 * 2 + 1)
    for row in rows:
        assert row.status == "ok", row.params
    assert all(row.params["agreement"] == 0 for row in rows if row.params["pairs"] == "dense")


def test_too_little_memory_is_said_before_anything_is_loaded(
    monkeypatch: pytest.MonkeyPatch, options: Options
) -> None:
    monkeypatch.setattr(_published, "_free_bytes", lambda _: int(8e9))
    system = registry.load("systems", "dense").build(replace(options, dense_model="e5-mistral"))
    message = (
        r"'e5-mistral' is intfloat/e5-mistral-7b-instruct, licence: MIT; its 7\.1 billion "
        r"parameters need 15\.6 GB of memory in bfloat16; 8\.0 GB are free on cpu; take a larger"
    )
    with pytest.raises(MissingError, match=message) as caught:
        system.index(DOCS)
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("name", BI_ENCODERS)
def test_weights_that_are_not_here_are_named_with_their_licence(
    monkeypatch: pytest.MonkeyPatch, options: Options, name: str
) -> None:
    monkeypatch.setattr(_published, "_free_bytes", lambda _: int(1e12))
    system = registry.load("systems", "dense").build(replace(options, dense_model=name))
    preset = BI_ENCODERS[name]
    with pytest.raises(MissingError, match=r"not available \(.*run once with a network") as caught:
        system.index(DOCS)
    assert f"{name!r} is {preset.hub}" in str(caught.value)
    assert preset.licence in str(caught.value)
    assert (f"a LoRA adapter of {preset.base}" in str(caught.value)) == (preset.base is not None)


def test_an_adapter_without_peft_names_the_package(
    monkeypatch: pytest.MonkeyPatch, options: Options, preset: BiEncoder
) -> None:
    def absent(model: object, hub: str) -> None:
        raise ImportError("No module named 'peft'")

    monkeypatch.setattr(_published, "_with_adapter", absent)
    adapter = replace(preset, base=options.model)
    monkeypatch.setitem(catalog.BI_ENCODERS, "tiny", adapter)  # type: ignore[arg-type]
    system = build(options)
    with pytest.raises(MissingError, match=r"No module named 'peft'; pip install peft"):
        system.index(DOCS)
