"""Composition of a first stage and a scorer into a reranking system.

Knows candidates and depth; not what scores them. With a depth that covers the whole collection
there is no first stage: every document is a candidate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from rabbench import plugins
from rabbench.records import (
    Options,
    Phase,
    Progress,
    Run,
    Shape,
    System,
    Workload,
    silent,
    top,
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
    """A system made of a first stage, a scorer and a depth."""

    def __init__(
        self, name: str, scorer: Scorer, options: Options, first_stage: Callable[[], System]
    ) -> None:
        self.name = name
        self.scorer = scorer
        self.depth = options.depth
        self.first_stage_name = options.first_stage
        self.progress: Progress = silent
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
    def notes(self) -> Mapping[str, Any]:
        """The first stage and depth that candidates came from, and the scorer's own notes."""
        candidates = "all documents" if self._first is None else self.first_stage_name
        return {"candidates": candidates, **self.scorer.notes}

    def index(self, docs: Mapping[str, str]) -> None:
        """Index the first stage, unless every document will be a candidate."""
        self._doc_ids = list(docs) if len(docs) <= self.depth else []
        self._first = None
        if not self._doc_ids:
            self._first = self._first_stage()
            self._first.index(docs)
        self.scorer.index(docs)

    def search(self, queries: Mapping[str, str], k: int) -> Run:
        """Score the candidates of every query and keep the best k."""
        candidates: dict[str, list[str]]
        if self._first is None:
            candidates = dict.fromkeys(queries, self._doc_ids)
        else:
            found = self._first.search(queries, self.depth)
            candidates = {query_id: list(scores) for query_id, scores in found.items()}
        run = self.scorer.score(queries, candidates, self.progress)
        return {query_id: top(scores, k) for query_id, scores in run.items()}

    def workloads(self, shape: Shape) -> Iterator[Workload]:
        """The scorer's workloads."""
        return self.scorer.workloads(shape)


def reranker(name: str, scorer: Scorer, options: Options) -> Reranker:
    """A reranker over the first stage that the options name."""

    def first_stage() -> System:
        built: System = plugins.load("systems", options.first_stage).build(options)
        return built

    return Reranker(name, scorer, options, first_stage)
