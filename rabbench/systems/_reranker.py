"""Composition of a first stage and a scorer into a reranking system.

Knows candidates and depth; not what scores them. With a depth that covers the whole collection
there is no first stage: every document is a candidate. A first stage that is composed (a saved run,
``bm25+dense``) or stands before ``>>`` is always asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from rabbench import registry
from rabbench.systems._candidates import CandidatePool
from rabbench.systems._score_cache import ScoreCache, pair_scores
from rabbench.types import (
    Options,
    Phase,
    Progress,
    Run,
    Shape,
    System,
    Workload,
    no_progress,
    top_k,
)


class Scorer(Protocol):
    """Scores given candidates, in batches of its own.

    One with a ``query`` phase encodes texts apart; it may have a ``cache`` for their vectors, a
    :class:`ScoreCache`, which the reranker sets. The scores of any other are cached by pair.
    """

    phases: tuple[Phase, ...]

    @property
    def params(self) -> Mapping[str, Any]:
        """The row's params that identify this scorer."""

    @property
    def notes(self) -> Mapping[str, Any]:
        """Counts of the scoring so far, for the row (documents cut, tokens cut)."""

    def score(self, pool: CandidatePool, progress: Progress) -> Run:
        """Score every query's candidates."""

    def workloads(self, shape: Shape) -> Iterator[Workload]:
        """One workload per phase."""


def index_stage(
    stage: System, docs: Mapping[str, str], *, progress: Progress, keep: Path | None
) -> None:
    """Index a stage of a composed system; it reports to the same progress.

    Args:
        stage: the system; ``progress`` and ``keep`` are set where it has them.
        docs: the collection.
        progress: of the whole.
        keep: a folder for what this stage computes; None for none.
    """
    if hasattr(stage, "progress"):
        stage.progress = progress
    if hasattr(stage, "keep") and keep is not None:
        stage.keep = keep
    stage.index(docs)


class Reranker:
    """A system of a first stage, a scorer and a depth.

    Args:
        name: of the whole.
        scorer: ranks the candidates.
        options: the first stage's name and the depth.
        first_stage: builds the first stage.
        covers_all: whether a depth that covers the collection makes every document a candidate.
    """

    def __init__(
        self,
        name: str,
        scorer: Scorer,
        options: Options,
        first_stage: Callable[[], System],
        *,
        covers_all: bool = True,
    ) -> None:
        self.name = name
        self.scorer = scorer
        self.phases = scorer.phases
        self.depth = options.depth
        self.first_stage_name = options.first_stage
        self.covers_all = covers_all
        self.progress: Progress = no_progress
        self.keep: Path | None = None
        """A folder for scores and vectors of this very system, where a killed run goes on."""
        self._cache = ScoreCache()
        self._docs: Mapping[str, str] = {}
        self._first_stage = first_stage
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
        candidates = "all documents" if self._first is None else self.first_stage_name
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
        return () if self._all_doc_ids else (self._first or self._first_stage(),)

    def index(self, docs: Mapping[str, str]) -> None:
        """Index the first stage, unless every document will be a candidate."""
        self._docs = docs
        self._all_doc_ids = list(docs) if self.covers_all and len(docs) <= self.depth else []
        self._first = None
        if not self._all_doc_ids:
            self._first = self._first_stage()
            folder = self.keep / "before" if self.keep is not None else None
            index_stage(self._first, docs, progress=self.progress, keep=folder)

    def search(self, queries: Mapping[str, str], k: int) -> Run:
        """Score the candidates of every query and return the best k."""
        if self._first is None:
            pool = CandidatePool(queries, self._docs, dict.fromkeys(queries, self._all_doc_ids))
        else:
            run = self._first.search(queries, self.depth)
            doc_ids = {query_id: list(scores) for query_id, scores in run.items()}
            pool = CandidatePool(queries, self._docs, doc_ids)
        return {query_id: top_k(scores, k) for query_id, scores in self._scores(pool).items()}

    def _scores(self, pool: CandidatePool) -> Run:
        """Scores, cached pair by pair, or document by document where a document has a vector."""
        self._cache = ScoreCache(self.keep, lambda: self.scorer.notes)
        if "query" not in self.scorer.phases:
            return pair_scores(self._cache, self.scorer.score, pool, progress=self.progress)
        if hasattr(self.scorer, "cache"):
            self.scorer.cache = self._cache
        return self.scorer.score(pool, self.progress)

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
