"""Rabtriever, the student: document and query are encoded apart, a folded predictor scores a pair.

Phases: ``index`` encodes a document and keeps one vector of the predictor's width, ``query``
encodes the query part once, ``score`` is O(m) for a pair, whatever the document's length. Without
a checkpoint the predictor is untrained: its cost is that of a trained one, its ranking means
nothing, and every row says so (``trained: false``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import torch

from rabbench.models.meta import Traced, after_body
from rabbench.models.student import INNER, Folded, Predictor
from rabbench.models.teacher import answer_direction
from rabbench.records import PHASES, Options, Phase, Progress, Run, Shape, Workload
from rabbench.systems._rerank import Reranker, reranker
from rabbench.systems._sequences import Sequences

NAME = "rabtriever"


def build(options: Options) -> Reranker:
    """The student over the options' first stage."""
    return reranker(NAME, StudentScorer(options), options)


class StudentScorer:
    """Encodes documents and queries apart and scores pairs with the folded predictor."""

    phases: tuple[Phase, ...] = PHASES

    def __init__(self, options: Options) -> None:
        self.options = options
        self.sequences = Sequences(options)
        self._docs: Mapping[str, str] = {}

    @property
    def params(self) -> Mapping[str, Any]:
        """The backbone, and that the predictor is untrained."""
        return {**self.sequences.params, "trained": False}

    @property
    def notes(self) -> Mapping[str, Any]:
        """Documents and tokens that truncation cut."""
        return self.sequences.notes

    @cached_property
    def folded(self) -> Folded:
        """The predictor folded with the head's answer direction, on the backbone's device."""
        backbone = self.sequences.backbone
        predictor = Predictor(backbone.shape.width, INNER, seed=self.options.seed)
        direction = answer_direction(backbone, self.sequences.prompt)
        return Folded.of(predictor.to(backbone.device), direction)

    def index(self, docs: Mapping[str, str]) -> None:
        """Remember the texts; a document is encoded when it first becomes a candidate."""
        self._docs = docs

    def _encode(self, parts: list[list[int]], progress: Progress) -> torch.Tensor:
        batch = self.options.batch
        return self.sequences.backbone.encode(parts, batch=batch, progress=progress)

    def score(
        self,
        queries: Mapping[str, str],
        candidates: Mapping[str, Sequence[str]],
        progress: Progress,
    ) -> Run:
        """The student's score of every candidate."""
        prompt = self.sequences.prompt
        wanted = sorted({doc_id for doc_ids in candidates.values() for doc_id in doc_ids})
        run: Run = {query_id: {} for query_id in queries}
        if not wanted:
            return run
        row = {doc_id: i for i, doc_id in enumerate(wanted)}
        with torch.inference_mode():
            documents = [prompt.document(self._docs[doc_id]) for doc_id in wanted]
            u_d = self.folded.documents(self._encode(documents, progress))  # (N, m)
            parts = [prompt.query(query) for query in queries.values()]
            u_q, own = self.folded.queries(self._encode(parts, progress))  # (Q, m), (Q, 1)
            for i, query_id in enumerate(queries):
                doc_ids = list(candidates[query_id])
                if not doc_ids:
                    continue
                rows = u_d[[row[doc_id] for doc_id in doc_ids]]  # (k, m)
                scores = self.folded(u_q[i : i + 1], own[i : i + 1], rows)[:, 0].tolist()
                run[query_id] = dict(zip(doc_ids, scores, strict=True))
        return run

    def workloads(self, shape: Shape) -> Iterator[Workload]:
        """Encode documents, encode a query, score pairs; ``shape.batch`` of each at once."""
        before_document, before_query, after_query = self.sequences.prompt.template
        document = shape.doc_len + len(before_document)
        query = shape.query_len + len(before_query) + len(after_query)
        self.sequences.check(max(document, query))
        width = self.sequences.backbone.shape.width
        yield self._encoding("index", document, shape, 2 * width * INNER)
        yield self._encoding("query", query, shape, 2 * width * INNER + 2 * width)
        yield self._scoring(shape)

    def _encoding(self, phase: Phase, tokens: int, shape: Shape, after: int) -> Workload:
        backbone = self.sequences.backbone
        parts: list[list[int]] = []

        def step(folded: Folded) -> Callable[[torch.Tensor], Any]:
            return folded.documents if phase == "index" else folded.queries

        def prepare() -> None:
            make = self.sequences.document if phase == "index" else self.sequences.query
            parts[:] = [make(shape)] * shape.batch
            _ = self.folded

        def run() -> Any:
            with torch.inference_mode():
                return step(self.folded)(backbone.hidden(parts))

        def trace() -> Traced:
            on_meta = step(Folded(backbone.shape.width, INNER, device="meta"))
            return after_body(backbone.meta_model.base_model, shape.batch, tokens, on_meta)

        return Workload(
            system=NAME,
            phase=phase,
            shape=shape,
            device=self.options.device,
            units=shape.batch,
            prepare=prepare,
            run=run,
            trace=trace,
            closed_form=lambda how: shape.batch * (backbone.shape.body(tokens, how) + after),
            index_bytes=(lambda: 4 * INNER) if phase == "index" else None,
        )

    def _scoring(self, shape: Shape) -> Workload:
        def inputs(device: str) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
            sizes = ((1, INNER), (1, 1), (shape.batch, INNER))
            u_q, own, u_d = (torch.zeros(size, device=device) for size in sizes)
            return u_q, own, u_d

        held: list[torch.Tensor] = []

        def prepare() -> None:
            held[:] = inputs(self.options.device)
            _ = self.folded

        def run() -> Any:
            with torch.inference_mode():
                return self.folded(*held)

        def trace() -> Traced:
            folded = Folded(self.sequences.backbone.shape.width, INNER, device="meta")
            return folded, inputs("meta")

        return Workload(
            system=NAME,
            phase="score",
            shape=shape,
            device=self.options.device,
            units=shape.batch,
            prepare=prepare,
            run=run,
            trace=trace,
            closed_form=lambda _: shape.batch * 2 * INNER,
        )
