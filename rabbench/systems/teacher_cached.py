"""The teacher with a prefix cache: a document's keys and values are computed once and kept.

Document first is what makes this possible; the paper serves its teacher so (vLLM's prefix cache).
Phases: ``index`` runs the document part and keeps its keys and values, which grow with its length;
``score`` runs the query part over them. Scores equal the uncached teacher's up to rounding.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch

from rabbench.models.meta import MetaForward, trace_body, trace_suffix
from rabbench.models.prefix import Prefix
from rabbench.models.teacher import Teacher
from rabbench.systems._reranker import Reranker, reranker
from rabbench.systems.teacher import TeacherScorer
from rabbench.types import Options, Phase, Progress, Run, Shape, Workload

NAME = "teacher-cached"


def build(options: Options) -> Reranker:
    """The generative reranker with a prefix cache over the options' first stage."""
    return reranker(NAME, CachedScorer(options), options)


class CachedScorer(TeacherScorer):
    """Scores all queries that a document is a candidate of over one run of the document."""

    phases: tuple[Phase, ...] = ("index", "score")

    def score(
        self,
        queries: Mapping[str, str],
        candidates: Mapping[str, Sequence[str]],
        progress: Progress,
    ) -> Run:
        """The log-odds of every candidate, document by document."""
        prompt, model = self.sequences.prompt, self.sequences.backbone
        teacher = Teacher(model, prompt)
        parts = {query_id: prompt.query(query) for query_id, query in queries.items()}
        asked: dict[str, list[str]] = {}
        for query_id in queries:
            for doc_id in candidates[query_id]:
                asked.setdefault(doc_id, []).append(query_id)
        run: Run = {query_id: {} for query_id in queries}
        for done, (doc_id, query_ids) in enumerate(asked.items()):
            progress(f"{NAME}: document", done, len(asked))
            document = prompt.document(self._docs[doc_id])
            self.sequences.check(len(document) + max(len(parts[i]) for i in query_ids))
            prefix = model.prefix(document)
            for start in range(0, len(query_ids), self.options.batch):
                some = query_ids[start : start + self.options.batch]
                hidden = model.hidden([parts[query_id] for query_id in some], prefix=prefix)
                scores = teacher.log_odds(hidden).tolist()
                for query_id, score in zip(some, scores, strict=True):
                    run[query_id][doc_id] = score
        return run

    def workloads(self, shape: Shape) -> Iterator[Workload]:
        """Run one document part and keep its keys and values; run one query part over them."""
        sequences, model = self.sequences, self.sequences.backbone
        before_document, before_query, after_query = sequences.prompt.template
        document = shape.doc_len + len(before_document)
        query = shape.query_len + len(before_query) + len(after_query)
        sequences.check(document + query)
        teacher = Teacher(model, sequences.prompt)
        ids: dict[str, list[int]] = {}
        held: Prefix = []

        def load() -> None:
            _ = model.model
            ids.update(document=sequences.document(shape), query=sequences.query(shape))

        def cache() -> None:
            load()
            held[:] = model.prefix(ids["document"])

        def trace_index() -> MetaForward:
            return trace_body(model.meta_model.base_model, [(1, document)], lambda state: state)

        def trace_score() -> MetaForward:
            head = model.meta_model.get_output_embeddings()
            return trace_suffix(model, document, query, head)

        def cached_bytes() -> int:
            size = torch.empty((), dtype=getattr(torch, model.dtype)).element_size()
            kept = model.shape
            return 2 * kept.layers * kept.kv_heads * kept.head_dim * document * size

        yield Workload(
            system=NAME,
            phase="index",
            shape=shape,
            device=self.options.device,
            prepare=load,
            run=lambda: model.prefix(ids["document"]),
            trace=trace_index,
            closed_form=lambda how: model.shape.body(document, how),
            index_bytes=cached_bytes,
        )
        yield Workload(
            system=NAME,
            phase="score",
            shape=shape,
            device=self.options.device,
            prepare=cache,
            run=lambda: teacher.log_odds(model.hidden([ids["query"]], prefix=held)),
            trace=trace_score,
            closed_form=lambda how: (
                model.shape.body(query, how, prefix=document) + model.shape.head()
            ),
        )
