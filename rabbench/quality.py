"""The quality job: every system on every data set, as rows of a results file.

Runs one system after another on one data set after another, writes each run in TREC format and
keeps each row as it comes. Knows no system and no suite by name; formats and prints nothing.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from rabbench import environment, metrics, plugins, selection, ties, trec
from rabbench.records import (
    Measurement,
    Options,
    Progress,
    RabbenchError,
    Results,
    Run,
    Status,
    Suite,
    UsageError,
    silent,
    top,
)
from rabbench.store import Store

TIES_AT = 10  # ranks in which a tie is counted


@dataclass(frozen=True, kw_only=True)
class QualityConfig:
    """What to evaluate.

    ``suite`` is a name or a folder in BEIR layout. Without ``datasets`` the suite's default ones
    are taken, without ``metrics`` those the suite names. ``max_queries`` takes a sample of the
    judged queries that depends on ``options.seed`` only; a larger one contains a smaller one.
    """

    suite: str
    datasets: tuple[str, ...] = ()
    systems: tuple[str, ...] = ("bm25", "dense", "teacher", "rabtriever")
    metrics: tuple[str, ...] = ()
    max_queries: int | None = None
    options: Options = field(default_factory=Options)


def run(
    config: QualityConfig,
    *,
    out: Path | None = None,
    resume: bool = False,
    progress: Progress = silent,
) -> Results:
    """Evaluate and return the results; with ``out`` each system is on disk when it is done.

    A system that fails on a data set leaves rows with a status and the message, and the run goes
    on. Rows hold the mean as value and each query's score as samples.

    Args:
        config: what to evaluate.
        out: the results folder; None keeps the rows in memory.
        resume: keep what ``out`` already holds of the same data (by the suite's fingerprint).
        progress: told which data set and system is at work.

    Raises:
        UsageError: for an unknown suite, data set, system or metric.
        MissingError: if a data set, model or device is not there.
        BadInputError: if a data set is damaged or empty.
    """
    device = environment.device(config.options.device)
    config = replace(config, options=replace(config.options, device=device))
    if config.max_queries is not None and config.max_queries < 1:
        raise UsageError(f"--max-queries {config.max_queries}: at least 1 query is needed")
    found = selection.family(config.suite)
    datasets = found.chosen(config.datasets)
    wanted = {name: _metrics(config.metrics or found.metrics(name)) for name in datasets}
    modules = {name: plugins.load("systems", name) for name in config.systems}
    started = Results(command="quality", config=asdict(config), environment=environment.describe())
    store = Store(out, started, resume=resume)
    total = len(datasets) * len(modules)
    for i, dataset in enumerate(datasets):
        suite = found.load(dataset)
        if config.max_queries is not None:
            suite = selection.sample(suite, config.max_queries, config.options.seed)
        card = selection.card(dataset, suite, found)
        if config.max_queries is not None:
            card["sampled"] = {"seed": config.options.seed, "query_ids": list(suite.queries)}
        _keep(store, card)
        for j, (name, module) in enumerate(modules.items()):
            progress(f"{dataset}: {name}", i * len(modules) + j, total)
            if _done(store, dataset, name, wanted[dataset]):
                continue
            job = _Job(dataset, suite, name, module, wanted[dataset], config, out, progress)
            store.add(*job.rows())
    progress("done", total, total)
    return store.results


def _metrics(names: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(map(metrics.normalise, names)))


def _keep(store: Store, card: Mapping[str, Any]) -> None:
    """Keep a data set's card; rows measured on other content of the same name are dropped."""
    for old in store.results.suites:
        if old["name"] == card["name"] and old["fingerprint"] != card["fingerprint"]:
            rows = tuple(row for row in store.rows if row.params.get("dataset") != card["name"])
            store.results = replace(store.results, rows=rows)
    store.add_suite(card)


def _done(store: Store, dataset: str, system: str, wanted: Sequence[str]) -> bool:
    measured = {
        row.measure
        for row in store.rows
        if (row.system, row.params.get("dataset"), row.status) == (system, dataset, "ok")
    }
    return measured.issuperset(wanted)


@dataclass(frozen=True)
class _Job:
    """One system on one data set."""

    dataset: str
    suite: Suite
    name: str
    module: Any
    measures: Sequence[str]
    config: QualityConfig
    out: Path | None
    progress: Progress

    @property
    def k(self) -> int:
        """How many documents a query is asked for: the depth, or the deepest cut-off."""
        cutoffs = (metrics.parse(name)[1] for name in self.measures)
        return max(self.config.options.depth, *cutoffs)

    def rows(self) -> list[Measurement]:
        """A row for each metric; if the system fails, rows that say so."""
        shape = {
            "dataset": self.dataset,
            "n_docs": len(self.suite.docs),
            "n_queries": len(self.suite.queries),
            "depth": self.config.options.depth,
            "k": self.k,
        }
        system = None
        try:
            system = self.module.build(self.config.options)
            ranking, walls = self._search(system)
            if self.out is not None:
                trec.write_run(self._path(self.out), ranking, self.name)
            scores = metrics.per_query(self.suite.qrels, ranking, self.measures)
        except RabbenchError:
            raise
        except Exception as error:
            params = {**shape, **dict(system.params if system else {})}
            return self._failed(error, params)
        params = {**shape, **system.params, **getattr(system, "notes", {}), **walls}
        params["tied_queries"] = ties.share(ranking, TIES_AT)
        return [self._row(name, scores[name], ranking, params) for name in self.measures]

    def _search(self, system: Any) -> tuple[Run, dict[str, float]]:
        """The ranking without excluded documents, and the wall times of this run."""
        excluded = self.suite.excluded
        deeper = max(len(excluded.get(query_id, ())) for query_id in self.suite.queries)
        if hasattr(system, "progress"):
            system.progress = self._inner
        start = time.perf_counter()
        system.index(self.suite.docs)
        indexed = time.perf_counter()
        found = system.search(self.suite.queries, self.k + deeper)
        searched = time.perf_counter()
        ranking: Run = {}
        for query_id in self.suite.queries:
            scores, out = found.get(query_id, {}), excluded.get(query_id, frozenset())
            ranking[query_id] = top({d: s for d, s in scores.items() if d not in out}, self.k)
        return ranking, {"index_wall_s": indexed - start, "search_wall_s": searched - indexed}

    def _inner(self, what: str, done: int, total: int) -> None:
        self.progress(f"{self.dataset}: {self.name}: {what}", done, total)

    def _path(self, out: Path) -> Path:
        return out / "runs" / self.dataset.replace("/", "-") / f"{self.name}.trec.gz"

    def _row(
        self, name: str, scores: dict[str, float], ranking: Run, params: dict[str, Any]
    ) -> Measurement:
        expected = ties.expected(self.suite.qrels, ranking, name)
        if expected is not None:
            params = {**params, "expected_under_ties": fmean(expected.values())}
        return Measurement(
            system=self.name,
            phase="quality",
            measure=name,
            value=math.fsum(scores.values()) / len(scores),
            unit="1",
            better="higher",
            params=params,
            samples=scores,
        )

    def _failed(self, error: Exception, params: dict[str, Any]) -> list[Measurement]:
        text = f"{type(error).__name__}: {error}"
        memory = isinstance(error, MemoryError) or "OutOfMemory" in text or "can't allocate" in text
        status: Status = "oom" if memory else "error"
        return [
            Measurement(
                system=self.name,
                phase="quality",
                measure=name,
                value=None,
                unit="1",
                better="higher",
                status=status,
                params={**params, "message": text[:1000]},
            )
            for name in self.measures
        ]
