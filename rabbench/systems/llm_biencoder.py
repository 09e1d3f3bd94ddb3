"""A bi-encoder on the teacher's own backbone: last-token states and their cosine.

The fair comparison for the student (RepLLaMA, arXiv 2310.08319): the same model, trained by
``rabbench train biencoder`` on the same data. A text ends with the end-of-sequence token, whose
final state is its vector. Where the model is no such checkpoint the vectors are the base model's,
and rows say ``trained: false``. Phases: ``index``, ``query``, and ``score``, one dot product.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch.nn.functional import normalize

from rabbench.models.biencoder import BiEncoderInputs, biencoder_inputs
from rabbench.models.meta import trace_body
from rabbench.systems._exact import Exact
from rabbench.systems._llm_inputs import Sequences
from rabbench.systems._st_loader import dot
from rabbench.systems._vectors import Block, Read
from rabbench.types import Options, Phase, Shape, Workload

NAME = "llm-biencoder"


def build(options: Options) -> Exact:
    """The bi-encoder on the causal LM that ``options.biencoder_model`` or ``model`` names."""
    chosen = replace(options, model=options.biencoder_model or options.model)
    return Exact(NAME, LlmEncoder(chosen))


class LlmEncoder:
    """A causal LM with one unit vector a text."""

    found_above = -np.inf

    def __init__(self, options: Options) -> None:
        self.options = options
        self.sequences = Sequences(options)

    @property
    def params(self) -> Mapping[str, Any]:
        """The backbone, and whether it was trained for this."""
        checkpoint = self.sequences.backbone.checkpoint
        trained = checkpoint is not None and checkpoint.kind == "biencoder"
        return {**self.sequences.params, "trained": trained}

    def _texts(self) -> BiEncoderInputs:
        options = self.options
        return biencoder_inputs(self.sequences.backbone, options.max_doc_len, options.max_query_len)

    def _encode(self, parts: Sequence[Sequence[int]]) -> torch.Tensor:
        states = self.sequences.backbone.encode(parts, batch=self.options.batch)
        return normalize(states.float(), dim=-1)

    def read(self, texts: list[str]) -> Read:
        """How much of these documents is read."""
        made = self._texts()
        parts = [made.document(text) for text in texts]
        cut = made.prompt.truncation
        tokens = sum(map(len, parts)) - len(parts) * made.overhead("document")
        return Read(tokens_read=tokens, documents_cut=cut.documents, tokens_cut=cut.tokens)

    def documents(self, texts: list[str]) -> Block:
        """Unit vectors (n, d)."""
        made = self._texts()
        return {"vectors": self._encode([made.document(text) for text in texts]).cpu()}

    def queries(self, texts: list[str]) -> Any:
        """Unit vectors (Q, d)."""
        made = self._texts()
        return self._encode([made.query(text) for text in texts])

    def scores(self, queries: Any, block: Block) -> np.ndarray[Any, Any]:
        """Cosine similarities (B, n)."""
        return np.asarray((queries @ block["vectors"].to(queries.device).T).cpu())

    def workloads(self, name: str, shape: Shape) -> Iterator[Workload]:
        """Encode a document, encode a query, multiply two vectors."""
        common: dict[str, Any] = {"system": name, "shape": shape, "device": self.options.device}
        yield self._encoding("index", shape.doc_len, common)
        yield self._encoding("query", shape.query_len, common)
        yield dot(self.sequences.backbone.shape.width, self.options.device, common)

    def _encoding(self, phase: Phase, length: int, common: dict[str, Any]) -> Workload:
        sequences, backbone = self.sequences, self.sequences.backbone
        around = self._texts().overhead("document" if phase == "index" else "query")
        tokens = length + around
        sequences.check(tokens)
        parts: list[list[int]] = []

        def prepare() -> None:
            _ = backbone.model
            parts[:] = [sequences.tokens(tokens, seed=self.options.seed)]

        def trace() -> Any:
            body = backbone.meta_model.base_model
            return trace_body(body, [(1, tokens)], lambda state: state)

        return Workload(
            phase=phase,
            prepare=prepare,
            run=lambda: normalize(backbone.hidden(parts).float(), dim=-1),
            trace=trace,
            closed_form=lambda how: backbone.shape.body(tokens, how),
            index_bytes=(lambda: 4 * backbone.shape.width) if phase == "index" else None,
            **common,
        )
