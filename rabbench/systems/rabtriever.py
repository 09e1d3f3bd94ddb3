"""Rabtriever, the student: document and query are encoded apart, a folded predictor scores a pair.

Phases: ``index`` encodes a document and keeps one vector of the predictor's width, ``query``
encodes the query part once, ``score`` is O(m) for a pair, whatever the document's length. Where the
model is no checkpoint of ``rabbench train student``, the predictor is untrained: its cost is that
of a trained one, its ranking means nothing, and every row says so (``trained: false``).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from rabbench.config.options import Options
from rabbench.models.meta import MetaForward, trace_body
from rabbench.models.student import INNER, FoldedPredictor, Predictor
from rabbench.models.teacher import answer_direction
from rabbench.systems._encoder import on_zeros
from rabbench.systems._llm_inputs import LlmInputs
from rabbench.systems._reranker import CandidateSet, Reranker, reranker
from rabbench.systems._score_cache import Rows, ScoreCache, text_vectors
from rabbench.types import PHASES, Phase, Progress, Run, Shape, Workload

NAME = "rabtriever"


def build(options: Options) -> Reranker:
    """The student over the options' first stage."""
    return reranker(NAME, StudentScorer(options), options)


class StudentScorer:
    """Encodes documents and queries apart and scores pairs with the folded predictor.

    A document is encoded in windows of so many tokens, whose latents are averaged; with None it is
    encoded whole, up to the options' limit.
    """

    phases: tuple[Phase, ...] = PHASES

    def __init__(self, options: Options, name: str = NAME, window: int | None = None) -> None:
        self.options = options
        self.name = name
        self.window = window
        self.inputs = LlmInputs(options)
        self.cache = ScoreCache()
        self.documents_wall_s = 0.0

    @property
    def params(self) -> Mapping[str, Any]:
        """The backbone, and whether the predictor was trained."""
        return {**self.inputs.params, "trained": self.trained is not None}

    @property
    def trained(self) -> Path | None:
        """The file of the trained predictor, or None."""
        checkpoint = self.inputs.backbone.checkpoint
        return checkpoint.predictor if checkpoint else None

    @cached_property
    def inner(self) -> int:
        """m, the predictor's width."""
        if self.trained is None:
            return INNER
        with safe_open(self.trained, framework="pt") as weights:
            return int(weights.get_slice("query.weight").get_shape()[0])

    @property
    def notes(self) -> Mapping[str, Any]:
        """Counts of truncation, and the seconds that encoding documents took within a search."""
        return {**self.inputs.notes, "documents_wall_s": self.documents_wall_s}

    @cached_property
    def folded(self) -> FoldedPredictor:
        """The predictor folded with the head's answer direction, on the backbone's device."""
        backbone = self.inputs.backbone
        if self.trained is None:
            predictor = Predictor(backbone.shape.width, self.inner, seed=self.options.seed)
        else:
            predictor = Predictor.read(self.trained)
        direction = answer_direction(backbone, self.inputs.prompt)
        return FoldedPredictor.from_predictor(predictor.to(backbone.device), direction)

    def _encode(self, parts: list[list[int]], progress: Progress) -> torch.Tensor:
        batch = self.options.batch
        return self.inputs.backbone.encode(parts, batch=batch, progress=progress)

    def _states(self, texts: Sequence[str], progress: Progress) -> Rows:
        """z_d of each text, (N, d): of the whole, or the mean over its windows."""
        prompt = self.inputs.prompt
        if self.window is None:
            states = self._encode([prompt.document(text) for text in texts], progress)
        else:
            windows = [prompt.windows(text, self.window) for text in texts]
            flat = self._encode([part for parts in windows for part in parts], progress)
            groups = flat.split([len(parts) for parts in windows])
            states = torch.stack([group.mean(0) for group in groups])
        return states.float().cpu().numpy()

    def score(self, pool: CandidateSet, progress: Progress) -> Run:
        """The student's score of every candidate."""
        run = pool.run((), ())
        if not pool.pairs:
            return run
        row = {doc_id: i for i, doc_id in enumerate(pool.texts)}
        with torch.inference_mode():
            start, texts = time.perf_counter(), list(pool.texts.values())
            states = text_vectors(self.cache, self._states, texts, progress=progress)  # (N, d)
            self.documents_wall_s = time.perf_counter() - start + self.cache.seconds
            latents = torch.from_numpy(states).to(self.inputs.backbone.device)
            u_d = self.folded.documents(latents)  # (N, m)
            parts = [self.inputs.prompt.query(query) for query in pool.queries.values()]
            u_q, term = self.folded.queries(self._encode(parts, progress))  # (Q, m), (Q, 1)
            for i, query_id in enumerate(pool.queries):
                if doc_ids := pool.doc_ids.get(query_id):
                    rows = u_d[[row[doc_id] for doc_id in doc_ids]]  # (k, m)
                    scores = self.folded(u_q[i : i + 1], term[i : i + 1], rows)[:, 0].tolist()
                    run[query_id] = dict(zip(doc_ids, scores, strict=True))
        return run

    def workloads(self, shape: Shape) -> Iterator[Workload]:
        """Encode a document, encode a query, score ``shape.batch`` pairs."""
        inputs, prompt = self.inputs, self.inputs.prompt
        window = self.window or shape.doc_len
        starts = range(0, shape.doc_len, window)
        document_tokens, query_tokens = inputs.lengths(shape)
        before = document_tokens - shape.doc_len
        lengths = [before + min(window, shape.doc_len - start) for start in starts]
        document = [(len(list(group)), tokens) for tokens, group in groupby(lengths)]
        query = [(1, query_tokens)]
        inputs.check(max(tokens for _, tokens in document + query))

        def document_parts() -> list[list[int]]:
            ids = inputs.tokens(shape.doc_len, seed=self.options.seed)
            return [prompt.document_ids(ids[start : start + window]) for start in starts]

        def fold_document(folded: FoldedPredictor, states: torch.Tensor) -> torch.Tensor:
            return folded.documents(states.mean(0, keepdim=True))

        width, inner = inputs.backbone.shape.width, self.inner
        device = self.options.device
        common: dict[str, Any] = {"system": self.name, "shape": shape, "device": device}
        yield Workload(
            phase="index",
            closed_form=self._closed_form(document, 2 * width * inner),
            index_bytes=lambda: 4 * inner,
            **self._encoding(document, document_parts, fold_document),
            **common,
        )
        yield Workload(
            phase="query",
            closed_form=self._closed_form(query, 2 * width * inner + 2 * width),
            **self._encoding(query, lambda: [inputs.query(shape)], FoldedPredictor.queries),
            **common,
        )
        yield self._scoring(common)

    def _closed_form(
        self, forwards: list[tuple[int, int]], folded_flops: int
    ) -> Callable[[str], int]:
        body = self.inputs.backbone.shape.body
        return lambda pairs: folded_flops + sum(n * body(tokens, pairs) for n, tokens in forwards)

    def _encoding(
        self,
        forwards: list[tuple[int, int]],
        make_parts: Callable[[], list[list[int]]],
        fold: Callable[[FoldedPredictor, torch.Tensor], Any],
    ) -> dict[str, Any]:
        """A workload's ``prepare``, ``run`` and ``trace``, in forwards of (batch, tokens) each."""
        backbone = self.inputs.backbone
        parts: list[list[int]] = []

        def prepare() -> None:
            parts[:] = make_parts()
            _ = self.folded

        def run() -> Any:
            with torch.inference_mode():
                # A shorter last window goes by itself: padding it would be work not counted.
                groups = [list(group) for _, group in groupby(parts, key=len)]
                size = self.options.batch
                batches = [g[i : i + size] for g in groups for i in range(0, len(g), size)]
                # Not ``encode``: whether the context may be exceeded was settled above.
                return fold(self.folded, torch.cat([backbone.hidden(batch) for batch in batches]))

        def trace() -> MetaForward:
            folded, body = self._meta_folded(), backbone.meta_model.base_model
            return trace_body(body, forwards, lambda states: fold(folded, states))

        return {"prepare": prepare, "run": run, "trace": trace}

    def _meta_folded(self) -> FoldedPredictor:
        return FoldedPredictor(self.inputs.backbone.shape.width, self.inner, device="meta")

    def _scoring(self, common: dict[str, Any]) -> Workload:
        batch, inner = common["shape"].batch, self.inner
        sizes = ((1, inner), (1, 1), (batch, inner))  # u_q, its term, u_d
        module, meta_module = (lambda: self.folded), self._meta_folded
        return Workload(
            phase="score",
            units=batch,
            closed_form=lambda _: batch * 2 * inner,
            **on_zeros(sizes, self.options.device, module=module, meta_module=meta_module),
            **common,
        )
