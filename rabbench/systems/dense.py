"""A bi-encoder through sentence-transformers: one vector a text, cosine similarity.

A document is read up to the model's own limit (256 tokens for all-MiniLM-L6-v2) and cut there, as
the model is meant to be used; cost rows say how many tokens were read. Queries and documents get
the prompts that the model's own configuration names ``query`` and ``document``, or those of a
published preset (``catalog.BI_ENCODERS``). Phases: ``index`` encodes a document, ``query`` a query,
``score`` is one dot product.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from rabbench.config.options import Options
from rabbench.models.catalog import BI_ENCODERS
from rabbench.systems._exact import ExactSearch
from rabbench.systems._published import PublishedCheckpoint
from rabbench.systems._st_loader import SentenceEncoder, StLoader, forward

NAME = "dense"
# The names that sentence-transformers looks for; the first that is not empty.
PROMPTS = {"query": ("query",), "document": ("document", "passage", "corpus")}


def build(options: Options) -> ExactSearch:
    """The bi-encoder that the options name: a short name, a folder or a hub id."""
    if options.dense_model in BI_ENCODERS:
        preset = BI_ENCODERS[options.dense_model]
        return ExactSearch(NAME, PublishedCheckpoint(options, preset))
    return ExactSearch(NAME, DenseEncoder(StLoader(NAME, options.dense_model, options)))


class DenseEncoder(SentenceEncoder):
    """A sentence-transformers model with one vector a text."""

    @cached_property
    def model(self) -> Any:
        """The sentence-transformers model, in evaluation mode."""
        from sentence_transformers import SentenceTransformer

        return self.loader.load(SentenceTransformer)

    def _encode(self, texts: list[str], kind: str, **arguments: Any) -> Any:
        arguments |= {"normalize_embeddings": True, "convert_to_tensor": True}
        return super()._encode(texts, kind, prompt=self.prompts[kind] or None, **arguments)

    def _forward(self, ids: torch.Tensor, kind: str) -> Any:
        del kind
        return forward(self.model, ids, "sentence_embedding")

    def _max_tokens(self, kind: str) -> int:
        """Tokens that the model reads; of a local one without its weights."""
        stated = self._settings("sentence_bert_config.json").get("max_seq_length")
        return super()._max_tokens(kind) if stated is None else int(stated)

    @cached_property
    def prompts(self) -> Mapping[str, str]:
        """The model's own prompts; of a local model without its weights."""
        if Path(self.loader.location).is_dir():
            prompts = self._settings("config_sentence_transformers.json").get("prompts", {})
        else:
            prompts = self.model.prompts
        return {
            kind: next((prompts[name] for name in names if prompts.get(name)), "")
            for kind, names in PROMPTS.items()
        }

    def _settings(self, file: str) -> dict[str, Any]:
        path = Path(self.loader.location) / file
        settings: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.is_file() else {}
        return settings
