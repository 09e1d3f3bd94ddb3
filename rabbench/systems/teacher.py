"""The teacher: a document-first generative reranker, one full forward a pair, no prefix cache.

Its only phase is ``score``: it keeps no index, and nothing of a query can be prepared before the
document is known, since the document comes first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rabbench.config.options import Options
from rabbench.models.meta import MetaForward, trace_body
from rabbench.models.teacher import Teacher
from rabbench.systems._cache_key import checkpoint_key
from rabbench.systems._llm_inputs import LlmInputs
from rabbench.systems._reranker import CandidateSet, Reranker, reranker
from rabbench.types import Phase, Progress, Run, Shape, Workload

NAME = "teacher"


def build(options: Options) -> Reranker:
    """The generative reranker over the options' first stage."""
    return reranker(NAME, TeacherScorer(options), options)


class TeacherScorer:
    """Scores each pair with one forward of the backbone."""

    phases: tuple[Phase, ...] = ("score",)

    def __init__(self, options: Options) -> None:
        self.options = options
        self.inputs = LlmInputs(options)

    @property
    def params(self) -> Mapping[str, Any]:
        """The backbone; fine-tuned teachers come as a model of their own."""
        trained = self.inputs.backbone.checkpoint
        weights = {"weights": trained.fingerprint(predictor=False)} if trained else {}
        return {**self.inputs.params, **weights}

    @property
    def contents(self) -> Mapping[str, str]:
        """Of a student's folder its teacher alone: its scores outlive another predictor."""
        trained = self.inputs.backbone.checkpoint
        if trained is None:
            return {}
        return {self.options.model: checkpoint_key(trained, predictor=False)}

    @property
    def notes(self) -> Mapping[str, Any]:
        """Documents and tokens that truncation cut."""
        return self.inputs.notes

    def score(self, pool: CandidateSet, progress: Progress) -> Run:
        """The log-odds of every candidate."""
        if not pool.pairs:
            return pool.run((), ())
        prompt = self.inputs.prompt
        documents = {doc_id: prompt.document(text) for doc_id, text in pool.texts.items()}
        queries = {query_id: prompt.query(text) for query_id, text in pool.queries.items()}
        prompts = [documents[doc_id] + queries[query_id] for query_id, doc_id in pool.pairs]
        teacher = Teacher(self.inputs.backbone, prompt)
        scores = teacher.score(prompts, batch=self.options.batch, progress=progress)
        return pool.run(pool.pairs, scores.tolist())

    def workloads(self, shape: Shape) -> Iterator[Workload]:
        """``shape.batch`` pairs in one forward."""
        inputs, model = self.inputs, self.inputs.backbone
        tokens = shape.doc_len + shape.query_len + inputs.prompt.overhead
        inputs.check(tokens)
        teacher = Teacher(model, inputs.prompt)
        prompts: list[list[int]] = []

        def prepare() -> None:
            _ = model.model
            prompts[:] = [inputs.document(shape) + inputs.query(shape)] * shape.batch

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
            run=lambda: teacher.log_odds(model.hidden(prompts)),
            trace=trace,
            closed_form=lambda how: (
                shape.batch * (model.shape.body(tokens, how) + model.shape.head())
            ),
        )
