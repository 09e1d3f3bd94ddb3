"""Rabtriever, the student: document and query are encoded apart, a folded predictor scores a pair.

Phases: ``index`` encodes a document and keeps one vector of the predictor's width, ``query``
encodes the query part once, ``score`` is O(m) for a pair, whatever the document's length. Where the
model is no checkpoint of ``rabbench train student``, the predictor is untrained: its cost is that
of a trained one, its ranking means nothing, and every row says so (``trained: false``).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from rabbench.models.meta import MetaForward, trace_body
from rabbench.models.student import INNER, FoldedPredictor, Predictor
from rabbench.models.teacher import answer_direction
from rabbench.systems._candidates import CandidatePool
from rabbench.systems._llm_inputs import LlmInputs
from rabbench.systems._reranker import Reranker, reranker
from rabbench.systems._score_cache import Rows, ScoreCache, text_vectors
from rabbench.types import PHASES, Options, Phase, Progress, Run, Shape, Workload

NAME = "rabtriever"


def build(options: Options) -> Reranker:
    """The student over the options' first stage."""
    return reranker(NAME, StudentScorer(options), options)


class StudentScorer:
    """Encodes documents and queries apart and scores pairs with the folded predictor.

    Args:
        options: backbone, device, batch, seed.
        name: the system's.
        window: encode a document in windows of this many tokens and average their latents; None
            encodes it whole, up to the options' limit.
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
        """What truncation cut, and the seconds that reading documents took within a search."""
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

    def _latents(self, texts: Sequence[str], progress: Progress) -> torch.Tensor:
        """z_d of each text, (N, d), from the cache where it has them."""
        start = time.perf_counter()
        states = text_vectors(self.cache, self._states, texts, progress=progress)
        self.documents_wall_s = time.perf_counter() - start + self.cache.seconds
        return torch.from_numpy(states).to(self.inputs.backbone.device)

    def score(self, pool: CandidatePool, progress: Progress) -> Run:
        """The student's score of every candidate."""
        run = pool.run((), ())
        if not pool.pairs:
            return run
        row = {doc_id: i for i, doc_id in enumerate(pool.texts)}
        with torch.inference_mode():
            latents = self._latents(list(pool.texts.values()), progress)  # (N, d)
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
        inputs = self.inputs
        before_document, before_query, after_query = inputs.prompt.template
        window = self.window or shape.doc_len
        full, rest = divmod(shape.doc_len, window)
        document = [(full, window + len(before_document))] if full else []
        document += [(1, rest + len(before_document))] if rest else []
        query = [(1, shape.query_len + len(before_query) + len(after_query))]
        inputs.check(max(tokens for _, tokens in document + query))
        width, inner = inputs.backbone.shape.width, self.inner
        common = {"system": self.name, "shape": shape, "device": self.options.device}
        yield self._encoding("index", document, 2 * width * inner, common)
        yield self._encoding("query", query, 2 * width * inner + 2 * width, common)
        yield self._scoring(common)

    def _encoding(
        self,
        phase: Phase,
        forwards: list[tuple[int, int]],
        folded_flops: int,
        common: dict[str, Any],
    ) -> Workload:
        """Encode a document or a query in forwards of (batch, tokens) each."""
        backbone, shape = self.inputs.backbone, common["shape"]
        parts: list[list[int]] = []

        def step(folded: FoldedPredictor, states: torch.Tensor) -> Any:
            if phase == "index":
                return folded.documents(states.mean(0, keepdim=True))
            return folded.queries(states)

        def prepare() -> None:
            whole = self.inputs.document(shape) if phase == "index" else []
            parts[:] = self._split(whole) if whole else [self.inputs.query(shape)]
            _ = self.folded

        def run() -> Any:
            with torch.inference_mode():
                # A shorter last window goes by itself: padding it would be work not counted.
                groups = [list(group) for _, group in groupby(parts, key=len)]
                size = self.options.batch
                batches = [g[i : i + size] for g in groups for i in range(0, len(g), size)]
                # Not ``encode``: whether the context may be exceeded was settled above.
                return step(self.folded, torch.cat([backbone.hidden(batch) for batch in batches]))

        def trace() -> MetaForward:
            folded = FoldedPredictor(backbone.shape.width, self.inner, device="meta")
            body = backbone.meta_model.base_model
            return trace_body(body, forwards, lambda states: step(folded, states))

        def closed_form(how: str) -> int:
            bodies = (batch * backbone.shape.body(tokens, how) for batch, tokens in forwards)
            return sum(bodies) + folded_flops

        return Workload(
            phase=phase,
            prepare=prepare,
            run=run,
            trace=trace,
            closed_form=closed_form,
            index_bytes=(lambda: 4 * self.inner) if phase == "index" else None,
            **common,
        )

    def _split(self, part: list[int]) -> list[list[int]]:
        """A document part as it is, or as windows with the prompt before each."""
        if self.window is None:
            return [part]
        before = len(self.inputs.prompt.template[0])
        prompt, ids = part[:before], part[before:]
        starts = range(0, len(ids), self.window)
        return [[*prompt, *ids[start : start + self.window]] for start in starts]

    def _scoring(self, common: dict[str, Any]) -> Workload:
        batch = common["shape"].batch

        def inputs(device: str) -> tuple[torch.Tensor, ...]:
            sizes = ((1, self.inner), (1, 1), (batch, self.inner))  # u_q, its term, u_d
            return tuple(torch.zeros(size, device=device) for size in sizes)

        tensors: list[torch.Tensor] = []

        def prepare() -> None:
            tensors[:] = inputs(self.options.device)
            _ = self.folded

        def run() -> Any:
            with torch.inference_mode():
                return self.folded(*tensors)

        def trace() -> MetaForward:
            folded = FoldedPredictor(self.inputs.backbone.shape.width, self.inner, device="meta")
            return folded, inputs("meta")

        return Workload(
            phase="score",
            units=batch,
            prepare=prepare,
            run=run,
            trace=trace,
            closed_form=lambda _: batch * 2 * self.inner,
            **common,
        )
