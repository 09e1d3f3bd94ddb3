"""The frame of the encoders through sentence-transformers: prompts, limits, cost of encoding."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import torch

from rabbench.systems._encoder import TransformerEncoder, read_counts
from rabbench.systems._st_loader import StLoader


def forward(model: Any, ids: torch.Tensor, output: str, **arguments: Any) -> Any:
    """One output, by name, of a sentence-transformers model for token ids (B, L)."""
    features = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    with torch.inference_mode():
        return model(features, **arguments)[output]


class SentenceEncoder(TransformerEncoder):
    """An encoder through sentence-transformers; a subclass loads it and runs its forward.

    Args:
        loader: of the model.
    """

    def __init__(self, loader: StLoader) -> None:
        self.loader = loader
        self.options = loader.options

    @property
    def params(self) -> Mapping[str, Any]:
        """The model and how it runs."""
        return self.loader.params

    @cached_property
    @abstractmethod
    def model(self) -> Any:
        """The sentence-transformers model, in evaluation mode; see ``StLoader.load``."""

    @cached_property
    def prompts(self) -> Mapping[str, str]:
        """The text before a ``query`` or a ``document``; none by default."""
        return {}

    @cached_property
    def config(self) -> Any:
        """The transformer's configuration."""
        return self.loader.config

    def _encode(self, texts: list[str], kind: str, **arguments: Any) -> Any:
        encode = self.model.encode_query if kind == "query" else self.model.encode_document
        return encode(texts, batch_size=self.options.batch, show_progress_bar=False, **arguments)

    def read(self, texts: list[str]) -> Mapping[str, int]:
        """How much of these documents is read."""
        return read_counts(self.loader.lengths(texts), self._limit("document"))

    def _max_tokens(self, kind: str) -> int:
        """Tokens that the model reads; without loading an untrained one."""
        del kind
        return self.loader.max_tokens(lambda: self.model)

    def _limit(self, kind: str) -> int:
        """Tokens of a text that fit beside its prompt and the special tokens."""
        return self._max_tokens(kind) - self.loader.overhead(self.prompts.get(kind, ""))

    def _text(self, kind: str, length: int) -> tuple[int, torch.Tensor]:
        tokens = min(length, self._limit(kind))
        ids = self.loader.ids(tokens, prompt=self.prompts.get(kind, ""))
        return tokens, torch.tensor([ids], device=self.options.device)

    def _flops(self, tokens: int, pairs: str) -> int:
        """Those of the transformer, and an encoder's own pooler, which it always computes."""
        pooler = 0 if self.shape.masked else 2 * self.shape.width**2
        return super()._flops(tokens, pairs) + pooler
