"""The teacher: a document-first generative reranker, one full forward a pair, no prefix cache.

Its only phase is ``score``: it keeps no index, and nothing of a query can be prepared before the
document is known, since the document comes first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rabbench.models.meta import MetaForward, trace_body
from rabbench.models.teacher import Teacher
from rabbench.systems._cache_key import of_checkpoint
from rabbench.systems._llm_inputs import Sequences
from rabbench.systems._reranker import Reranker, reranker
from rabbench.types import Options, Phase, Progress, Run, Shape, Workload

NAME = "teacher"


def build(options: Options) -> Reranker:
    """The generative reranker over the options' first stage."""
    return reranker(NAME, TeacherScorer(options), options)


class TeacherScorer:
    """Scores each pair with one forward of the backbone."""

    phases: tuple[Phase, ...] = ("score",)

    def __init__(self, options: Options) -> None:
        self.options = options
        self.sequences = Sequences(options)
        self._docs: Mapping[str, str] = {}

    @property
    def params(self) -> Mapping[str, Any]:
        """The backbone; fine-tuned teachers come as a model of their own."""
        trained = self.sequences.backbone.checkpoint
        weights = {"weights": trained.fingerprint(predictor=False)} if trained else {}
        return {**self.sequences.params, **weights}

    @property
    def contents(self) -> Mapping[str, str]:
        """Of a student's folder its teacher alone: its scores outlive another predictor."""
        trained = self.sequences.backbone.checkpoint
        if trained is None:
            return {}
        return {self.options.model: of_checkpoint(trained, predictor=False)}

    @property
    def notes(self) -> Mapping[str, Any]:
        """Documents and tokens that truncation cut."""
        return self.sequences.notes

    def index(self, docs: Mapping[str, str]) -> None:
        """Remember the texts; nothing is computed ahead."""
        self._docs = docs

    def score(
        self,
        queries: Mapping[str, str],
        candidates: Mapping[str, Sequence[str]],
        progress: Progress,
    ) -> Run:
        """The log-odds of every candidate."""
        prompt = self.sequences.prompt
        teacher = Teacher(self.sequences.backbone, prompt)
        wanted = {doc_id for doc_ids in candidates.values() for doc_id in doc_ids}
        documents = {doc_id: prompt.document(self._docs[doc_id]) for doc_id in sorted(wanted)}
        names = [(query_id, doc_id) for query_id in queries for doc_id in candidates[query_id]]
        parts = {query_id: prompt.query(query) for query_id, query in queries.items()}
        pairs = [documents[doc_id] + parts[query_id] for query_id, doc_id in names]
        run: Run = {query_id: {} for query_id in queries}
        if pairs:
            scores = teacher.score(pairs, batch=self.options.batch, progress=progress).tolist()
            for (query_id, doc_id), score in zip(names, scores, strict=True):
                run[query_id][doc_id] = score
        return run

    def workloads(self, shape: Shape) -> Iterator[Workload]:
        """``shape.batch`` pairs in one forward."""
        sequences, model = self.sequences, self.sequences.backbone
        tokens = shape.doc_len + shape.query_len + sequences.prompt.overhead
        sequences.check(tokens)
        teacher = Teacher(model, sequences.prompt)
        pairs: list[list[int]] = []

        def prepare() -> None:
            _ = model.model
            pairs[:] = [sequences.document(shape) + sequences.query(shape)] * shape.batch

        def trace() -> MetaForward:
            body, head = model.meta_model.base_model, model.meta_model.get_output_embeddings()
            return trace_body(body, [(shape.batch, tokens)], head)

        yield Workload(
            system=NAME,
            phase="score",
            shape=shape,
            device=self.options.device,
            units=shape.batch,
            prepare=prepare,
            run=lambda: teacher.log_odds(model.hidden(pairs)),
            trace=trace,
            closed_form=lambda how: (
                shape.batch * (model.shape.body(tokens, how) + model.shape.head())
            ),
        )
