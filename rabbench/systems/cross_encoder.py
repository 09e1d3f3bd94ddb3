"""A cross-encoder through sentence-transformers: one forward over query and document together.

A reranker like the teacher, on an encoder: its only phase is ``score``, and nothing of a document
can be computed ahead. Scores are the head's logits, without the sigmoid, which ties high scores.
A document is cut where the pair exceeds the model's limit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from functools import cached_property
from typing import Any

import torch

from rabbench.config.options import Options
from rabbench.models.closed_form import ModelShape
from rabbench.models.meta import MetaForward
from rabbench.systems._encoder import on_meta, read_counts
from rabbench.systems._reranker import CandidateSet, Reranker, reranker
from rabbench.systems._st_loader import StLoader, forward
from rabbench.types import Phase, Progress, Run, Shape, UsageError, Workload

NAME = "cross-encoder"


def build(options: Options) -> Reranker:
    """The cross-encoder that the options name, over their first stage; see ``StLoader``."""
    loader = StLoader(NAME, options.cross_encoder_model, options)
    return reranker(NAME, PairScorer(loader), options)


class PairScorer:
    """Scores each pair with one forward."""

    phases: tuple[Phase, ...] = ("score",)

    def __init__(self, loader: StLoader) -> None:
        self.loader = loader
        self.options = loader.options
        self._counts = Counter(read_counts([], 0))

    @property
    def params(self) -> Mapping[str, Any]:
        """The model and how it runs."""
        return self.loader.params

    @property
    def notes(self) -> Mapping[str, Any]:
        """How much of the documents was read, each beside its longest query."""
        return self._counts

    @cached_property
    def model(self) -> Any:
        """The cross-encoder; a UsageError if it gives more than one number a pair."""
        from sentence_transformers import CrossEncoder

        model = self.loader.load(CrossEncoder, num_labels=None if self.loader.trained else 1)
        if model.num_labels != 1:
            raise UsageError(
                f"cross-encoder model {self.loader.name!r} gives {model.num_labels} numbers for a "
                "pair, and a ranking needs one; give --cross-encoder-model one trained to rank"
            )
        return model

    def score(self, pool: CandidateSet, progress: Progress) -> Run:
        """The logit of every candidate."""
        self._count(pool)
        run: Run = {}
        for place, (query_id, query) in enumerate(pool.queries.items()):
            progress(f"{NAME}: query", place, len(pool.queries))
            doc_ids = pool.doc_ids.get(query_id, ())
            scores = self.model.predict(
                [(query, pool.texts[doc_id]) for doc_id in doc_ids],
                batch_size=self.options.batch,
                activation_fn=torch.nn.Identity(),
                show_progress_bar=False,
            )
            run[query_id] = dict(zip(doc_ids, map(float, scores), strict=True))
        return run

    def _count(self, pool: CandidateSet) -> None:
        """Add the tokens read of these documents, each beside its longest query."""
        texts = [*pool.queries.values(), *pool.texts.values()]
        lengths = iter(self.loader.lengths(texts))
        query_length = {query_id: next(lengths) for query_id in pool.queries}
        most = int(self.model.max_seq_length) - self._special_tokens
        for doc_id, length in zip(pool.texts, lengths, strict=True):
            longest = max(query_length[query_id] for query_id in pool.query_ids[doc_id])
            self._counts.update(read_counts([length], max(0, most - longest)))

    @cached_property
    def _special_tokens(self) -> int:
        """Special tokens of a pair."""
        return int(self.loader.tokenizer.num_special_tokens_to_add(pair=True))

    def workloads(self, shape: Shape) -> Iterator[Workload]:
        """``shape.batch`` pairs in one forward, the document cut where the pair is too long."""
        most, special = self.loader.max_tokens(lambda: self.model), self._special_tokens
        text = max(1, min(shape.doc_len, most - special - shape.query_len))
        tokens = min(text + shape.query_len + special, most)
        ids = self.loader.ids(tokens - self.loader.overhead())
        tensor = torch.tensor([ids] * shape.batch, device=self.options.device)  # (B, L)
        sizes, batch = ModelShape.from_config(self.loader.config), shape.batch
        # The head: a dense layer and one number, both at the first token.
        head = 2 * sizes.width**2 + 2 * sizes.width
        yield Workload(
            system=NAME,
            phase="score",
            shape=shape,
            device=self.options.device,
            units=batch,
            prepare=lambda: self.model,
            run=lambda: forward(self.model, tensor, "scores"),
            trace=lambda: self._traced(batch, tokens),
            closed_form=lambda pairs: batch * (sizes.body(tokens, pairs) + head),
            params={"tokens_read": text},
        )

    @cached_property
    def _traced(self) -> Callable[[int, int], MetaForward]:
        config = deepcopy(self.loader.config)
        config.num_labels = 1
        return on_meta("AutoModelForSequenceClassification", config, lambda output: output.logits)
