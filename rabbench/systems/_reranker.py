"""Composition of a first stage and a scorer into a reranking system.

Knows candidates and depth; knows no scorer. With a depth that covers the whole collection
there is no first stage: every document is a candidate. A first stage that is composed (a saved run,
``bm25+dense``) or stands before ``>>`` is always asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from rabbench import registry
from rabbench.config.options import Options
from rabbench.systems._score_cache import Rows, ScoreCache, blocks, text_key
from rabbench.types import Phase, Progress, Run, Shape, System, Workload, no_progress, top_k


@dataclass(frozen=True)
class CandidateSet:
    """Queries, the collection, and the candidates of each query; texts and candidates by id."""

    queries: Mapping[str, str]
    docs: Mapping[str, str]  # may be lazy; only candidates are looked up
    doc_ids: Mapping[str, Sequence[str]]  # a query that is missing has none

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


class Scorer(Protocol):
    """Scores given candidates, in batches of its own; its scores are cached by pair.

    One with a ``query`` phase encodes texts apart: it may have a ``cache``, set by the reranker.
    """

    phases: tuple[Phase, ...]

    @property
    def params(self) -> Mapping[str, Any]:
        """The row's params that identify this scorer."""

    @property
    def notes(self) -> Mapping[str, Any]:
        """Counts of the scoring so far, for the row (documents cut, tokens cut)."""

    def score(self, pool: CandidateSet, progress: Progress) -> Run:
        """Score every query's candidates."""

    def workloads(self, shape: Shape) -> Iterator[Workload]:
        """One workload per phase."""


def index_stage(
    stage: System, docs: Mapping[str, str], *, progress: Progress, keep: Path | None
) -> None:
    """Index a stage of a composed system, with a progress and a folder where it takes them."""
    if hasattr(stage, "progress"):
        stage.progress = progress
    if hasattr(stage, "keep") and keep is not None:
        stage.keep = keep
    stage.index(docs)


@dataclass(eq=False, repr=False)
class Reranker:
    """A system of a first stage, a scorer that ranks its candidates, and the options' depth.

    With ``covers_all`` a depth that covers the collection makes every document a candidate.
    """

    name: str
    scorer: Scorer
    options: Options
    build_first: Callable[[], System]
    covers_all: bool = field(default=True, kw_only=True)
    progress: Progress = field(default_factory=lambda: no_progress, init=False)
    keep: Path | None = field(default=None, init=False)
    """A folder for scores and vectors of this very system, where a killed run goes on."""

    def __post_init__(self) -> None:
        """Start without a collection."""
        self.phases = self.scorer.phases
        self.depth = self.options.depth
        self._cache = ScoreCache()
        self._docs: Mapping[str, str] = {}
        self._first: System | None = None
        self._all_doc_ids: list[str] = []

    @property
    def params(self) -> Mapping[str, Any]:
        """The scorer's params."""
        return self.scorer.params

    @property
    def contents(self) -> Mapping[str, str]:
        """The part of its model that the scorer reads, where that is not all of it."""
        contents: Mapping[str, str] = getattr(self.scorer, "contents", {})
        return contents

    @property
    def notes(self) -> Mapping[str, Any]:
        """The first stage that candidates came from, and the scorer's own notes."""
        candidates = "all documents" if self._first is None else self.options.first_stage
        notes = {"candidates": candidates, **self.scorer.notes}
        for name, count in self._cache.counts.items():
            notes[name] = notes.get(name, 0) + count
        if self._cache.seconds:
            notes["kept_wall_s"] = self._cache.seconds
        for name, seconds in getattr(self._first, "notes", {}).items():
            if name in {"kept_wall_s", "documents_wall_s"}:  # spent within this search too
                notes[name] = notes.get(name, 0.0) + seconds
        return notes

    @property
    def before(self) -> tuple[System, ...]:
        """The stage whose candidates are scored, if any; as it was built, before ``index``."""
        return () if self._all_doc_ids else (self._first or self.build_first(),)

    def index(self, docs: Mapping[str, str]) -> None:
        """Index the first stage, unless every document will be a candidate."""
        self._docs = docs
        self._all_doc_ids = list(docs) if self.covers_all and len(docs) <= self.depth else []
        self._first = None
        if not self._all_doc_ids:
            self._first = self.build_first()
            folder = self.keep / "before" if self.keep is not None else None
            index_stage(self._first, docs, progress=self.progress, keep=folder)

    def search(self, queries: Mapping[str, str], k: int) -> Run:
        """Score the candidates of every query and return the best k."""
        doc_ids: Mapping[str, Sequence[str]] = dict.fromkeys(queries, self._all_doc_ids)
        if self._first is not None:
            candidates = self._first.search(queries, self.depth)
            doc_ids = {query_id: list(scores) for query_id, scores in candidates.items()}
        pool = CandidateSet(queries, self._docs, doc_ids)
        self._cache = ScoreCache(self.keep, lambda: self.scorer.notes)
        if "query" in self.scorer.phases:  # it caches vectors, not scores
            if hasattr(self.scorer, "cache"):
                self.scorer.cache = self._cache
            run = self.scorer.score(pool, self.progress)
        else:
            run = pair_scores(self._cache, self.scorer.score, pool, progress=self.progress)
        return {query_id: top_k(scores, k) for query_id, scores in run.items()}

    def workloads(self, shape: Shape) -> Iterator[Workload]:
        """The scorer's workloads, under this system's name."""
        for workload in self.scorer.workloads(shape):
            yield replace(workload, system=self.name)


def reranker(name: str, scorer: Scorer, options: Options) -> Reranker:
    """A reranker over the first stage that the options name."""

    def first_stage() -> System:
        # A first stage that reranks has BM25 before it, not itself.
        inner = replace(options, first_stage="bm25")
        built: System = registry.load("systems", options.first_stage).build(inner)
        return built

    covers_all = options.first_stage in registry.names("systems")
    return Reranker(name, scorer, options, first_stage, covers_all=covers_all)


def pair_scores(
    cache: ScoreCache,
    score: Callable[[CandidateSet, Progress], Run],
    pool: CandidateSet,
    *,
    progress: Progress,
) -> Run:
    """Score every query's candidates, a document's queries together, short documents first.

    ``score`` is a scorer's; it gets a smaller pool at a time.
    """
    words = {doc_id: len(pool.docs[doc_id].split()) for doc_id in pool.query_ids}
    order = sorted(words, key=lambda doc_id: (words[doc_id], doc_id))
    pairs = [(query_id, doc_id) for doc_id in order for query_id in pool.query_ids[doc_id]]
    if not pairs:
        return pool.run((), ())

    def compute(places: Sequence[int], within: Progress) -> Rows:
        doc_ids: dict[str, list[str]] = {}
        for place in places:
            query_id, doc_id = pairs[place]
            doc_ids.setdefault(query_id, []).append(doc_id)
        queries = {query_id: pool.queries[query_id] for query_id in doc_ids}
        run = score(CandidateSet(queries, pool.docs, doc_ids), within)
        return np.array([run[query_id][doc_id] for query_id, doc_id in (pairs[i] for i in places)])

    keys = [text_key(pool.queries[query_id], pool.docs[doc_id]) for query_id, doc_id in pairs]
    counts = ((len(pool.query_ids[doc_id]), words[doc_id]) for doc_id in order)
    groups = list(blocks((n_queries, n_queries * n_words) for n_queries, n_words in counts))
    values = cache.rows(keys, groups, compute, unit="pairs", progress=progress)
    return pool.run(pairs, values.tolist())
