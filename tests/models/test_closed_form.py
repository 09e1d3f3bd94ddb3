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
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM

from rabbench.measures import flops
from rabbench.models.backbone import resolve
from rabbench.models.closed_form import ENCODERS, Experts, ModelShape
from rabbench.models.meta import after_body, after_prefix
from rabbench.records import UsageError

Sizes = dict[str, st.SearchStrategy[Any]]

FFN: Sizes = {"intermediate_size": st.integers(1, 40)}
GROUPED: Sizes = FFN | {"num_key_value_heads": st.integers(1, 3)}
HEADED: Sizes = GROUPED | {"head_dim": st.sampled_from([4, 8, 12])}  # apart from the width
ALWAYS: Sizes = {"sliding_window": st.integers(1, 12)}
WINDOW: Sizes = {
    "sliding_window": st.none() | st.integers(1, 12),
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
    "qwen2": GROUPED | WINDOW,
    "qwen3": HEADED | WINDOW,
    "mistral": HEADED | {"sliding_window": WINDOW["sliding_window"]},
    "gemma": HEADED,
    "gemma2": HEADED | ALWAYS,
    "gemma3_text": HEADED | ALWAYS | {"sliding_window_pattern": st.integers(1, 3)},
    "phi": GROUPED,
    "phi3": GROUPED | {"sliding_window": WINDOW["sliding_window"]},
    "starcoder2": GROUPED | {"sliding_window": WINDOW["sliding_window"]},
    "gpt_neox": FFN,
    "gpt2": {"n_inner": st.none() | st.integers(1, 40)},
    "bert": FFN,
    "roberta": FFN,
    "mixtral": HEADED
    | {"num_local_experts": st.integers(2, 6), "num_experts_per_tok": st.integers(1, 2)},
    "qwen2_moe": GROUPED | WINDOW | EXPERTS | {"shared_expert_intermediate_size": st.integers(1, 40)},
    "qwen3_moe": HEADED | WINDOW | EXPERTS,
}


@st.composite
def configs(draw: st.DrawFn, family: str) -> Any:
    """A small configuration of the family."""
    given = {name: draw(sizes) for name, sizes in FAMILIES[family].items()}
    heads = draw(st.integers(1, 3)) * given.get("num_key_value_heads", 1)
    width = heads * draw(st.sampled_from([4, 8, 12]))
    return AutoConfig.for_model(
        family,
        **given,
        hidden_size=width,
        num_attention_heads=heads,
        num_hidden_layers=draw(st.integers(1, 3)),
        vocab_size=draw(st.integers(4, 40)),
        tie_word_embeddings=draw(st.booleans()),
        **{f"{name}_token_id": 0 for name in ("pad", "bos", "eos")},
    )


def _build(config: Any, device: str) -> Any:
    kind = AutoModel if config.model_type in ENCODERS else AutoModelForCausalLM
    with torch.device(device):
        model = kind.from_config(
            config, attn_implementation="eager", experts_implementation="batched_mm"
        )
    return model.eval().requires_grad_(False)


def _agree(closed_form: int, traced: Any) -> None:
    counts = flops.count(*traced)
    assert (counts.torch, counts.fvcore) == (closed_form, closed_form)
    assert not counts.unseen


@pytest.mark.parametrize("family", FAMILIES)
@given(data=st.data(), tokens=st.integers(1, 20), prefix=st.integers(1, 9))
@settings(deadline=None, max_examples=5, derandomize=True, database=None)
def test_drawn_shapes_agree_to_the_digit(
    family: str, data: st.DataObject, tokens: int, prefix: int
) -> None:
    config = data.draw(configs(family))
    shape, model = ModelShape.from_config(config), _build(config, "meta")
    if family in ENCODERS:
        pooler = 2 * shape.width**2
        _agree(shape.body(tokens) + pooler, after_body(model, [(1, tokens)], torch.nn.Identity()))
        return
    head = model.get_output_embeddings()
    body = model.base_model
    _agree(shape.body(tokens) + shape.head(), after_body(body, [(1, tokens)], head))
    backbone: Any = SimpleNamespace(meta_model=model, shape=shape)
    continued = shape.body(tokens, prefix=prefix) + shape.head()
    _agree(continued, after_prefix(backbone, prefix, tokens, head))


@pytest.mark.parametrize("family", FAMILIES)
@given(data=st.data(), tokens=st.integers(1, 20), prefix=st.integers(0, 9))
@settings(deadline=None, max_examples=5, derandomize=True, database=None)
def test_masked_pairs_are_those_the_model_gives_weight(
    family: str, data: st.DataObject, tokens: int, prefix: int
) -> None:
    config = data.draw(configs(family))
    torch.manual_seed(0)
    model = _build(config, "cpu")
    ids = torch.ones(1, prefix + tokens, dtype=torch.long)
    weights = model(input_ids=ids, output_attentions=True).attentions
    assert len(weights) == config.num_hidden_layers
    seen = sum(int((layer[0, 0, prefix:] > 0).sum()) for layer in weights)  # of a head
    if family in ENCODERS:
        prefix = 0
        seen = sum(int((layer[0, 0] > 0).sum()) for layer in weights)
        tokens = ids.shape[1]
    assert ModelShape.from_config(config).pairs(tokens, "causal", prefix=prefix) == seen
