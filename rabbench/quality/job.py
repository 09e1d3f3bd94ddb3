"""One system on one data set: its ranking, its scores, what it cost and what they depend on.

Knows systems through their protocol and a few optional attributes (``progress``, ``keep``,
``notes``, ``before``); knows no system, suite or metric by name. Formats and prints nothing.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from ctypes import c_float
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import fmean
from typing import Any

from rabbench import registry, trec
from rabbench.quality import metrics, query_cost, ties
from rabbench.systems._cache_key import cache_key, dataset_key, system_key
from rabbench.types import (
    Measurement,
    Options,
    Progress,
    RabbenchError,
    Run,
    Status,
    Suite,
    System,
    top_k,
)

TIES_AT = 10  # ranks in which a tie is counted
KEPT = "kept"  # folder of scores and vectors, within the results folder


@dataclass(frozen=True)
class Job:
    """One system on one data set.

    ``card`` is the data set's, ``out`` the results folder or None.
    """

    dataset: str
    suite: Suite
    card: Mapping[str, Any]
    name: str
    module: Any
    measures: Sequence[str]
    options: Options
    out: Path | None
    progress: Progress

    @cached_property
    def _built(self) -> tuple[System, ...]:
        """The system, and the stages before it as they are before they index anything."""
        system = self.module.build(self.options)
        return (system, *_before(system))

    @property
    def k(self) -> int:
        """How many documents a query is asked for: the depth, or the deepest cut-off."""
        cutoffs = (metrics.parse(name)[1] for name in self.measures)
        return max(self.options.depth, *cutoffs)

    @property
    def identity(self) -> str:
        """The hash of all that the scores depend on; ``kept`` scores lie under its first half."""
        return cache_key(system=self._of_system, data=dataset_key(self.suite), k=self.k)

    @property
    def _of_system(self) -> str:
        stages = [
            (stage.name, dict(stage.params), dict(getattr(stage, "contents", {})))
            for stage in self._built
        ]
        return system_key(self.name, stages, self.options)

    def done(self, rows: Sequence[Measurement]) -> bool:
        """Whether these rows hold every metric, measured, of just this system on just this data."""
        mine = [row for row in rows if self.owns(row) and row.status == "ok"]
        if not {row.measure for row in mine}.issuperset(self.measures):
            return False
        return {row.params.get("identity") for row in mine} == {self.identity}

    def owns(self, row: Measurement) -> bool:
        """Whether a row is of this system on this data set, whatever else it depended on."""
        of = (row.phase, row.system, row.params.get("dataset"))
        return of == ("quality", self.name, self.dataset)

    def rows(self) -> list[Measurement]:
        """A row for each metric; if the system fails, rows that say so."""
        params: dict[str, Any] = {
            "dataset": self.dataset,
            "n_docs": len(self.suite.docs),
            "n_queries": len(self.suite.queries),
            "depth": self.options.depth,
            "k": self.k,
        }
        try:
            system = self._built[0]
            params |= system.params
            ranking, walls = self._search(system)
            if self.out is not None:
                trec.write_run(self._path(self.out), ranking, registry.file_name(self.name))
            scores = metrics.per_query(self.suite.qrels, ranking, self.measures)
        except RabbenchError:
            raise
        except Exception as error:
            return self._failed(error, params)
        params |= {**system.params, **getattr(system, "notes", {})}
        kept_s = params.pop("kept_wall_s", 0.0)
        kept_index_s = params.pop("kept_index_wall_s", 0.0)
        if system.phases:  # a saved run costs nothing that is known here
            walls["search_wall_s"] += kept_s
            walls["index_wall_s"] += kept_index_s
            params |= walls
        params["identity"] = self.identity
        params |= self._cost(system, params)
        params["tied_queries"] = ties.share(ranking, TIES_AT)
        extremes = self._extremes(ranking, scores)
        return [self._row(name, scores[name], ranking, params | extremes[name]) for name in scores]

    def _search(self, system: Any) -> tuple[Run, dict[str, float]]:
        """The ranking without excluded documents, and the wall times of this run."""
        excluded = self.suite.excluded
        deeper = max(len(excluded.get(query_id, ())) for query_id in self.suite.queries)
        if hasattr(system, "progress"):
            system.progress = self._inner
        if hasattr(system, "keep") and self.out is not None:
            system.keep = self.out / KEPT / self._of_system
        start = time.perf_counter()
        system.index(self.suite.docs)
        indexed = time.perf_counter()
        found = system.search(self.suite.queries, self.k + deeper)
        searched = time.perf_counter()
        ranking: Run = {}
        for query_id in self.suite.queries:
            scores, out = found.get(query_id, {}), excluded.get(query_id, frozenset())
            kept = {d: _single(score) for d, score in scores.items() if d not in out}
            ranking[query_id] = top_k(kept, self.k)
        return ranking, {"index_wall_s": indexed - start, "search_wall_s": searched - indexed}

    def _inner(self, what: str, done: int, total: int) -> None:
        self.progress(f"{self.dataset}: {self.name}: {what} {done:,}/{total:,}", done, total)

    def _path(self, out: Path) -> Path:
        return (
            out
            / "runs"
            / registry.file_name(self.dataset)
            / f"{registry.file_name(self.name)}.trec.gz"
        )

    def _cost(self, system: System, params: Mapping[str, Any]) -> dict[str, Any]:
        """FLOPs of one query; a ranking is never lost because they could not be told."""
        try:
            shape = query_cost.mean_shape(self.card, params, self.options.max_doc_len)
            count = query_cost.flops(system, shape)
        except Exception as error:
            return {"flops_per_query": None, "flops_message": f"{type(error).__name__}: {error}"}
        lengths = {"mean_doc_len": shape.doc_len, "mean_query_len": shape.query_len}
        return {"flops_per_query": count, **(lengths if count is not None else {})}

    @property
    def expected(self) -> tuple[float, float]:
        """How much work this will be, and through how many texts or pairs it goes."""
        try:
            shape = query_cost.mean_shape(self.card, {}, self.options.max_doc_len)
            return query_cost.expected(self._built[0], shape, len(self.suite.queries))
        except Exception:  # the run itself will say what is wrong
            return 1.0, 1.0

    def _extremes(
        self, ranking: Run, scores: Mapping[str, Mapping[str, float]]
    ) -> dict[str, dict[str, float]]:
        """Each metric's mean in the worst and the best order of tied documents."""
        worst: Mapping[str, Mapping[str, float]] = scores
        best = scores
        if ties.any_tied(ranking):
            worst, best = ties.extremes(self.suite.qrels, ranking, self.measures)
        return {
            name: {
                "worst_under_ties": fmean(worst[name].values()),
                "best_under_ties": fmean(best[name].values()),
            }
            for name in scores
        }

    def _row(
        self, name: str, scores: dict[str, float], ranking: Run, params: dict[str, Any]
    ) -> Measurement:
        expected = ties.expected(self.suite.qrels, ranking, name)
        if expected is not None:
            params = {**params, "expected_under_ties": fmean(expected.values())}
        value = math.fsum(scores.values()) / len(scores)
        return self._measurement(name, value=value, params=params, samples=scores)

    def _failed(self, error: Exception, params: Mapping[str, Any]) -> list[Measurement]:
        text = f"{type(error).__name__}: {error}"
        memory = isinstance(error, MemoryError) or "OutOfMemory" in text or "can't allocate" in text
        status: Status = "oom" if memory else "error"
        params = {**params, "message": text[:1000]}
        return [
            self._measurement(name, value=None, status=status, params=params)
            for name in self.measures
        ]

    def _measurement(self, name: str, **fields: Any) -> Measurement:
        return Measurement(
            system=self.name, phase="quality", measure=name, unit="1", better="higher", **fields
        )


def _single(score: float) -> float:
    """A score in single precision, in which trec_eval compares: what ties there must tie here."""
    return c_float(score).value


def _before(system: Any) -> Iterator[System]:
    """The stages whose candidates a system ranks or fuses, and theirs."""
    for stage in getattr(system, "before", ()):
        yield stage
        yield from _before(stage)
