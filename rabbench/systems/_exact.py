"""Exact search over stored vectors of any form, and the same model over given candidates.

A search reads the stored blocks one after another and keeps the best k of each query; memory is
bounded by a block and by what is kept.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rabbench.systems._score_cache import Kept
from rabbench.systems._vectors import Encoder, Stored, taken
from rabbench.types import PHASES, Phase, Progress, Run, Scores, Shape, Workload, no_progress, top_k

SEARCH_QUERIES = 256  # queries scored against a block at once


class Exact:
    """A system that finds the best documents of a collection by comparing with every one.

    Args:
        name: the system's.
        encoder: makes and compares vectors.
    """

    phases: tuple[Phase, ...] = PHASES

    def __init__(self, name: str, encoder: Encoder) -> None:
        self.name = name
        self.encoder = encoder
        self.progress: Progress = no_progress
        self.keep: Path | None = None
        """A folder for vectors of this very system, where a killed run goes on."""
        self._stored = Stored(encoder)

    @property
    def params(self) -> Mapping[str, Any]:
        """The model and how it runs."""
        return self.encoder.params

    @property
    def notes(self) -> Mapping[str, Any]:
        """What was read and kept of the documents."""
        return self._stored.notes

    @property
    def scorer(self) -> Candidates:
        """The same model over given candidates, for a place behind ``>>``."""
        return Candidates(self.encoder)

    def index(self, docs: Mapping[str, str]) -> None:
        """Encode the collection, streamed."""
        self._stored.folder = self.keep
        self._stored.take_in(docs.items(), len(docs), self.progress)

    def search(self, queries: Mapping[str, str], k: int) -> Run:
        """The best k documents of each query, over the whole collection."""
        vectors = self.encoder.queries(list(queries.values())) if queries else []
        best: list[Scores] = [{} for _ in queries]
        for doc_ids, block in self._stored.blocks():
            for start in range(0, len(best), SEARCH_QUERIES):
                rows = self.encoder.scores(vectors[start : start + SEARCH_QUERIES], block)
                for i, row in enumerate(rows, start):
                    best[i] = merged(best[i], row, doc_ids, k, above=self.encoder.found_above)
        return dict(zip(queries, best, strict=True))

    def workloads(self, shape: Shape) -> Iterator[Workload]:
        """Encode a document, encode a query, score."""
        return self.encoder.workloads(self.name, shape)


class Candidates:
    """A scorer: encodes the candidates only, and scores each with the queries that ask for it."""

    phases: tuple[Phase, ...] = PHASES

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder
        self.kept = Kept(None, dict)
        """Says where a reranker keeps what it computes."""
        self._documents_s = 0.0
        self._docs: Mapping[str, str] = {}
        self._stored = Stored(encoder)

    @property
    def params(self) -> Mapping[str, Any]:
        """The model and how it runs."""
        return self.encoder.params

    @property
    def notes(self) -> Mapping[str, Any]:
        """What was read and kept of the candidates; they are encoded while searching."""
        found = self._stored.notes
        earlier_s = found.pop("kept_index_wall_s", 0.0)
        if earlier_s:
            found["kept_wall_s"] = earlier_s
        return {**found, "documents_wall_s": self._documents_s + earlier_s}

    def index(self, docs: Mapping[str, str]) -> None:
        """Remember the texts; a document is encoded when it is a candidate."""
        self._docs = docs

    def score(
        self,
        queries: Mapping[str, str],
        candidates: Mapping[str, Sequence[str]],
        progress: Progress,
    ) -> Run:
        """The score of every candidate."""
        places = {query_id: place for place, query_id in enumerate(queries)}
        asked: dict[str, list[int]] = {}
        for query_id in queries:
            for doc_id in candidates[query_id]:
                asked.setdefault(doc_id, []).append(places[query_id])
        self._stored.folder = self.kept.folder
        stream = ((doc_id, self._docs[doc_id]) for doc_id in asked)
        start = time.perf_counter()
        self._stored.take_in(stream, len(asked), progress)
        self._documents_s = time.perf_counter() - start
        vectors = self.encoder.queries(list(queries.values())) if asked else []
        found: list[Scores] = [{} for _ in queries]
        for doc_ids, block in self._stored.blocks():
            wanted: dict[int, list[int]] = {}
            for row, doc_id in enumerate(doc_ids):
                for place in asked[doc_id]:
                    wanted.setdefault(place, []).append(row)
            for place, rows in wanted.items():
                (scores,) = self.encoder.scores(vectors[place : place + 1], taken(block, rows))
                named = (doc_ids[row] for row in rows)
                found[place].update(zip(named, scores.tolist(), strict=True))
        return dict(zip(queries, found, strict=True))

    def workloads(self, shape: Shape) -> Iterator[Workload]:
        """Encode a document, encode a query, score."""
        return self.encoder.workloads("candidates", shape)


def merged(
    best: Scores, row: np.ndarray[Any, Any], doc_ids: Sequence[str], k: int, *, above: float
) -> Scores:
    """The best k of what is kept and one more block's scores (n,); ties go as in ``rank``."""
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
