"""The generative reranker (teacher): reads the document first, then the query, answers yes or no.

Source: LaHoRe/RaHoRe (arXiv 2412.16615) and Rabtriever (arXiv 2604.23336). The score of a pair is
the log-odds ``logit(yes) - logit(no)`` at the last position, in float32. A probability in bfloat16
would tie many documents. Knows token ids and tensors; nothing of collections or rankings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch

from rabbench.models.backbone import Backbone
from rabbench.types import Progress, UsageError, no_progress

BEFORE_DOCUMENT = "Document: "
BEFORE_QUERY = "\n\nQuery: "
AFTER_QUERY = "\n\nIs the document a good answer to the query? Answer yes or no.\nAnswer:"
ANSWERS = (" yes", " no")

PRESET_LENGTHS = (2, 4, 22)
"""Tokens of the three texts under SmolLM2's tokenizer, for presets that have none."""


@dataclass
class Truncation:
    """Texts and tokens of their own that were dropped and read so far."""

    documents: int = 0
    tokens: int = 0
    queries: int = 0
    query_tokens: int = 0
    documents_read: int = 0
    tokens_read: int = 0
    queries_read: int = 0
    query_tokens_read: int = 0


@dataclass(frozen=True)
class Prompt:
    """Turns a document and a query into token ids, document first.

    The document part and the query part are tokenised apart. A document thus has the same prefix
    under every query, and its keys and values can be cached. Documents are cut at the end, queries
    at the beginning, as a dialogue keeps its last turns.
    """

    backbone: Backbone  # whose tokenizer is used, and whose checkpoint may have texts of its own
    max_doc_len: int  # in a document's own tokens
    max_query_len: int | None = None  # None never cuts a query
    custom_texts: tuple[str, str, str] | None = None  # in place of the backbone's
    preset_lengths: tuple[int, int, int] = PRESET_LENGTHS  # of a preset, which has no tokenizer
    truncation: Truncation = field(default_factory=Truncation)

    def _ids(self, text: str) -> list[int]:
        return list(self.backbone.tokenizer(text, add_special_tokens=False).input_ids)

    @cached_property
    def texts(self) -> tuple[str, str, str]:
        """The texts before the document, before the query and after the query."""
        if self.custom_texts is not None:
            return self.custom_texts
        checkpoint = self.backbone.checkpoint
        return checkpoint.prompt if checkpoint else (BEFORE_DOCUMENT, BEFORE_QUERY, AFTER_QUERY)

    @cached_property
    def template(self) -> tuple[list[int], list[int], list[int]]:
        """Token ids before the document, before the query and after the query.

        The first begin with the beginning-of-sequence token if the tokenizer puts one in front.
        """
        if not self.backbone.has_weights:
            before_document, before_query, after_query = self.preset_lengths
            return [1] * before_document, [2] * before_query, [3] * after_query
        tokenizer = self.backbone.tokenizer
        first = tokenizer("a").input_ids[0]
        start = [first] if first == tokenizer.bos_token_id else []
        before_document_ids, before_query_ids, after_query_ids = map(self._ids, self.texts)
        return start + before_document_ids, before_query_ids, after_query_ids

    @cached_property
    def answers(self) -> tuple[int, int]:
        """The token ids of yes and no after the prompt; UsageError if either is not exactly one."""
        if not self.backbone.has_weights:
            return 4, 5
        yes, no = map(self._answer_id, ANSWERS)
        return yes, no

    def _answer_id(self, answer: str) -> int:
        prompt_ids, ids = self._ids(self.texts[2]), self._ids(self.texts[2] + answer)
        count = len(ids) - len(prompt_ids)
        if count != 1 or ids[:-1] != prompt_ids:
            raise UsageError(
                f"the tokenizer of {self.backbone.name!r} spells {answer!r} with "
                f"{count} tokens after the prompt; the score needs exactly one"
            )
        return ids[-1]

    def document_ids(self, ids: Sequence[int]) -> list[int]:
        """The document part of the prompt for document tokens, not truncated."""
        return [*self.template[0], *ids]

    def query_ids(self, ids: Sequence[int]) -> list[int]:
        """The query part of the prompt for query tokens; the answer follows its end."""
        return [*self.template[1], *ids, *self.template[2]]

    def document(self, text: str) -> list[int]:
        """The document part of the prompt; truncation cuts the document's own tokens only."""
        ids = self._ids(text)
        if len(ids) > self.max_doc_len:
            self.truncation.documents += 1
            self.truncation.tokens += len(ids) - self.max_doc_len
            ids = ids[: self.max_doc_len]
        self._count_document(ids)
        return self.document_ids(ids)

    def windows(self, text: str, size: int) -> list[list[int]]:
        """The whole document as document parts of at most ``size`` of its tokens each."""
        ids = self._ids(text)
        self._count_document(ids)
        starts = range(0, max(len(ids), 1), size)
        return [self.document_ids(ids[start : start + size]) for start in starts]

    def _count_document(self, ids: Sequence[int]) -> None:
        self.truncation.documents_read += 1
        self.truncation.tokens_read += len(ids)

    def query(self, text: str) -> list[int]:
        """The query part of the prompt; a limit cuts the query's beginning."""
        ids = self._ids(text)
        limit = self.max_query_len
        if limit is not None and len(ids) > limit:
            self.truncation.queries += 1
            self.truncation.query_tokens += len(ids) - limit
            ids = ids[-limit:]
        self.truncation.queries_read += 1
        self.truncation.query_tokens_read += len(ids)
        return self.query_ids(ids)

    @property
    def overhead(self) -> int:
        """Prompt tokens around a document and a query."""
        return sum(map(len, self.template))


@dataclass(frozen=True)
class Teacher:
    """Scores pairs, each a document part followed by a query part, with one forward, no cache."""

    backbone: Backbone
    prompt: Prompt

    def log_odds(self, hidden: torch.Tensor) -> torch.Tensor:
        """Log-odds of yes against no from final hidden states: (B, d) → (B,) float32.

        The whole head runs, as its cost is counted. In half precision a logit of 20 is rounded to
        an eighth, which ties documents, so the logits of the two answers are computed again in
        float32.
        """
        answers = self.prompt.answers
        logits = self.backbone.logits(hidden)[:, list(answers)]  # (B, 2)
        if self.backbone.dtype != "float32":
            logits = self.backbone.logits(hidden, answers)
        return logits[:, 0] - logits[:, 1]

    def score(
        self, pairs: Sequence[Sequence[int]], *, batch: int = 16, progress: Progress = no_progress
    ) -> torch.Tensor:
        """Log-odds (N,) float32 of N pairs, each the ids of a document part and a query part.

        UsageError if a pair is longer than the model's context.
        """
        hidden = self.backbone.encode(pairs, batch=batch, progress=progress)  # (N, d)
        return torch.cat([self.log_odds(part) for part in hidden.split(64)])


def answer_direction(backbone: Backbone, prompt: Prompt) -> torch.Tensor:
    """The LM head's row of yes minus its row of no, w (d,): the score is w·h.

    UsageError for a head that is not linear (a soft cap), since the fold would not be exact.
    """
    if getattr(backbone.config, "final_logit_softcapping", None):
        raise UsageError(
            f"{backbone.name!r} caps its logits, so its score is no linear function of the final "
            "state and the student's folded score would not be exact; choose another backbone"
        )
    yes, no = prompt.answers
    head = backbone.model.get_output_embeddings()
    scale = getattr(backbone.config, "logits_scaling", None) or 1.0
    direction: torch.Tensor = (head.weight[yes].float() - head.weight[no].float()) / scale
    return direction
