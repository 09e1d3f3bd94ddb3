"""Composition of a first stage and a scorer into a reranking system.

Knows candidates and depth; not what scores them. With a depth that covers the whole collection
there is no first stage: every document is a candidate. A first stage that is composed (a saved run,
``bm25+dense``) or stands before ``>>`` is always asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from rabbench import registry
from rabbench.systems._score_cache import Kept, pairs
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
    """Scores given candidates; how it batches them is its own affair."""

    phases: tuple[Phase, ...]

    @property
    def params(self) -> Mapping[str, Any]:
        """What identifies this scorer in a row."""

    @property
    def notes(self) -> Mapping[str, Any]:
        """What happened while scoring, for the row (documents cut, tokens cut)."""

    def index(self, docs: Mapping[str, str]) -> None:
        """Take in the collection."""

    def score(
        self,
        queries: Mapping[str, str],
        candidates: Mapping[str, Sequence[str]],
        progress: Progress,
    ) -> Run:
        """Score every query's candidates."""

    def workloads(self, shape: Shape) -> Iterator[Workload]:
        """One workload per phase."""


class Reranker:
    """A system made of a first stage, a scorer and a depth.

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
        self.depth = options.depth
        self.first_stage_name = options.first_stage
        self.covers_all = covers_all
        self.progress: Progress = no_progress
        self.keep: Path | None = None
        """A folder for scores and vectors of this very system, where a killed run goes on."""
        self._kept = Kept(None, dict)
        self._docs: Mapping[str, str] = {}
        self._first_stage = first_stage
        self._first: System | None = None
        self._doc_ids: list[str] = []

    @property
    def phases(self) -> tuple[Phase, ...]:
        """The scorer's phases; the first stage is a system of its own."""
        return self.scorer.phases

    @property
    def params(self) -> Mapping[str, Any]:
        """The scorer's identity."""
        return self.scorer.params

    @property
    def contents(self) -> Mapping[str, str]:
        """What the scorer reads of its model, where that is not all of it."""
        found: Mapping[str, str] = getattr(self.scorer, "contents", {})
        return found

    @property
    def notes(self) -> Mapping[str, Any]:
        """The first stage and depth that candidates came from, and the scorer's own notes."""
        candidates = "all documents" if self._first is None else self.first_stage_name
        found = {"candidates": candidates, **self.scorer.notes}
        for name, count in self._kept.counts.items():
            found[name] = found.get(name, 0) + count
        if self._kept.seconds:
            found["kept_wall_s"] = self._kept.seconds
        for name, seconds in getattr(self._first, "notes", {}).items():
            if name in {"kept_wall_s", "documents_wall_s"}:  # spent within this search too
                found[name] = found.get(name, 0.0) + seconds
        return found

    @property
    def before(self) -> tuple[System, ...]:
        """The stage whose candidates are scored, if any; as it was built, before ``index``."""
        return () if self._doc_ids else (self._first or self._first_stage(),)

    def index(self, docs: Mapping[str, str]) -> None:
        """Index the first stage, unless every document will be a candidate."""
        self._doc_ids = list(docs) if self.covers_all and len(docs) <= self.depth else []
        self._first = None
        if not self._doc_ids:
            self._first = self._first_stage()
            if hasattr(self._first, "progress"):
                self._first.progress = self.progress
            if hasattr(self._first, "keep") and self.keep is not None:
                self._first.keep = self.keep / "before"
            self._first.index(docs)
        self._docs = docs
        self.scorer.index(docs)

    def search(self, queries: Mapping[str, str], k: int) -> Run:
        """Score the candidates of every query and keep the best k."""
        candidates: dict[str, list[str]]
        if self._first is None:
            candidates = dict.fromkeys(queries, self._doc_ids)
        else:
            found = self._first.search(queries, self.depth)
            candidates = {query_id: list(scores) for query_id, scores in found.items()}
        run = self._scored(queries, candidates)
        return {query_id: top_k(scores, k) for query_id, scores in run.items()}

    def _scored(self, queries: Mapping[str, str], candidates: Mapping[str, Sequence[str]]) -> Run:
        """Scores kept pair by pair, or document by document where a document has a vector."""
        self._kept = Kept(self.keep, lambda: self.scorer.notes)
        if "query" not in self.scorer.phases:
            texts = (queries, self._docs)
            return pairs(self._kept, self.scorer.score, texts, candidates, self.progress)
        if hasattr(self.scorer, "kept"):
            self.scorer.kept = self._kept
        return self.scorer.score(queries, candidates, self.progress)

    def workloads(self, shape: Shape) -> Iterator[Workload]:
        """The scorer's workloads, under this system's name."""
        for workload in self.scorer.workloads(shape):
            yield replace(workload, system=self.name)


def reranker(name: str, scorer: Scorer, options: Options) -> Reranker:
    """A reranker over the first stage that the options name."""
    first = options.first_stage

    def first_stage() -> System:
        # A first stage that reranks has BM25 before it, not itself.
        inner = replace(options, first_stage="bm25")
        built: System = registry.load("systems", first).build(inner)
        return built

    covers_all = first in registry.names("systems")
    return Reranker(name, scorer, options, first_stage, covers_all=covers_all)
