"""Rankings from elsewhere: a TREC run file, and the candidates a data set comes with.

Both know documents by id only and have no phases: their cost is unknown here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from rabbench import trec
from rabbench.systems._cache_key import file_key
from rabbench.types import BadInputError, Phase, Run, Shape, UsageError, Workload, top_k

SCOREDDOCS = "scoreddocs"
"""The name in ir_datasets for the candidates that a data set comes with."""


@runtime_checkable
class HasCandidates(Protocol):
    """Documents of a data set that comes with candidates of its queries."""

    def candidates(self, queries: Mapping[str, str]) -> Run | None:
        """The candidates of these queries with their scores; None if it has none at all."""


class _Ranking:
    """A system without phases, over a collection that it knows by ids."""

    phases: tuple[Phase, ...] = ()
    _docs: Mapping[str, str] = {}

    @property
    def params(self) -> Mapping[str, Any]:
        """No model is known."""
        return dict.fromkeys(("model", "attention", "dtype", "device"))

    def index(self, docs: Mapping[str, str]) -> None:
        """Remember the collection, to see that the ranking is about it."""
        self._docs = docs

    def workloads(self, shape: Shape) -> Iterator[Workload]:
        """None."""
        del shape
        return iter(())


class SavedRun(_Ranking):
    """A run file, gzipped or not, in place of a search."""

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self.path = path

    @cached_property
    def _run(self) -> Run:
        return trec.read_run(self.path)

    @property
    def params(self) -> Mapping[str, Any]:
        """No model is known; the file's content hash says which ranking it was."""
        digest = file_key(self.path)[:16] if self.path.is_file() else ""
        return {**super().params, "run_sha256": digest}

    def search(self, queries: Mapping[str, str], k: int) -> Run:
        """The best k documents that the file gives for each query.

        Raises:
            BadInputError: if it is no run, or one of another data set.
        """
        run = {query_id: top_k(self._run.get(query_id, {}), k) for query_id in queries}
        first = next((query_id for query_id, scores in run.items() if scores), None)
        if first is None:
            raise BadInputError(
                f"{self.path} has none of the {len(queries)} queries asked for, such as "
                f"{next(iter(queries), '')!r}; it has {next(iter(self._run))!r}: is it a run of "
                "another data set?"
            )
        for doc_id in run[first]:
            if doc_id not in self._docs:
                raise BadInputError(
                    f"{self.path} ranks document {doc_id!r} for query {first!r}, which is not "
                    "among the collection's documents: is it a run of another data set?"
                )
        return run


class ScoredDocs(_Ranking):
    """The candidates that a data set comes with, such as MS MARCO's 1,000 of each query."""

    name = SCOREDDOCS

    def search(self, queries: Mapping[str, str], k: int) -> Run:
        """The best k candidates of each query.

        Raises:
            UsageError: if the data set has none, or has more than k and no scores to choose by.
        """
        run = self._docs.candidates(queries) if isinstance(self._docs, HasCandidates) else None
        if run is None:
            raise UsageError(
                "this data set comes with no scored candidates; give --first-stage bm25, or a run "
                "as run:FILE"
            )
        unscored = {
            query_id: len(scores)
            for query_id, scores in run.items()
            if len(scores) > k and len(set(scores.values())) == 1
        }
        if unscored:
            query_id, count = next(iter(unscored.items()))
            raise UsageError(
                f"the {count} candidates of query {query_id!r} all have the same score, so the "
                f"best {k} are not known; give --depth {max(unscored.values())}"
            )
        return {query_id: top_k(run.get(query_id, {}), k) for query_id in queries}
