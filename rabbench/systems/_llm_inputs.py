"""Inputs of the systems on a causal LM: prompts of synthetic lengths, and the context's limit."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from rabbench.config.options import Options
from rabbench.models import synthetic
from rabbench.models.backbone import Backbone, resolve
from rabbench.models.teacher import Prompt
from rabbench.types import Shape, UsageError


@dataclass(frozen=True)
class LlmInputs:
    """The backbone that the options name, its prompt, and prompts of an exact length."""

    options: Options

    @cached_property
    def backbone(self) -> Backbone:
        """The causal LM; shared by all systems of a process that name the same one."""
        return resolve(
            self.options.model,
            device=self.options.device,
            dtype=self.options.dtype,
            attention=self.options.attention,
            seed=self.options.seed,
        )

    @cached_property
    def prompt(self) -> Prompt:
        """The prompt, cutting documents at the options' limit."""
        return Prompt(self.backbone, self.options.max_doc_len, self.options.max_query_len)

    @property
    def params(self) -> dict[str, Any]:
        """The row's params that identify the backbone."""
        trained = self.backbone.checkpoint
        weights = {"weights": trained.fingerprint()} if trained else {}
        return {**weights, **self.options.row_params(self.options.model)}

    @property
    def notes(self) -> dict[str, Any]:
        """How much truncation has dropped, and how much was read."""
        cut = self.prompt.truncation
        notes = document_counts(self.prompt)
        notes |= {"queries_read": cut.queries_read, "query_tokens_read": cut.query_tokens_read}
        if self.prompt.max_query_len is not None:
            notes |= {"queries_cut": cut.queries, "query_tokens_cut": cut.query_tokens}
        return notes

    def lengths(self, shape: Shape) -> tuple[int, int]:
        """Tokens of the document part and of the query part of the prompt."""
        before_document, before_query, after_query = map(len, self.prompt.template)
        return before_document + shape.doc_len, before_query + shape.query_len + after_query

    def document(self, shape: Shape) -> list[int]:
        """The document part of the prompt around a document of exactly ``shape.doc_len`` tokens."""
        return self.prompt.document_ids(self.tokens(shape.doc_len, seed=self.options.seed))

    def query(self, shape: Shape) -> list[int]:
        """The query part of the prompt around a query of exactly ``shape.query_len`` tokens."""
        return self.prompt.query_ids(self.tokens(shape.query_len, seed=self.options.seed + 1))

    def tokens(self, count: int, *, seed: int) -> list[int]:
        """Exactly this many token ids of words, drawn by a seed."""
        backbone = self.backbone
        tokenizer = backbone.tokenizer if backbone.has_weights else None
        size = int(backbone.config.vocab_size)
        return synthetic.token_ids(tokenizer, count, seed=seed, size=size)

    def check(self, tokens: int) -> None:
        """Refuse a length beyond the model's context, unless only its cost is measured.

        Raises:
            UsageError: naming the context and the flag that allows it.
        """
        context = self.backbone.context
        free = self.options.extrapolate or not self.backbone.has_weights
        if tokens > context and not free:
            raise UsageError(
                f"{tokens} tokens (document, query and prompt) exceed the context of "
                f"{self.options.model!r}, {context} tokens; lower --max-doc-len, or give "
                "--extrapolate-positions to measure cost at positions the model never saw"
            )


def document_counts(prompt: Prompt) -> dict[str, int]:
    """How much of the documents so far was cut, and how much was read."""
    cut = prompt.truncation
    return {
        "documents_cut": cut.documents,
        "tokens_cut": cut.tokens,
        "documents_read": cut.documents_read,
        "tokens_read": cut.tokens_read,
    }
