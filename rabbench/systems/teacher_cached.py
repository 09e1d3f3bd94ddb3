"""The teacher with a prefix cache: a document's keys and values are computed once and reused.

Document first makes this possible; the paper serves its teacher so (vLLM's prefix cache).
Phases: ``index`` runs the document part and keeps its keys and values, which grow with its length;
``score`` runs the query part over them. Scores equal the uncached teacher's up to rounding.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from rabbench.config.options import Options
from rabbench.models.meta import trace_body, trace_suffix
from rabbench.models.prefix import Prefix
from rabbench.models.teacher import Teacher
from rabbench.systems._reranker import CandidateSet, Reranker, reranker
from rabbench.systems.teacher import TeacherScorer
from rabbench.types import Phase, Progress, Run, Shape, Workload

NAME = "teacher-cached"


def build(options: Options) -> Reranker:
    """The generative reranker with a prefix cache over the options' first stage."""
    return reranker(NAME, CachedScorer(options), options)


class CachedScorer(TeacherScorer):
    """Scores all queries that a document is a candidate of over one run of the document."""

    phases: tuple[Phase, ...] = ("index", "score")

    def score(self, pool: CandidateSet, progress: Progress) -> Run:
        """The log-odds of every candidate, document by document."""
        prompt, model = self.inputs.prompt, self.inputs.backbone
        teacher = Teacher(model, prompt)
        queries = {query_id: prompt.query(text) for query_id, text in pool.queries.items()}
        run = pool.run((), ())
        for place, (doc_id, query_ids) in enumerate(pool.query_ids.items()):
            progress(f"{NAME}: document", place, len(pool.query_ids))
            document = prompt.document(pool.docs[doc_id])
            self.inputs.check(len(document) + max(len(queries[i]) for i in query_ids))
            prefix = model.prefix(document)
            for start in range(0, len(query_ids), self.options.batch):
                batch = query_ids[start : start + self.options.batch]
                hidden = model.hidden([queries[query_id] for query_id in batch], prefix=prefix)
                for query_id, score in zip(batch, teacher.log_odds(hidden).tolist(), strict=True):
                    run[query_id][doc_id] = score
        return run

    def workloads(self, shape: Shape) -> Iterator[Workload]:
        """One document part to keys and values; one query part over them."""
        inputs, model = self.inputs, self.inputs.backbone
        document, query = inputs.lengths(shape)
        inputs.check(document + query)
        teacher = Teacher(model, inputs.prompt)
        ids: dict[str, list[int]] = {}
        prefix: Prefix = []

        def load() -> None:
            _ = model.model
            ids.update(document=inputs.document(shape), query=inputs.query(shape))

        def cache() -> None:
            load()
            prefix[:] = model.prefix(ids["document"])

        def cached_bytes() -> int:
            sizes, item = model.shape, int(getattr(torch, model.dtype).itemsize)
            return 2 * sizes.layers * sizes.kv_heads * sizes.head_dim * document * item

        common: dict[str, Any] = {"system": NAME, "shape": shape, "device": self.options.device}
        yield Workload(
            phase="index",
            prepare=load,
            run=lambda: model.prefix(ids["document"]),
            trace=lambda: trace_body(
                model.meta_model.base_model, [(1, document)], lambda state: state
            ),
            closed_form=lambda how: model.shape.body(document, how),
            index_bytes=cached_bytes,
            **common,
        )
        yield Workload(
            phase="score",
            prepare=cache,
            run=lambda: teacher.log_odds(model.hidden([ids["query"]], prefix=prefix)),
            trace=lambda: trace_suffix(
                model, document, query, model.meta_model.get_output_embeddings()
            ),
            closed_form=lambda how: (
                model.shape.body(query, how, prefix=document) + model.shape.head()
            ),
            **common,
        )
