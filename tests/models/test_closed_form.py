"""The closed form against two counters and against the model's own mask, for drawn configurations.

The counters run each drawn model on ``meta``; a layer of experts runs there with transformers'
``batched_mm`` experts, which multiply each token by its k experts and no other. The mask is read
off attention weights that the same model computes on the CPU: a masked pair has weight zero.
"""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM

from rabbench.measures import flops
from rabbench.models.backbone import resolve
from rabbench.models.closed_form import Experts, ModelShape
from rabbench.models.meta import after_body, after_prefix
from rabbench.records import UsageError

# What each family's configuration can vary beside the sizes all have: grouped keys and values, a
# head size apart from the width, a window, and its kinds of experts.
GROUPED, HEAD, WINDOW = "num_key_value_heads", "head_dim", "sliding_window"
FAMILIES: dict[str, tuple[str, ...]] = {
    "llama": (GROUPED, HEAD),
    "qwen2": (GROUPED, WINDOW),
    "qwen3": (GROUPED, HEAD, WINDOW),
    "mistral": (GROUPED, HEAD, WINDOW),
    "gemma": (GROUPED, HEAD),
    "gemma2": (GROUPED, HEAD, WINDOW),
    "gemma3_text": (GROUPED, HEAD, WINDOW),
    "phi": (GROUPED,),
    "phi3": (GROUPED, WINDOW),
    "starcoder2": (GROUPED, WINDOW),
    "gpt_neox": (),
    "gpt2": (),
    "bert": (),
    "roberta": (),
    "mixtral": (GROUPED, HEAD, WINDOW, "num_local_experts"),
    "qwen2_moe": (GROUPED, WINDOW, "num_experts", "shared_expert_intermediate_size"),
    "qwen3_moe": (GROUPED, HEAD, WINDOW, "num_experts"),
}
ENCODERS = ("bert", "roberta")
VOCABULARY = 40


@st.composite
def configs(draw: st.DrawFn, family: str) -> Any:
    """A small configuration of the family."""
    varies = FAMILIES[family]
    groups, head_dim = draw(st.integers(1, 3)), draw(st.sampled_from([4, 8, 12]))
    heads = groups * (draw(st.integers(1, 3)) if GROUPED in varies else 1)
    layers, ffn = draw(st.integers(1, 3)), draw(st.integers(1, 40))
    given: dict[str, Any] = {
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "hidden_size": draw(st.integers(2, 9)) * 4 if HEAD in varies else heads * head_dim,
        "n_inner" if family == "gpt2" else "intermediate_size": ffn,
        "vocab_size": draw(st.integers(4, VOCABULARY)),
        "tie_word_embeddings": draw(st.booleans()),
        **{f"{name}_token_id": 0 for name in ("pad", "bos", "eos")},
    }
    if family == "gpt2" and draw(st.booleans()):
        del given["n_inner"]  # then four times the width
    given |= {GROUPED: groups} if GROUPED in varies else {}
    given |= {HEAD: head_dim} if HEAD in varies else {}
    if WINDOW in varies:
        given[WINDOW] = draw(st.none() | st.integers(1, 12))
        given["use_sliding_window"] = given[WINDOW] is not None
        given["max_window_layers"] = draw(st.integers(0, layers))
        if family.startswith("gemma"):
            given[WINDOW] = given[WINDOW] or 4096  # never without one
    for name in varies[3:] if family != "qwen2_moe" else varies[2:]:
        given[name] = draw(st.integers(2, 6))
    if "num_experts" in varies:
        given["moe_intermediate_size"] = draw(st.integers(1, 20))
        given["decoder_sparse_step"] = draw(st.integers(1, 2))
        given["mlp_only_layers"] = draw(st.sampled_from([[], [0]]))
    if "moe" in family or family == "mixtral":
        given["num_experts_per_tok"] = draw(st.integers(1, 2))
    return AutoConfig.for_model(family, **given)
