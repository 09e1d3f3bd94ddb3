"""A learned sparse encoder (SPLADE) through sentence-transformers' ``SparseEncoder``.

A text becomes weights of the vocabulary's words: the masked-language head's logits through
log(1 + relu), the largest over the text's tokens. The score is the dot product, and a document that
shares no word with the query is not found. Phases: ``index`` encodes a document, ``query`` a
query; ``score`` is one query over the collection, per document of it: sparse products on the CPU,
which no FLOP counter sees. Its index size is measured on a made-up document.

``untrained`` keeps the 256 largest weights of a text, as sentence-transformers does where nothing
was trained to be sparse; a trained model's index has its own, measured, number.

Source: Formal et al., "SPLADE v2: Sparse Lexical and Expansion Model for Information Retrieval",
2021, arXiv 2109.10086.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import numpy as np
import torch

from rabbench.systems._exact import Exact
from rabbench.systems._st_loader import Source, on_meta
from rabbench.systems._vectors import Block, Read
from rabbench.types import Options, Phase, Shape, Workload

NAME = "sparse"
UNTRAINED_ACTIVE = 256  # weights of a text
ENTRY_BYTES = 8  # a float32 weight and an int32 word


def build(options: Options) -> Exact:
    """The sparse encoder that ``options.sparse_model`` names.

    Raises:
        UsageError: if the name is neither ``untrained``, nor a folder, nor a hub id.
    """
    source = Source("sparse", options.sparse_model, options)
    _ = source.location
    return Exact(NAME, SparseTexts(source))


class SparseTexts:
    """A sparse encoder's texts as rows of weights."""

    found_above = 0.0

    def __init__(self, source: Source) -> None:
        self.source = source
        self.options = source.options

    @property
    def params(self) -> Mapping[str, Any]:
        """The model and how it runs."""
        return self.source.params

    @cached_property
    def model(self) -> Any:
        """The sparse encoder, in evaluation mode.

        Raises:
            MissingError: if it is neither here nor downloadable.
        """
        from sentence_transformers import SparseEncoder
        from sentence_transformers.base.modules import Transformer
        from sentence_transformers.sparse_encoder.modules import SpladePooling

        source, device = self.source, self.options.device
        with source.loading():
            if source.trained:
                model = SparseEncoder(source.location, device=device, model_kwargs=source.arguments)
            else:
                body = Transformer(
                    source.location, transformer_task="fill-mask", model_kwargs=source.arguments
                )
                model = SparseEncoder(
                    modules=[body, SpladePooling()],
                    device=device,
                    max_active_dims=UNTRAINED_ACTIVE,
                )
        return model.eval().requires_grad_(False)

    def read(self, texts: list[str]) -> Read:
        """How much of these documents is read."""
        return self.source.read(texts, self._limit)

    @cached_property
    def _limit(self) -> int:
        return int(self.model.max_seq_length) - self.source.overhead()

    def _encode(self, texts: list[str], kind: str) -> Any:
        """Weights as a scipy matrix (n, V)."""
        from scipy.sparse import csr_array

        encode = {"query": self.model.encode_query, "document": self.model.encode_document}
        rows = encode[kind](
            texts, batch_size=self.options.batch, show_progress_bar=False, save_to_cpu=True
        ).coalesce()  # (n, V)
        return csr_array((rows.values().numpy(), rows.indices().numpy()), shape=tuple(rows.shape))

    def documents(self, texts: list[str]) -> Block:
        """The weights that are not zero, their words, and how many each document has."""
        rows = self._encode(texts, "document")
        return {
            "weights": torch.from_numpy(rows.data.astype(np.float32)),
            "words": torch.from_numpy(rows.indices.astype(np.int32)),
            "lengths": torch.from_numpy(np.diff(rows.indptr).astype(np.int64)),
        }

    def queries(self, texts: list[str]) -> Any:
        """Weights (Q, V)."""
        return self._encode(texts, "query")

    def scores(self, queries: Any, block: Block) -> np.ndarray[Any, Any]:
        """Dot products (B, n)."""
        from scipy.sparse import csr_array

        ends = np.concatenate([[0], np.cumsum(block["lengths"].numpy())])
        parts = (block["weights"].numpy(), block["words"].numpy(), ends)
        documents = csr_array(parts, shape=(len(ends) - 1, queries.shape[1]))
        return np.asarray((queries @ documents.T).toarray())

    def workloads(self, name: str, shape: Shape) -> Iterator[Workload]:
        """Encode a document, encode a query, score a query over ``n_docs`` documents."""
        common: dict[str, Any] = {"system": name, "shape": shape}
        yield self._encoding("index", shape.doc_len, common)
        yield self._encoding("query", shape.query_len, common)
        yield self._scoring(common)

    def _text(self, tokens: int) -> list[int]:
        return self.source.ids(tokens, seed=self.options.seed)

    def _weights(self, ids: list[int]) -> torch.Tensor:
        """The weights of one text (V,), of which an untrained model keeps the largest."""
        tensor = torch.tensor([ids], device=self.options.device)
        features = {"input_ids": tensor, "attention_mask": torch.ones_like(tensor)}
        with torch.inference_mode():
            weights: torch.Tensor = self.model(features)["sentence_embedding"][0]
        most = self.model.max_active_dims
        if most is None or most >= len(weights):
            return weights
        kept = weights.topk(most)
        return torch.zeros_like(weights).scatter(0, kept.indices, kept.values)

    def _encoding(self, phase: Phase, asked: int, common: dict[str, Any]) -> Workload:
        tokens = min(asked, self._read_at_most)
        ids = self._text(tokens)
        shape = self.source.shape
        # The head: a dense layer, then a logit for each word, both at every token.
        head = len(ids) * (2 * shape.width**2 + shape.head())
        return Workload(
            phase=phase,
            device=self.options.device,
            prepare=lambda: self.model,
            run=lambda: self._weights(ids),
            trace=lambda: self._traced(1, len(ids)),
            closed_form=lambda _: shape.body(len(ids), "dense") + head,
            index_bytes=(lambda: ENTRY_BYTES * self._active(ids)) if phase == "index" else None,
            params={"tokens_read": tokens},
            **common,
        )

    @property
    def _read_at_most(self) -> int:
        """Tokens of a text that are read; without loading an untrained model."""
        if self.source.trained:
            return self._limit
        most = min(
            self.source.tokenizer.model_max_length, self.source.config.max_position_embeddings
        )
        return int(most) - self.source.overhead()

    def _active(self, ids: list[int]) -> int:
        return int(torch.count_nonzero(self._weights(ids)))

    def _scoring(self, common: dict[str, Any]) -> Workload:
        """A made-up query over documents with as many weights as a made-up one has."""
        shape: Shape = common["shape"]
        held: dict[str, Any] = {}

        def prepare() -> None:
            from scipy.sparse import csr_array

            width = int(self.source.config.vocab_size)
            ids = [self._text(min(length, self._read_at_most)) for length in (
                shape.query_len, shape.doc_len)]  # fmt: skip
            held["query"] = csr_array(self._weights(ids[0]).cpu().numpy()[None])
            active = self._active(ids[1])
            generator = np.random.default_rng(self.options.seed)
            words = [
                np.sort(generator.choice(width, size=active, replace=False))
                for _ in range(shape.n_docs)
            ]
            held["block"] = {
                "weights": torch.ones(shape.n_docs * active),
                "words": torch.from_numpy(np.concatenate(words).astype(np.int32)),
                "lengths": torch.full((shape.n_docs,), active),
            }

        return Workload(
            phase="score",
            device="cpu",
            units=shape.n_docs,
            prepare=prepare,
            run=lambda: self.scores(held["query"], held["block"]),
            **common,
        )

    @cached_property
    def _traced(self) -> Any:
        from transformers import AutoModelForMaskedLM

        return on_meta(AutoModelForMaskedLM, self.source.config, lambda out: out.logits.amax(1))
