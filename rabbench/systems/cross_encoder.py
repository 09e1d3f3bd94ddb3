"""A cross-encoder through sentence-transformers: one forward over query and document together.

A reranker like the teacher, on an encoder: its only phase is ``score``, and nothing of a document
can be computed ahead. Scores are the head's logits, without the sigmoid, which ties what is sure.
A document is cut where the pair exceeds the model's limit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import torch

from rabbench.systems._reranker import Reranker, reranker
from rabbench.systems._st_loader import Source, on_meta
from rabbench.types import Options, Phase, Progress, Run, Shape, UsageError, Workload

NAME = "cross-encoder"


def build(options: Options) -> Reranker:
    """The cross-encoder that the options name, over their first stage.

    Raises:
        UsageError: if the name is neither ``untrained``, nor a folder, nor a hub id.
    """
    source = Source(NAME, options.cross_encoder_model, options)
    _ = source.location
    return reranker(NAME, PairScorer(source), options)


class PairScorer:
    """Scores each pair with one forward."""

    phases: tuple[Phase, ...] = ("score",)

    def __init__(self, source: Source) -> None:
        self.source = source
        self.options = source.options
        self._docs: Mapping[str, str] = {}
        self._read = dict.fromkeys(
            ("documents_read", "tokens_read", "documents_cut", "tokens_cut"), 0
        )

    @property
    def params(self) -> Mapping[str, Any]:
        """The model and how it runs."""
        return self.source.params

    @property
    def notes(self) -> Mapping[str, Any]:
        """How much of the documents was read, each beside its longest query."""
        return self._read

    @cached_property
    def model(self) -> Any:
        """The cross-encoder, in evaluation mode.

        Raises:
            MissingError: if it is neither here nor downloadable.
            UsageError: if it gives more than one number a pair.
        """
        from sentence_transformers import CrossEncoder

        with self.source.loading():
            model = CrossEncoder(
                self.source.location,
                device=self.options.device,
                model_kwargs=self.source.arguments,
                num_labels=None if self.source.trained else 1,
            )
        if model.num_labels != 1:
            raise UsageError(
                f"cross-encoder model {self.source.name!r} gives {model.num_labels} numbers for a "
                "pair, and a ranking needs one; give --cross-encoder-model one trained to rank"
            )
        return model.eval().requires_grad_(False)

    def index(self, docs: Mapping[str, str]) -> None:
        """Remember the texts; nothing is computed ahead."""
        self._docs = docs
        self._read = dict.fromkeys(self._read, 0)

    def score(
        self,
        queries: Mapping[str, str],
        candidates: Mapping[str, Sequence[str]],
        progress: Progress,
    ) -> Run:
        """The logit of every candidate."""
        wanted = sorted({doc_id for doc_ids in candidates.values() for doc_id in doc_ids})
        texts = {doc_id: self._docs[doc_id] for doc_id in wanted}
        self._count(queries, candidates, texts)
        run: Run = {}
        for done, (query_id, query) in enumerate(queries.items()):
            progress(f"{NAME}: query", done, len(queries))
            doc_ids = candidates[query_id]
            scores = self.model.predict(
                [(query, texts[doc_id]) for doc_id in doc_ids],
                batch_size=self.options.batch,
                activation_fn=torch.nn.Identity(),
                show_progress_bar=False,
            )
            run[query_id] = dict(zip(doc_ids, map(float, scores), strict=True))
        return run

    def _count(
        self,
        queries: Mapping[str, str],
        candidates: Mapping[str, Sequence[str]],
        texts: Mapping[str, str],
    ) -> None:
        """Add what is read of these documents, each beside the longest query that asks for it."""
        length = dict(zip(queries, self.source.lengths(list(queries.values())), strict=True))
        longest: dict[str, int] = {}
        for query_id, doc_ids in candidates.items():
            for doc_id in doc_ids:
                longest[doc_id] = max(longest.get(doc_id, 0), length[query_id])
        for doc_id, own in zip(texts, self.source.lengths(list(texts.values())), strict=True):
            room = max(0, int(self.model.max_seq_length) - self._around - longest[doc_id])
            self._read["documents_read"] += 1
            self._read["tokens_read"] += min(own, room)
            self._read["documents_cut"] += own > room
            self._read["tokens_cut"] += max(0, own - room)

    @cached_property
    def _around(self) -> int:
        """Special tokens of a pair."""
        return int(self.source.tokenizer.num_special_tokens_to_add(pair=True))

    @property
    def _most(self) -> int:
        """Tokens of a pair; without loading an untrained model."""
        if self.source.trained:
            return int(self.model.max_seq_length)
        config, tokenizer = self.source.config, self.source.tokenizer
        return int(min(tokenizer.model_max_length, config.max_position_embeddings))

    def workloads(self, shape: Shape) -> Iterator[Workload]:
        """``shape.batch`` pairs in one forward, the document cut where the pair is too long."""
        text = max(1, min(shape.doc_len, self._most - self._around - shape.query_len))
        tokens = min(text + shape.query_len + self._around, self._most)
        ids = self.source.ids(tokens - self.source.overhead(), seed=self.options.seed)
        tensor = torch.tensor([ids] * shape.batch, device=self.options.device)  # (B, L)

        def run() -> Any:
            features = {"input_ids": tensor, "attention_mask": torch.ones_like(tensor)}
            with torch.inference_mode():
                return self.model(features)["scores"]

        of, batch = self.source.shape, shape.batch
        # The head: a dense layer and one number, both at the first token.
        head = 2 * of.width**2 + 2 * of.width
        yield Workload(
            system=NAME,
            phase="score",
            shape=shape,
            device=self.options.device,
            units=batch,
            prepare=lambda: self.model,
            run=run,
            trace=lambda: self._traced(batch, tokens),
            closed_form=lambda how: batch * (of.body(tokens, how) + head),
            params={"tokens_read": text},
        )

    @cached_property
    def _traced(self) -> Any:
        from copy import deepcopy

        from transformers import AutoModelForSequenceClassification

        config = deepcopy(self.source.config)
        config.num_labels = 1
        return on_meta(AutoModelForSequenceClassification, config, lambda out: out.logits)
