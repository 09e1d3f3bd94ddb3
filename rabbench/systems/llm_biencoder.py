"""A bi-encoder on the teacher's own backbone: last-token states and their cosine.

The fair comparison for the student (RepLLaMA, arXiv 2310.08319): the same model, trained by
``rabbench train biencoder`` on the same data. A text ends with the end-of-sequence token, whose
final state is its vector. Where the model is no such checkpoint the vectors are the base model's,
and rows say ``trained: false``. Phases: ``index``, ``query``, and ``score``, one dot product.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch.nn.functional import normalize

from rabbench.config.options import Options
from rabbench.models.biencoder import BiEncoderInputs, biencoder_inputs
from rabbench.models.meta import trace_body
from rabbench.systems._encoder import TextEncoder
from rabbench.systems._exact import ExactSearch
from rabbench.systems._llm_inputs import LlmInputs, document_counts
from rabbench.types import Phase, Workload

NAME = "llm-biencoder"


def build(options: Options) -> ExactSearch:
    """The bi-encoder on the causal LM that ``options.biencoder_model`` or ``model`` names."""
    model = options.biencoder_model or options.model
    return ExactSearch(NAME, LlmEncoder(replace(options, model=model)))


class LlmEncoder(TextEncoder):
    """A causal LM with one unit vector a text."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.inputs = LlmInputs(options)

    @property
    def params(self) -> Mapping[str, Any]:
        """The backbone, and whether it was trained for this."""
        checkpoint = self.inputs.backbone.checkpoint
        trained = checkpoint is not None and checkpoint.kind == "biencoder"
        return {**self.inputs.params, "trained": trained}

    @property
    def width(self) -> int:
        """Numbers in a vector: the backbone's width."""
        return self.inputs.backbone.shape.width

    def _texts(self) -> BiEncoderInputs:
        options = self.options
        return biencoder_inputs(self.inputs.backbone, options.max_doc_len, options.max_query_len)

    def _encode(self, texts: list[str], kind: str) -> torch.Tensor:
        tokenize = getattr(self._texts(), kind)
        parts = [tokenize(text) for text in texts]
        states = self.inputs.backbone.encode(parts, batch=self.options.batch)
        return normalize(states.float(), dim=-1)

    def read(self, texts: list[str]) -> Mapping[str, int]:
        """How much of these documents is read."""
        inputs = self._texts()
        for text in texts:
            inputs.document(text)
        return document_counts(inputs.prompt)

    def _encoding(self, phase: Phase, length: int, common: dict[str, Any]) -> Workload:
        backbone = self.inputs.backbone
        tokens = length + self._texts().overhead("document" if phase == "index" else "query")
        self.inputs.check(tokens)
        parts: list[list[int]] = []

        def prepare() -> None:
            _ = backbone.model
            parts[:] = [self.inputs.tokens(tokens, seed=self.options.seed)]

        return Workload(
            phase=phase,
            prepare=prepare,
            run=lambda: normalize(backbone.hidden(parts).float(), dim=-1),
            trace=lambda: trace_body(
                backbone.meta_model.base_model, [(1, tokens)], lambda state: state
            ),
            closed_form=lambda pairs: backbone.shape.body(tokens, pairs),
            index_bytes=(lambda: 4 * self.width) if phase == "index" else None,
            **common,
        )
