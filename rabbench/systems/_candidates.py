"""Candidates of queries: which documents a scorer compares with which query, and their texts.

Knows ids and texts only. A reranker makes a pool, a scorer reads it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from rabbench.types import Run


@dataclass(frozen=True)
class CandidatePool:
    """Queries, the collection, and the candidates of each query.

    Args:
        queries: texts by id.
        docs: texts by id; may be lazy, and only candidates are looked up.
        doc_ids: candidates by query id; a query that is missing has none.
    """

    queries: Mapping[str, str]
    docs: Mapping[str, str]
    doc_ids: Mapping[str, Sequence[str]]

    @cached_property
    def pairs(self) -> list[tuple[str, str]]:
        """Every query id with every candidate's id, in the order of the queries."""
        return [(query, doc) for query in self.queries for doc in self.doc_ids.get(query, ())]

    @cached_property
    def query_ids(self) -> dict[str, list[str]]:
        """The queries of each candidate, by document id."""
        query_ids: dict[str, list[str]] = {}
        for query_id, doc_id in self.pairs:
            query_ids.setdefault(doc_id, []).append(query_id)
        return query_ids

    @cached_property
    def texts(self) -> dict[str, str]:
        """The text of each candidate, by ids in order."""
        return {doc_id: self.docs[doc_id] for doc_id in sorted(self.query_ids)}

    def run(self, pairs: Iterable[tuple[str, str]], scores: Iterable[float]) -> Run:
        """The run of these pairs' scores; a query without a pair has an empty ranking."""
        run: Run = {query_id: {} for query_id in self.queries}
        for (query_id, doc_id), score in zip(pairs, scores, strict=True):
            run[query_id][doc_id] = score
        return run
