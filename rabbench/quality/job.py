"""One system on one data set: its ranking, its scores, its cost, and their identity.

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
from rabbench.config.options import Options
from rabbench.quality import metrics, query_cost, ties
from rabbench.systems._cache_key import cache_key, dataset_key, system_key
from rabbench.types import Measurement, Progress, RabbenchError, Run, Status, Suite, System, top_k

TIE_DEPTH = 10  # ranks in which a tie is counted
CACHE_FOLDER = "kept"  # of scores and vectors, within the results folder


def run_name(dataset: str, system: str) -> str:
    """The file of a system's ranking, within the results folder."""
    return f"runs/{registry.file_name(dataset)}/{registry.file_name(system)}.trec.gz"


def qrels_name(dataset: str) -> str:
    """The file of a data set's judgements, within the results folder."""
    return f"runs/{registry.file_name(dataset)}/qrels.txt.gz"


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
    def _stages(self) -> tuple[System, ...]:
        """The system, and the stages before it as they are before they index anything."""
        system = self.module.build(self.options)
        return (system, *_stages_before(system))

    @property
    def k(self) -> int:
        """Documents requested for a query: the depth, or the deepest cut-off."""
        cutoffs = (metrics.parse(name)[1] for name in self.measures)
        return max(self.options.depth, *cutoffs)

    @property
    def identity(self) -> str:
        """The hash of everything that the scores depend on."""
        return cache_key(system=self._system_key, data=dataset_key(self.suite), k=self.k)

    @property
    def _system_key(self) -> str:
        """The system's part of the identity, which names the folder of its cached scores."""
        stages = [
            (stage.name, dict(stage.params), dict(getattr(stage, "contents", {})))
            for stage in self._stages
        ]
        return system_key(self.name, stages, self.options)

    def is_complete(self, rows: Sequence[Measurement]) -> bool:
        """Whether rows of this identity hold every metric, measured."""
        measured = [row for row in rows if self.owns(row) and row.status == "ok"]
        if not {row.measure for row in measured}.issuperset(self.measures):
            return False
        return {row.params.get("identity") for row in measured} == {self.identity}

    def owns(self, row: Measurement) -> bool:
        """Whether a row is of this system on this data set, of whatever identity."""
        key = (row.phase, row.system, row.params.get("dataset"))
        return key == ("quality", self.name, self.dataset)

    def rows(self) -> list[Measurement]:
        """A row for each metric; if the system fails, rows with a status and the message."""
        params: dict[str, Any] = {
            "dataset": self.dataset,
            "n_docs": len(self.suite.docs),
            "n_queries": len(self.suite.queries),
            "depth": self.options.depth,
            "k": self.k,
        }
        try:
            system = self._stages[0]
            params |= system.params
            ranking, walls = self._search(system)
            if self.out is not None:
                path = self.out / run_name(self.dataset, self.name)
                trec.write_run(path, ranking, registry.file_name(self.name))
            scores = metrics.per_query(self.suite.qrels, ranking, self.measures)
        except RabbenchError:
            raise
        except Exception as error:
            return self._failed_rows(error, params)
        params |= {**system.params, **getattr(system, "notes", {})}
        cached_s = params.pop("kept_wall_s", 0.0)
        cached_index_s = params.pop("kept_index_wall_s", 0.0)
        if system.phases:  # the cost of a saved run is not known here
            walls["search_wall_s"] += cached_s
            walls["index_wall_s"] += cached_index_s
            params |= walls
        params["identity"] = self.identity
        params |= self._cost(system, params)
        params["tied_queries"] = ties.share(ranking, TIE_DEPTH)
        return [
            self._row(
                name,
                value=math.fsum(scores[name].values()) / len(scores[name]),
                params=params | under_ties,
                samples=scores[name],
            )
            for name, under_ties in self._under_ties(ranking, scores).items()
        ]

    def _search(self, system: Any) -> tuple[Run, dict[str, float]]:
        """The ranking without excluded documents, and the wall times of this run."""
        excluded = self.suite.excluded
        deeper = max(len(excluded.get(query_id, ())) for query_id in self.suite.queries)
        if hasattr(system, "progress"):
            system.progress = self._system_progress
        if hasattr(system, "keep") and self.out is not None:
            system.keep = self.out / CACHE_FOLDER / self._system_key
        start = time.perf_counter()
        system.index(self.suite.docs)
        indexed = time.perf_counter()
        run = system.search(self.suite.queries, self.k + deeper)
        searched = time.perf_counter()
        ranking: Run = {}
        for query_id in self.suite.queries:
            scores, skipped = run.get(query_id, {}), excluded.get(query_id, frozenset())
            retained = {d: _single(score) for d, score in scores.items() if d not in skipped}
            ranking[query_id] = top_k(retained, self.k)
        return ranking, {"index_wall_s": indexed - start, "search_wall_s": searched - indexed}

    def _system_progress(self, text: str, count: int, total: int) -> None:
        self.progress(f"{self.dataset}: {self.name}: {text} {count:,}/{total:,}", count, total)

    def _cost(self, system: System, params: Mapping[str, Any]) -> dict[str, Any]:
        """FLOPs of one query; an error here never costs the ranking."""
        try:
            shape = query_cost.mean_shape(self.card, params, self.options.max_doc_len)
            count = query_cost.flops(system, shape)
        except Exception as error:
            return {"flops_per_query": None, "flops_message": f"{type(error).__name__}: {error}"}
        lengths = {"mean_doc_len": shape.doc_len, "mean_query_len": shape.query_len}
        return {"flops_per_query": count, **(lengths if count is not None else {})}

    @property
    def expected_work(self) -> tuple[float, float]:
        """The work of this job, and the texts or pairs it goes through."""
        try:
            shape = query_cost.mean_shape(self.card, {}, self.options.max_doc_len)
            return query_cost.expected_work(self._stages[0], shape, len(self.suite.queries))
        except Exception:  # the run itself reports the error
            return 1.0, 1.0

    def _under_ties(
        self, ranking: Run, scores: Mapping[str, Mapping[str, float]]
    ) -> dict[str, dict[str, float]]:
        """Each metric's mean in the worst and the best order of ties, and in expectation."""
        worst, best = scores, scores
        if ties.any_tied(ranking):
            worst, best = ties.extremes(self.suite.qrels, ranking, self.measures)
        means = {}
        for name in scores:
            means[name] = {
                "worst_under_ties": fmean(worst[name].values()),
                "best_under_ties": fmean(best[name].values()),
            }
            expected = ties.expected(self.suite.qrels, ranking, name)
            if expected is not None:
                means[name]["expected_under_ties"] = fmean(expected.values())
        return means

    def _failed_rows(self, error: Exception, params: Mapping[str, Any]) -> list[Measurement]:
        text = f"{type(error).__name__}: {error}"
        memory = isinstance(error, MemoryError) or "OutOfMemory" in text or "can't allocate" in text
        status: Status = "oom" if memory else "error"
        params = {**params, "message": text[:1000]}
        return [self._row(name, value=None, status=status, params=params) for name in self.measures]

    def _row(self, name: str, **fields: Any) -> Measurement:
        return Measurement(
            system=self.name, phase="quality", measure=name, unit="1", better="higher", **fields
        )


def _single(score: float) -> float:
    """A score in single precision, in which trec_eval compares: what ties there must tie here."""
    return c_float(score).value


def _stages_before(system: Any) -> Iterator[System]:
    """The stages whose candidates a system ranks or fuses, and theirs."""
    for stage in getattr(system, "before", ()):
        yield stage
        yield from _stages_before(stage)
