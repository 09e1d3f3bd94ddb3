"""A bi-encoder through sentence-transformers: one vector a text, cosine similarity.

A document is read up to the model's own limit (256 tokens for all-MiniLM-L6-v2) and cut there, as
the model is meant to be used; cost rows say how many tokens were read. Queries and documents get
the prompts that the model's own configuration names ``query`` and ``document``, or those of a
published preset (``catalog.BI_ENCODERS``). Phases: ``index`` encodes a document, ``query`` a query,
``score`` is one dot product.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rabbench.models.catalog import BI_ENCODERS
from rabbench.systems._exact import Exact
from rabbench.systems._published import Published
from rabbench.systems._st_loader import Source, dot, on_meta
from rabbench.systems._vectors import Block, Read
from rabbench.types import Options, Phase, Shape, Workload

NAME = "dense"


def build(options: Options) -> Exact:
    """The bi-encoder that ``options.dense_model`` names: a short name, a folder or a hub id.

    Raises:
        UsageError: if the name is neither known, nor a folder, nor a hub id.
    """
    if options.dense_model in BI_ENCODERS:
        return Exact(NAME, Published(options, BI_ENCODERS[options.dense_model]))
    source = Source("dense", options.dense_model, options)
    _ = source.location  # an unknown name is refused here
    return Exact(NAME, DenseEncoder(source))


class DenseEncoder:
    """A sentence-transformers model with one vector a text."""

    found_above = -np.inf

    def __init__(self, source: Source) -> None:
        self.source = source
        self.options = source.options

    @property
    def params(self) -> Mapping[str, Any]:
        """The model and how it runs."""
        return self.source.params

    @cached_property
    def model(self) -> Any:
        """The sentence-transformers model, in evaluation mode.

        Raises:
            MissingError: if it is neither installed nor cached nor downloadable.
        """
        from sentence_transformers import SentenceTransformer

        with self.source.loading():
            model = SentenceTransformer(
                self.source.location,
                device=self.options.device,
                model_kwargs=self.source.arguments,
            )
        return model.eval().requires_grad_(False)

    def _encode(self, texts: list[str], kind: str) -> torch.Tensor:
        encode = {"query": self.model.encode_query, "document": self.model.encode_document}
        vectors: torch.Tensor = encode[kind](
            texts,
            prompt=self._prompt(kind) or None,
            batch_size=self.options.batch,
            normalize_embeddings=True,
            convert_to_tensor=True,
            show_progress_bar=False,
        )
        return vectors

    def read(self, texts: list[str]) -> Read:
        """How much of these documents is read."""
        return self.source.read(texts, self._limit("document"))

    def documents(self, texts: list[str]) -> Block:
        """Unit vectors (n, d)."""
        return {"vectors": self._encode(texts, "document").cpu()}

    def queries(self, texts: list[str]) -> Any:
        """Unit vectors (Q, d)."""
        return self._encode(texts, "query")

    def scores(self, queries: Any, block: Block) -> np.ndarray[Any, Any]:
        """Cosine similarities (B, n)."""
        similarity = queries @ block["vectors"].to(queries.device).T
        return np.asarray(similarity.float().cpu())

    def _limit(self, kind: str) -> int:
        """Tokens of a text that fit beside its prompt and the special tokens."""
        return self._most_tokens - self.source.overhead(self._prompt(kind))

    @cached_property
    def _most_tokens(self) -> int:
        """Tokens that the model reads; of a local one without its weights."""
        stated = self._settings("sentence_bert_config.json").get("max_seq_length")
        return int(self.model.max_seq_length if stated is None else stated)

    def _prompt(self, kind: str) -> str:
        """What stands before a query or a document; of a local model without its weights."""
        if Path(self.source.location).is_dir():
            prompts = self._settings("config_sentence_transformers.json").get("prompts", {})
        else:
            prompts = self.model.prompts
        # The names that sentence-transformers looks for; the first that says something.
        names = {"query": ("query",), "document": ("document", "passage", "corpus")}[kind]
        return next((prompts[name] for name in names if prompts.get(name)), "")

    def _settings(self, file: str) -> dict[str, Any]:
        path = Path(self.source.location) / file
        found: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.is_file() else {}
        return found

    def workloads(self, name: str, shape: Shape) -> Iterator[Workload]:
        """Encode a document, encode a query, multiply two vectors."""
        common: dict[str, Any] = {"system": name, "shape": shape, "device": self.options.device}
        yield self._encoding("index", min(shape.doc_len, self._limit("document")), common)
        yield self._encoding("query", min(shape.query_len, self._limit("query")), common)
        yield dot(self.source.shape.width, self.options.device, common)

    def _encoding(self, phase: Phase, tokens: int, common: dict[str, Any]) -> Workload:
        prompt = self._prompt("document" if phase == "index" else "query")
        ids = self.source.ids(tokens, seed=self.options.seed, prompt=prompt)
        tensor = torch.tensor([ids], device=self.options.device)  # (1, L)

        def run() -> Any:
            features = {"input_ids": tensor, "attention_mask": torch.ones_like(tensor)}
            with torch.inference_mode():
                return self.model(features)["sentence_embedding"]

        shape = self.source.shape
        # An encoder's own pooler, computed though the mean of tokens is used.
        pooler = 0 if shape.masked else 2 * shape.width**2
        return Workload(
            phase=phase,
            prepare=lambda: self.model,
            run=run,
            trace=lambda: self._traced(1, len(ids)),
            closed_form=lambda how: shape.body(len(ids), how) + pooler,
            index_bytes=(lambda: 4 * shape.width) if phase == "index" else None,
            params={"tokens_read": tokens},
            **common,
        )

    @cached_property
    def _traced(self) -> Any:
        from transformers import AutoModel

        return on_meta(AutoModel, self.source.config, lambda out: out.last_hidden_state[:, -1])
