"""The options of a system: its models, device, depth and limits. Knows no system by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rabbench.config.declaration import option

MODELS = (
    "model",
    "dense_model",
    "sparse_model",
    "cross_encoder_model",
    "late_interaction_model",
    "biencoder_model",
)
"""The options that name a model."""

UNTRAINED = "hub id, folder, or 'untrained' for cost alone"


def _model(default: str | None, help: str = UNTRAINED) -> Any:
    return option(default, help, metavar="NAME", only_changed=True)


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to build a system; picklable, so that a child process can build the same one.

    ``model`` names the causal LM of teacher and student, ``dense_model`` the sentence-transformers
    model, and so do the other three; ``untrained`` puts a fresh head on the dense model's body.
    ``depth`` is how many first-stage candidates a reranker scores. ``extrapolate`` allows
    positions beyond the model's context (cost only: such scores mean nothing). ``biencoder_model``
    is the causal LM of ``llm-biencoder``, by default ``model``.
    """

    model: str = option(
        "smollm2-135m", "name, folder or hub id (default {default})", metavar="NAME"
    )
    dense_model: str = _model("all-minilm-l6-v2", "of the bi-encoder")
    sparse_model: str = _model("naver/splade-cocondenser-ensembledistil")
    cross_encoder_model: str = _model("cross-encoder/ms-marco-MiniLM-L6-v2")
    late_interaction_model: str = _model("colbert-ir/colbertv2.0")
    biencoder_model: str | None = _model(
        None, "of llm-biencoder, from 'rabbench train biencoder' (default: that of --model)"
    )
    device: str = option("cpu", typed_default="auto", choices=("auto", "cpu", "cuda"))
    dtype: str = option(
        "float32", typed_default="auto", choices=("auto", "float32", "bfloat16", "float16")
    )
    attention: str = option(
        "sdpa", "eager for models without a fused one", choices=("sdpa", "eager"), only_changed=True
    )
    first_stage: str = option(
        "bm25",
        "of rerankers (default {default}); also run:FILE, or scoreddocs for the data set's own",
        metavar="SYSTEM",
    )
    depth: int = option(100, "candidates reranked (default {default})", metavar="K")
    batch: int = option(16, "texts in one forward (default {default})")
    max_doc_len: int = option(512, "cut documents ({default})", flag="--max-doc-tokens")
    max_query_len: int | None = option(
        None, "keep the end of longer queries", flag="--max-query-tokens"
    )
    extrapolate: bool = option(
        False,
        "allow lengths above the model's context; only the cost means anything there",
        flag="--extrapolate-positions",
    )
    seed: int = option(0, parse=int)

    def row_params(self, model: str | None, dtype: str = "") -> dict[str, Any]:
        """The row's params of a build of ``model``, in a dtype of its own where one is named."""
        dtype = dtype or self.dtype
        return {"model": model, "attention": self.attention, "dtype": dtype, "device": self.device}
