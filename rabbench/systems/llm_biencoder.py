"""A bi-encoder on the teacher's own backbone: last-token states and their cosine.

The fair comparison for the student (RepLLaMA, arXiv 2310.08319): the same model, trained by
``rabbench train biencoder`` on the same data. A text ends with the end-of-sequence token, whose
final state is its vector. Where the model is no such checkpoint the vectors are the base model's,
and rows say ``trained: false``. Phases: ``index``, ``query``, and ``score``, one dot product.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch.nn.functional import normalize

from rabbench.models.biencoder import texts_of
from rabbench.models.meta import after_body
from rabbench.records import PHASES, Options, Phase, Progress, Run, Shape, Workload, silent, top
from rabbench.systems._sequences import Sequences
from rabbench.systems.dense import dot

NAME = "llm-biencoder"
BLOCK = 256  # queries scored against the collection at once


def build(options: Options) -> LlmBiencoder:
    """The bi-encoder on the causal LM that ``options.model`` names."""
    return LlmBiencoder(options)


class LlmBiencoder:
    """Vectors of one collection, searched exactly in blocks of queries."""

    name = NAME
    phases: tuple[Phase, ...] = PHASES

    def __init__(self, options: Options) -> None:
        self.options = options
        self.sequences = Sequences(options)
        self.progress: Progress = silent
        self._doc_ids: list[str] = []
        self._vectors = torch.empty(0, 0)

    @property
    def params(self) -> Mapping[str, Any]:
        """The backbone, and whether it was trained for this."""
        checkpoint = self.sequences.backbone.checkpoint
        trained = checkpoint is not None and checkpoint.kind == "biencoder"
        return {**self.sequences.params, "trained": trained}

    def _encode(self, parts: Sequence[Sequence[int]]) -> torch.Tensor:
        """Unit vectors of token ids: (N, d) float32."""
        batch = self.options.batch
        states = self.sequences.backbone.encode(parts, batch=batch, progress=self.progress)
        return normalize(states.float(), dim=-1)

    def index(self, docs: Mapping[str, str]) -> None:
        """Encode the collection."""
        texts = texts_of(self.sequences.backbone, self.options.max_doc_len)
        self._doc_ids = list(docs)
        self._vectors = self._encode([texts.document(text) for text in docs.values()])  # (N, d)

    def search(self, queries: Mapping[str, str], k: int) -> Run:
        """The best k documents of each query by cosine similarity, over the whole collection."""
        limit = self.options.max_query_len
        texts = texts_of(self.sequences.backbone, self.options.max_doc_len, limit)
        vectors = self._encode([texts.query(text) for text in queries.values()])  # (Q, d)
        run: Run = {}
        count = min(k, len(self._doc_ids))
        for ids, block in zip(_blocks(list(queries)), vectors.split(BLOCK), strict=True):
            best = (block @ self._vectors.T).topk(count, dim=1)
            for query_id, scores, places in zip(
                ids, best.values.tolist(), best.indices.tolist(), strict=True
            ):
                named = zip((self._doc_ids[place] for place in places), scores, strict=True)
                run[query_id] = top(dict(named), k)
        return run

    def workloads(self, shape: Shape) -> Iterator[Workload]:
        """Encode a document, encode a query, multiply two vectors."""
        common: dict[str, Any] = {
            "system": NAME,
            "shape": shape,
            "device": self.options.device,
        }
        yield self._encoding("index", shape.doc_len, common)
        yield self._encoding("query", shape.query_len, common)
        yield dot(self.sequences.backbone.shape.width, self.options.device, common)

    def _encoding(self, phase: Phase, length: int, common: dict[str, Any]) -> Workload:
        sequences, backbone = self.sequences, self.sequences.backbone
        around = texts_of(backbone, length).overhead("document" if phase == "index" else "query")
        tokens = length + around
        sequences.check(tokens)
        parts: list[list[int]] = []

        def prepare() -> None:
            _ = backbone.model
            parts[:] = [sequences.tokens(tokens, seed=self.options.seed)]

        return Workload(
            phase=phase,
            prepare=prepare,
            run=lambda: normalize(backbone.hidden(parts).float(), dim=-1),
            trace=lambda: after_body(
                backbone.meta_model.base_model, [(1, tokens)], lambda state: state
            ),
            closed_form=lambda how: backbone.shape.body(tokens, how),
            index_bytes=(lambda: 4 * backbone.shape.width) if phase == "index" else None,
            **common,
        )


def _blocks(ids: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(ids), BLOCK):
        yield ids[start : start + BLOCK]
