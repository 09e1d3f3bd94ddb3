"""Exact search over stored vectors of any form, and the same model over given candidates.

A search reads the stored blocks one after another and keeps the best k of each query; memory is
bounded by a block and by those.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rabbench.systems._encoder import TextEncoder
from rabbench.systems._reranker import CandidateSet
from rabbench.systems._score_cache import ScoreCache
from rabbench.systems._vectors import VectorStore, select_documents
from rabbench.types import PHASES, Phase, Progress, Run, Scores, Shape, Workload, no_progress, top_k

SEARCH_QUERIES = 256  # queries scored against a block at once


class _Encoded:
    """An encoder and a store of its vectors."""

    phases: tuple[Phase, ...] = PHASES

    def __init__(self, name: str, encoder: TextEncoder) -> None:
        self.name = name
        self.encoder = encoder
        self._store = VectorStore(encoder)

    @property
    def params(self) -> Mapping[str, Any]:
        """The model and how it runs."""
        return self.encoder.params

    @property
    def notes(self) -> Mapping[str, Any]:
        """Counts of the documents read, and their size in the index."""
        return self._store.notes

    def workloads(self, shape: Shape) -> Iterator[Workload]:
        """Encode a document, encode a query, score."""
        return self.encoder.workloads(self.name, shape)


class ExactSearch(_Encoded):
    """A system that compares a query with every document of the collection."""

    def __init__(self, name: str, encoder: TextEncoder) -> None:
        super().__init__(name, encoder)
        self.progress: Progress = no_progress
        self.keep: Path | None = None
        """A folder for vectors of this very system, where a killed run goes on."""

    @property
    def scorer(self) -> CandidateScorer:
        """The same model over given candidates, for a place behind ``>>``."""
        return CandidateScorer(self.name, self.encoder)

    def index(self, docs: Mapping[str, str]) -> None:
        """Encode the collection, streamed."""
        self._store.folder = self.keep
        self._store.add(docs.items(), total=len(docs), progress=self.progress)

    def search(self, queries: Mapping[str, str], k: int) -> Run:
        """The best k documents of each query, over the whole collection."""
        vectors = self.encoder.queries(list(queries.values())) if queries else []
        best: list[Scores] = [{} for _ in queries]
        for doc_ids, block in self._store.blocks():
            for start in range(0, len(best), SEARCH_QUERIES):
                rows = self.encoder.scores(vectors[start : start + SEARCH_QUERIES], block)
                for i, row in enumerate(rows, start):
                    best[i] = merge_best(best[i], row, doc_ids, k, above=self.encoder.found_above)
        return dict(zip(queries, best, strict=True))


class CandidateScorer(_Encoded):
    """A scorer: encodes the candidates only, and scores each with the queries that ask for it."""

    def __init__(self, name: str, encoder: TextEncoder) -> None:
        super().__init__(name, encoder)
        self.cache = ScoreCache()
        """Its folder is the place of the candidates' vectors."""
        self._documents_s = 0.0

    @property
    def notes(self) -> Mapping[str, Any]:
        """Counts of the candidates read; they are encoded while searching."""
        notes = self._store.notes
        if earlier_s := notes.pop("kept_index_wall_s", 0.0):
            notes["kept_wall_s"] = earlier_s
        return {**notes, "documents_wall_s": self._documents_s + earlier_s}

    def score(self, pool: CandidateSet, progress: Progress) -> Run:
        """The score of every candidate."""
        run = pool.run((), ())
        self._store.folder = self.cache.folder
        stream = ((doc_id, pool.docs[doc_id]) for doc_id in pool.query_ids)
        start = time.perf_counter()
        self._store.add(stream, total=len(pool.query_ids), progress=progress)
        self._documents_s = time.perf_counter() - start
        vectors = self.encoder.queries(list(pool.queries.values())) if pool.pairs else []
        place_of = {query_id: place for place, query_id in enumerate(pool.queries)}
        for doc_ids, block in self._store.blocks():
            rows_of: dict[str, list[int]] = {}
            for row, doc_id in enumerate(doc_ids):
                for query_id in pool.query_ids[doc_id]:
                    rows_of.setdefault(query_id, []).append(row)
            for query_id, rows in rows_of.items():
                place = place_of[query_id]
                candidates = select_documents(block, rows)
                (scores,) = self.encoder.scores(vectors[place : place + 1], candidates)
                ids = (doc_ids[row] for row in rows)
                run[query_id].update(zip(ids, scores.tolist(), strict=True))
        return run


def merge_best(
    best: Scores, row: np.ndarray[Any, Any], doc_ids: Sequence[str], k: int, *, above: float
) -> Scores:
    """The best k of an earlier best k and one more block's scores (n,); ties go as in ``rank``."""
    reach = next(reversed(best.values())) if len(best) >= k else -np.inf
    # Written so that a NaN stays in, for rank() to refuse.
    places = np.flatnonzero(~((row <= above) | (row < reach)))
    if len(places) > k:
        # Every document tied with the k-th stays in, for rank() to decide.
        threshold = np.partition(row[places], -k)[-k]
        places = places[~(row[places] < threshold)]
    if not len(places):
        return best
    return top_k(best | {doc_ids[place]: float(row[place]) for place in places.tolist()}, k)
