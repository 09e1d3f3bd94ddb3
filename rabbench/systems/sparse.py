"""A learned sparse encoder (SPLADE) through sentence-transformers' ``SparseEncoder``.

A text becomes weights of the vocabulary's words: the masked-language head's logits through
log(1 + relu), the largest over the text's tokens (Formal et al., "SPLADE v2", 2021, arXiv
2109.10086). The score is the dot product, and a document that shares no word with the query is not
found. Phases: ``index`` encodes a document, ``query`` a query; ``score`` is one query over the
collection, per document of it: sparse products on the CPU, which no FLOP counter sees. Its index
size is measured on a made-up document.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_array

from rabbench.config.options import Options
from rabbench.models.meta import MetaForward
from rabbench.systems._encoder import Block, on_meta
from rabbench.systems._exact import ExactSearch
from rabbench.systems._st_loader import SentenceEncoder, StLoader, forward
from rabbench.types import Shape, Workload

NAME = "sparse"
# Weights of a text, where nothing was trained to be sparse; as sentence-transformers keeps them.
UNTRAINED_ACTIVE = 256
ENTRY_BYTES = 8  # a float32 weight and an int32 word


def build(options: Options) -> ExactSearch:
    """The sparse encoder that ``options.sparse_model`` names; a UsageError for an unknown name."""
    return ExactSearch(NAME, SparseTexts(StLoader(NAME, options.sparse_model, options)))


class SparseTexts(SentenceEncoder):
    """A sparse encoder's texts as rows of weights."""

    found_above = 0.0

    @cached_property
    def model(self) -> Any:
        """The sparse encoder, in evaluation mode."""
        from sentence_transformers import SparseEncoder
        from sentence_transformers.base.modules import Transformer
        from sentence_transformers.sparse_encoder.modules import SpladePooling

        def untrained() -> dict[str, Any]:
            body = Transformer(
                self.loader.location,
                transformer_task="fill-mask",
                model_kwargs=self.loader.transformer_arguments,
            )
            return {"modules": [body, SpladePooling()], "max_active_dims": UNTRAINED_ACTIVE}

        return self.loader.load(SparseEncoder, untrained)

    def _encode(self, texts: list[str], kind: str, **arguments: Any) -> Any:
        """Weights as a scipy matrix (n, V)."""
        rows = super()._encode(texts, kind, save_to_cpu=True, **arguments).coalesce()  # (n, V)
        return csr_array((rows.values().numpy(), rows.indices().numpy()), shape=tuple(rows.shape))

    def documents(self, texts: list[str]) -> Block:
        """The weights that are not zero, their words, and how many each document has."""
        rows = self._encode(texts, "document")
        return {
            "weights": torch.from_numpy(rows.data.astype(np.float32)),
            "words": torch.from_numpy(rows.indices.astype(np.int32)),
            "lengths": torch.from_numpy(np.diff(rows.indptr).astype(np.int64)),
        }

    def scores(self, queries: Any, block: Block) -> np.ndarray[Any, Any]:
        """Dot products (B, n)."""
        ends = np.concatenate([[0], np.cumsum(block["lengths"].numpy())])
        parts = (block["weights"].numpy(), block["words"].numpy(), ends)
        documents = csr_array(parts, shape=(len(ends) - 1, queries.shape[1]))
        return np.asarray((queries @ documents.T).toarray())

    def _forward(self, ids: torch.Tensor, kind: str) -> torch.Tensor:
        """The weights of one text (V,), of which an untrained model keeps the largest."""
        del kind
        weights: torch.Tensor = forward(self.model, ids, "sentence_embedding")[0]
        most = self.model.max_active_dims
        if most is None or most >= len(weights):
            return weights
        largest = weights.topk(most)
        return torch.zeros_like(weights).scatter(0, largest.indices, largest.values)

    def _flops(self, tokens: int, pairs: str) -> int:
        """The transformer and its head: a dense layer, a logit for each word, at every token."""
        del pairs
        head = 2 * self.shape.width**2 + self.shape.head()
        return self.shape.body(tokens, "dense") + tokens * head

    def _active(self, ids: torch.Tensor) -> int:
        return int(torch.count_nonzero(self._forward(ids, "document")))

    def _index_bytes(self, ids: torch.Tensor) -> int:
        return ENTRY_BYTES * self._active(ids)

    def _scoring(self, common: dict[str, Any]) -> Workload:
        """A made-up query over documents with as many weights as a made-up one has."""
        shape: Shape = common["shape"]
        inputs: dict[str, Any] = {}

        def prepare() -> None:
            width = int(self.config.vocab_size)
            query = self._forward(self._text("query", shape.query_len)[1], "query")
            active = self._active(self._text("document", shape.doc_len)[1])
            generator = np.random.default_rng(self.options.seed)
            words = [
                np.sort(generator.choice(width, size=active, replace=False))
                for _ in range(shape.n_docs)
            ]
            inputs["query"] = csr_array(query.cpu().numpy()[None])
            inputs["block"] = {
                "weights": torch.ones(shape.n_docs * active),
                "words": torch.from_numpy(np.concatenate(words).astype(np.int32)),
                "lengths": torch.full((shape.n_docs,), active),
            }

        return Workload(
            phase="score",
            units=shape.n_docs,
            prepare=prepare,
            run=lambda: self.scores(inputs["query"], inputs["block"]),
            **{**common, "device": "cpu"},
        )

    @cached_property
    def _traced(self) -> Callable[[int, int], MetaForward]:
        return on_meta("AutoModelForMaskedLM", self.config, lambda out: out.logits.amax(1))
