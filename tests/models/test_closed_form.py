"""The closed form against two counters, and against the mask of the model itself.

The counters run each drawn configuration on ``meta``; its experts run there as transformers'
``batched_mm``, which multiplies every token by the k experts it is sent to and no other. The mask
is read off the attention weights that the same model computes: a masked pair has weight zero.
"""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM

from rabbench.measures import flops
from rabbench.models.backbone import resolve
from rabbench.models.closed_form import Experts, ModelShape
from rabbench.models.meta import trace_body, trace_suffix
from rabbench.types import UsageError

# Few examples of each family and no shrinking: a failing one is small, and takes half a second.
FEW_EXAMPLES = settings(
    deadline=None, max_examples=3, derandomize=True, database=None, phases=[Phase.generate]
)
Sizes = dict[str, st.SearchStrategy[Any]]

FFN: Sizes = {"intermediate_size": st.integers(1, 40)}
GROUPED: Sizes = FFN | {"num_key_value_heads": st.integers(1, 3)}
HEADED: Sizes = GROUPED | {"head_dim": st.sampled_from([4, 8, 12])}  # apart from the width
ALWAYS: Sizes = {"sliding_window": st.integers(1, 12)}
MAYBE: Sizes = {"sliding_window": st.none() | st.integers(1, 12)}
SOME_LAYERS: Sizes = ALWAYS | {
    "use_sliding_window": st.booleans(),
    "max_window_layers": st.integers(0, 3),
}
EXPERTS: Sizes = {
    "num_experts": st.integers(2, 6),
    "num_experts_per_tok": st.integers(1, 2),
    "moe_intermediate_size": st.integers(1, 20),
    "decoder_sparse_step": st.integers(1, 2),
    "mlp_only_layers": st.sampled_from([[], [0]]),
}
FAMILIES: dict[str, Sizes] = {
    "llama": HEADED,
    "qwen2": GROUPED | SOME_LAYERS,
    "qwen3": HEADED | SOME_LAYERS,
    "mistral": HEADED | MAYBE,
    "gemma": HEADED,
    "gemma2": HEADED | ALWAYS,
    "gemma3_text": HEADED | ALWAYS | {"sliding_window_pattern": st.integers(1, 3)},
    "phi": GROUPED,
    "phi3": GROUPED | MAYBE,
    "starcoder2": GROUPED | MAYBE,
    "gpt_neox": FFN,
    "gpt2": {"n_inner": st.none() | st.integers(1, 40)},
    "bert": FFN,
    "roberta": FFN,
    "mixtral": HEADED
    | MAYBE
    | {"num_local_experts": st.integers(2, 6), "num_experts_per_tok": st.integers(1, 2)},
    "qwen2_moe": GROUPED
    | SOME_LAYERS
    | EXPERTS
    | {"shared_expert_intermediate_size": st.integers(1, 40)},
    "qwen3_moe": HEADED | SOME_LAYERS | EXPERTS,
}


@st.composite
def configs(draw: st.DrawFn, family: str) -> Any:
    """A small configuration of the family."""
    sizes = {name: draw(strategy) for name, strategy in FAMILIES[family].items()}
    heads = draw(st.integers(1, 3)) * sizes.get("num_key_value_heads", 1)
    width = heads * draw(st.sampled_from([4, 8, 12]))
    return AutoConfig.for_model(
        family,
        **sizes,
        hidden_size=width,
        num_attention_heads=heads,
        num_hidden_layers=draw(st.integers(1, 3)),
        vocab_size=draw(st.integers(4, 40)),
        tie_word_embeddings=draw(st.booleans()),
        **{f"{name}_token_id": 0 for name in ("pad", "bos", "eos")},
    )


def _build(config: Any, device: str) -> Any:
    encoder = not ModelShape.from_config(config).masked
    kind = AutoModel if encoder else AutoModelForCausalLM
    with torch.device(device):
        model = kind.from_config(
            config, attn_implementation="eager", experts_implementation="batched_mm"
        )
    return model.eval().requires_grad_(False)


def _traced(model: Any, shape: ModelShape, tokens: int, prefix: int) -> tuple[Any, int]:
    """A forward to count, and what the closed form says of it."""
    if not shape.masked:
        pooler = 2 * shape.width**2
        return trace_body(model, [(1, tokens)], torch.nn.Identity()), shape.body(tokens) + pooler
    head, expected = model.get_output_embeddings(), shape.body(tokens, prefix=prefix) + shape.head()
    if not prefix:
        return trace_body(model.base_model, [(1, tokens)], head), expected
    backbone: Any = SimpleNamespace(meta_model=model, shape=shape)
    return trace_suffix(backbone, prefix, tokens, head), expected


@pytest.mark.e2e  # offline, but a quarter of a minute
@pytest.mark.parametrize("family", FAMILIES)
@given(data=st.data(), tokens=st.integers(1, 20), prefix=st.integers(0, 9))
@FEW_EXAMPLES
def test_drawn_shapes_agree_to_the_digit(
    family: str, data: st.DataObject, tokens: int, prefix: int
) -> None:
    config = data.draw(configs(family))
    shape, model = ModelShape.from_config(config), _build(config, "meta")
    traced, expected = _traced(model, shape, tokens, prefix)
    assert flops.count(*traced) == flops.Counts(torch=expected, fvcore=expected, uncounted=())


@pytest.mark.e2e  # offline, but a quarter of a minute
@pytest.mark.parametrize("family", FAMILIES)
@given(data=st.data(), tokens=st.integers(1, 20), prefix=st.integers(0, 9))
@FEW_EXAMPLES
def test_masked_pairs_are_those_the_model_gives_weight(
    family: str, data: st.DataObject, tokens: int, prefix: int
) -> None:
    config = data.draw(configs(family))
    torch.manual_seed(0)
    shape, model = ModelShape.from_config(config), _build(config, "cpu")
    prefix = prefix if shape.masked else 0  # an encoder continues nothing
    ids = torch.ones(1, prefix + tokens, dtype=torch.long)
    weights = model(input_ids=ids, output_attentions=True).attentions  # n of (1, h, P+L, P+L)
    pairs = [int((layer[0, 0, prefix:] > 0).sum()) for layer in weights]
    assert len(pairs) == shape.layers
    assert shape.pairs(tokens, "causal", prefix=prefix) == sum(pairs)


def test_published_expert_models_have_their_active_parameters() -> None:
    """Mixtral-8x7B has 12.9 billion active parameters, Qwen1.5-MoE-A2.7B 2.7 (their cards).

    Two FLOPs a parameter and token, the embedding left out and the head counted once.
    """
    mixtral = ModelShape.from_config(AutoConfig.for_model("mixtral"))
    assert mixtral.experts == Experts(count=8, active=2, ffn=14336)
    active = (mixtral.linear_flops + mixtral.head()) / 2 + mixtral.vocabulary * mixtral.width
    assert active == pytest.approx(12.9e9, rel=0.01)
    qwen = ModelShape.from_config(AutoConfig.for_model("qwen2_moe"))
    assert qwen.experts == Experts(count=60, active=4, ffn=1408, shared_ffn=5632)
    active = (qwen.linear_flops + qwen.head()) / 2 + qwen.vocabulary * qwen.width
    assert active == pytest.approx(2.7e9, rel=0.02)


def test_experts_sit_where_the_model_puts_them() -> None:
    config = AutoConfig.for_model(
        "qwen3_moe", num_hidden_layers=6, decoder_sparse_step=2, mlp_only_layers=[1]
    )
    assert ModelShape.from_config(config).expert_layers == 2  # the fourth and the sixth


def test_a_window_moves_the_crossover() -> None:
    """At L* the quadratic part of the masked pairs costs what everything linear does."""
    plain = ModelShape.from_config(AutoConfig.for_model("mistral", sliding_window=None))
    every = ModelShape.from_config(AutoConfig.for_model("mistral", sliding_window=4096))
    half = ModelShape.from_config(AutoConfig.for_model("gemma2"))
    assert (half.windowed_layers, half.layers) == (13, 26)
    assert every.crossover() == plain.crossover()
    assert plain.crossover("causal") == 2 * plain.crossover()
    assert every.crossover("causal") == math.inf
    far = [half.body(L, "causal") for L in (100_000, 200_000, 300_000)]
    quadratic = (far[2] - 2 * far[1] + far[0]) / 2 / 100_000**2
    linear = (far[1] - far[0]) / 100_000 - quadratic * 300_000
    assert half.crossover("causal") == pytest.approx(linear / quadratic, rel=1e-3)


def test_an_encoder_masks_nothing() -> None:
    shape = ModelShape.from_config(AutoConfig.for_model("bert"))
    assert shape.body(100, "causal") == shape.body(100)
    assert shape.crossover("causal") == shape.crossover()


def test_causal_pairs_and_a_cached_prefix() -> None:
    shape = resolve("smollm2-135m-shape").shape
    per_pair = 30 * 4 * 9 * 64
    assert shape.body(100) - shape.body(100, "causal") == per_pair * (100 * 100 - 100 * 101 // 2)
    whole, prefix = shape.body(100, "causal"), shape.body(80, "causal")
    # Causally, a suffix over a cached prefix costs what the prefix does not.
    assert shape.body(20, "causal", prefix=80) == whole - prefix
    with pytest.raises(UsageError, match="unknown pair convention 'sparse'"):
        shape.body(1, "sparse")


@pytest.mark.parametrize(
    ("preset", "crossover"),
    [("smollm2-135m-shape", 3072), ("qwen2-0.5b", 8320), ("qwen2-1.5b", 15232)],
)
def test_published_crossovers(preset: str, crossover: int) -> None:
    assert resolve(preset).shape.crossover() == pytest.approx(crossover)


def test_a_configuration_without_sizes_is_refused() -> None:
    class Odd:
        model_type = "odd"

    with pytest.raises(UsageError, match="no closed form for model type 'odd'"):
        ModelShape.from_config(Odd())
