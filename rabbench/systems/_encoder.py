"""The frame of an encoder: texts to vectors, their cost, and traces on ``meta``.

Knows vectors and FLOPs; knows no model and no way to load one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import nn

from rabbench.config.options import Options
from rabbench.models.closed_form import ModelShape
from rabbench.models.meta import MetaForward
from rabbench.types import Phase, Shape, Workload

Block = dict[str, torch.Tensor]
"""Vectors of some documents: tensors whose first dimension is documents, or Σ ``lengths``."""


def read_counts(lengths: Iterable[int], limit: int) -> dict[str, int]:
    """How much of documents of these lengths is read if each is cut at ``limit`` tokens."""
    lengths = list(lengths)
    cut = [length - limit for length in lengths if length > limit]
    return {
        "documents_read": len(lengths),
        "tokens_read": sum(lengths) - sum(cut),
        "documents_cut": len(cut),
        "tokens_cut": sum(cut),
    }


class TextEncoder(ABC):
    """A model that turns texts into vectors and compares them, for exact search.

    A text has one unit vector, and a score is a cosine; an encoder with vectors of another form
    replaces ``documents``, ``scores`` and ``_scoring``.
    """

    found_above = -np.inf
    """A search finds documents with a score above this; −inf finds all."""
    options: Options

    @property
    @abstractmethod
    def params(self) -> Mapping[str, Any]:
        """The row's params that identify the model."""

    @property
    @abstractmethod
    def width(self) -> int:
        """Numbers in a vector."""

    @abstractmethod
    def read(self, texts: list[str]) -> Mapping[str, int]:
        """How much of these documents the model reads; see :func:`read_counts`."""

    @abstractmethod
    def _encode(self, texts: list[str], kind: str) -> Any:
        """Vectors (n, d) of texts that are each a ``query`` or a ``document``."""

    @abstractmethod
    def _encoding(self, phase: Phase, length: int, common: dict[str, Any]) -> Workload:
        """Encode a made-up document (``index``) or query of ``length`` tokens."""

    def documents(self, texts: list[str]) -> Block:
        """The documents' vectors (n, d), on the CPU."""
        return {"vectors": self._encode(texts, "document").cpu()}

    def queries(self, texts: list[str]) -> Any:
        """The queries' vectors (Q, d); ``scores`` takes a slice of them."""
        return self._encode(texts, "query")

    def scores(self, queries: Any, block: Block) -> np.ndarray[Any, Any]:
        """Each query's score of each document, (B, n)."""
        similarities = queries @ block["vectors"].to(queries.device).T
        return np.asarray(similarities.float().cpu())

    def workloads(self, name: str, shape: Shape) -> Iterator[Workload]:
        """Encode a document, encode a query, score."""
        common = {"system": name, "shape": shape, "device": self.options.device}
        yield self._encoding("index", shape.doc_len, common)
        yield self._encoding("query", shape.query_len, common)
        yield self._scoring(common)

    def _scoring(self, common: dict[str, Any]) -> Workload:
        query = torch.randn(1, self.width, device=self.options.device)
        document = torch.randn(self.width, 1, device=self.options.device)
        return Workload(
            phase="score",
            run=lambda: query @ document,
            trace=lambda: (DotProduct(), (query.to("meta"), document.to("meta"))),
            closed_form=lambda _: 2 * self.width,
            **common,
        )


class TransformerEncoder(TextEncoder):
    """An encoder on one transformer with a limit of tokens, at which a text is cut."""

    model: Any
    config: Any

    @abstractmethod
    def _text(self, kind: str, length: int) -> tuple[int, torch.Tensor]:
        """Of a made-up text of this length: tokens that are read, and ids of all tokens (1, L)."""

    @abstractmethod
    def _forward(self, ids: torch.Tensor, kind: str) -> Any:
        """The vectors of one text, from its token ids (1, L)."""

    @cached_property
    def shape(self) -> ModelShape:
        """The sizes that decide the transformer's FLOPs."""
        return ModelShape.from_config(self.config)

    @property
    def width(self) -> int:
        """Numbers in a vector: the transformer's width."""
        return self.shape.width

    def _flops(self, tokens: int, pairs: str) -> int:
        """FLOPs of encoding a text of so many tokens, by a convention for query-key pairs."""
        return self.shape.body(tokens, pairs)

    def _index_bytes(self, ids: torch.Tensor) -> int:
        """Bytes that the index holds for a document (1, L)."""
        del ids
        return 4 * self.width

    @cached_property
    def _traced(self) -> Callable[[int, int], MetaForward]:
        return on_meta("AutoModel", self.config)

    def _encoding(self, phase: Phase, length: int, common: dict[str, Any]) -> Workload:
        kind = "document" if phase == "index" else "query"
        tokens_read, ids = self._text(kind, length)
        tokens = ids.shape[1]
        return Workload(
            phase=phase,
            prepare=lambda: self.model,
            run=lambda: self._forward(ids, kind),
            trace=lambda: self._traced(1, tokens),
            closed_form=lambda pairs: self._flops(tokens, pairs),
            index_bytes=(lambda: self._index_bytes(ids)) if phase == "index" else None,
            params={"tokens_read": tokens_read},
            **common,
        )


class DotProduct(nn.Module):
    """The product of a query (1, d) and a document (d, 1)."""

    def forward(self, query: torch.Tensor, document: torch.Tensor) -> torch.Tensor:
        """The score (1, 1)."""
        return query @ document


class AllStates(nn.Module):
    """A forward of a whole model, then ``after`` on its output."""

    def __init__(self, model: Any, after: Callable[[Any], torch.Tensor]) -> None:
        super().__init__()
        self.model = model
        self.after = after

    @property
    def body(self) -> Any:
        """The transformer without its head."""
        return self.model.base_model

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> Any:
        """Token ids (B, L) and an all-visible mask (B, 1, L, L)."""
        output = self.model(input_ids=ids, attention_mask=mask)
        # A tracer drops what nothing returns, BERT's pooler for one.
        pooled = [output.pooler_output] if "pooler_output" in output else []
        return self.after(output), *pooled


def on_meta(
    auto_class: str,
    config: Any,
    after: Callable[[Any], torch.Tensor] = lambda output: output.last_hidden_state[:, -1],
) -> Callable[[int, int], MetaForward]:
    """A function of (batch, tokens) that traces a model without weights.

    ``auto_class`` is of transformers, such as ``AutoModel``; ``after`` is a function of the
    model's output, by default the final states of the last token (B, d).
    """
    import transformers

    with torch.device("meta"):
        model = getattr(transformers, auto_class)
        model = model.from_config(config, attn_implementation="eager").eval()

    def traced(batch: int, tokens: int) -> MetaForward:
        ids = torch.empty(batch, tokens, dtype=torch.long, device="meta")
        mask = torch.empty(batch, 1, tokens, tokens, device="meta")
        return AllStates(model, after).eval(), (ids, mask)

    return traced


def on_zeros(
    sizes: Sequence[tuple[int, ...]],
    device: str,
    *,
    module: Callable[[], nn.Module],
    meta_module: Callable[[], nn.Module],
) -> dict[str, Any]:
    """A workload's ``prepare``, ``run`` and ``trace``: a forward over zeros of these sizes."""
    tensors: list[torch.Tensor] = []

    def inputs(place: str) -> tuple[torch.Tensor, ...]:
        return tuple(torch.zeros(size, device=place) for size in sizes)

    def prepare() -> None:
        tensors[:] = inputs(device)
        module()

    def run() -> Any:
        with torch.inference_mode():
            return module()(*tensors)

    return {"prepare": prepare, "run": run, "trace": lambda: (meta_module(), inputs("meta"))}
