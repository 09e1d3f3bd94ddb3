"""The quality job: every system on every data set, as rows of a results file.

Runs one system after another on one data set after another, writes each run in TREC format and
keeps each row as it comes. Knows no system and no suite by name; formats and prints nothing.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from pathlib import Path
from statistics import fmean, median
from typing import Any

from rabbench import environment, metrics, plugins, ties, trec
from rabbench.records import (
    BadInputError,
    Measurement,
    Options,
    Progress,
    RabbenchError,
    Results,
    Run,
    Status,
    Suite,
    UsageError,
    known,
    silent,
    top,
)
from rabbench.store import Store

LENGTHS_FROM = 10_000  # documents whose length the suite's card is computed from
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


@dataclass(frozen=True)
class _Family:
    """A suite module, or a folder in BEIR layout, behind one face."""

    name: str
    module: Any

    def load(self, dataset: str) -> Suite:
        suite: Suite = self.module.load(dataset)
        return suite

    def groups(self) -> Mapping[str, Sequence[str]]:
        return getattr(self.module, "GROUPS", {})

    def metrics(self, dataset: str) -> tuple[str, ...]:
        own = getattr(self.module, "metrics", None)
        return tuple(own(dataset)) if own else metrics.RANKING

    def chosen(self, asked: Sequence[str]) -> list[str]:
        """The data sets asked for, groups spelt out; else the default ones.

        Raises:
            UsageError: for an unknown name, or if the suite has no default.
        """
        names, groups = self.module.datasets(), self.groups()
        if not asked:
            asked = getattr(self.module, "DEFAULT", names[:1])
            if not asked:
                raise UsageError(
                    f"--suite {self.name} has many data sets; choose some with --datasets: "
                    f"{', '.join([*groups, *names])}"
                )
        chosen = list(dict.fromkeys(name for ask in asked for name in groups.get(ask, (ask,))))
        for name in chosen:
            # A full id (beir/scifact/test) ends in a name; a name may be known to load() alone.
            if name not in names and not any(name.endswith(f"/{one}") for one in names):
                self.load(name)
                raise known(f"data set of {self.name}", name, [*groups, *names])
        return chosen


@dataclass(frozen=True)
class _Folder:
    """Gives a folder the face of a suite module; its data sets are its splits."""

    path: Path

    def datasets(self) -> list[str]:
        from rabbench.suites import _folder

        return _folder.datasets(self.path)

    def load(self, split: str) -> Suite:
        from rabbench.suites import _folder

        return _folder.load(self.path, split)


def family(suite: str) -> _Family:
    """The suite of this name, or the folder in BEIR layout at this path.

    Raises:
        UsageError: if it is neither; the message lists the names.
    """
    if suite not in plugins.names("suites") and Path(suite).expanduser().is_dir():
        return _Family(suite, _Folder(Path(suite).expanduser()))
    return _Family(suite, plugins.load("suites", suite))


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
    found = family(config.suite)
    datasets = found.chosen(config.datasets)
    wanted = {name: _metrics(config.metrics or found.metrics(name)) for name in datasets}
    modules = {name: plugins.load("systems", name) for name in config.systems}
    started = Results(command="quality", config=asdict(config), environment=environment.describe())
    store = Store(out, started, resume=resume)
    total = len(datasets) * len(modules)
    for i, dataset in enumerate(datasets):
        suite = sample(found.load(dataset), config.max_queries, config.options.seed)
        _keep(store, _card(dataset, suite, found, config))
        for j, (name, module) in enumerate(modules.items()):
            progress(f"{dataset}: {name}", i * len(modules) + j, total)
            if _done(store, dataset, name, wanted[dataset]):
                continue
            job = _Job(dataset, suite, name, module, wanted[dataset], config, out)
            store.add(*job.rows())
    progress("done", total, total)
    return store.results


def _metrics(names: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(map(metrics.normalise, names)))


def sample(suite: Suite, count: int | None, seed: int) -> Suite:
    """The suite with ``count`` of its queries, drawn by a hash of seed and id; all if None.

    The draw depends neither on the order of the queries nor on a random generator's version, and
    the first 50 of a seed are among its first 100.
    """
    if count is None or count >= len(suite.queries):
        return suite

    def key(query_id: str) -> bytes:
        return hashlib.sha256(f"{seed}:{query_id}".encode()).digest()

    drawn = set(sorted(suite.queries, key=key)[:count])
    kept = {query_id: text for query_id, text in suite.queries.items() if query_id in drawn}
    return replace(
        suite, queries=kept, qrels={query_id: suite.qrels[query_id] for query_id in kept}
    )


def _words(texts: Iterator[str]) -> dict[str, float]:
    lengths = [len(text.split()) for text in texts]
    return {"mean": fmean(lengths), "median": median(lengths)}


def _card(dataset: str, suite: Suite, found: _Family, config: QualityConfig) -> dict[str, Any]:
    """What a report says of a data set; ``name`` is what rows call it in their params."""
    card: dict[str, Any] = {
        "name": dataset,
        "suite": config.suite,
        "id": suite.name,
        "licence": suite.licence,
        "source": suite.source,
        "fingerprint": suite.fingerprint,
        "n_docs": len(suite.docs),
        "n_queries": len(suite.queries),
        "n_judgements": sum(map(len, suite.qrels.values())),
        "n_excluded": sum(len(suite.excluded.get(query_id, ())) for query_id in suite.queries),
        "doc_words": _words(islice(iter(suite.docs.values()), LENGTHS_FROM)),
        "query_words": _words(iter(suite.queries.values())),
        "groups": [group for group, members in found.groups().items() if dataset in members],
    }
    if config.max_queries is not None:
        card["sampled"] = {"seed": config.options.seed, "query_ids": list(suite.queries)}
    return card


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
    metrics: Sequence[str]
    config: QualityConfig
    out: Path | None

    @property
    def k(self) -> int:
        """How many documents a query is asked for: the depth, or the deepest cut-off."""
        cutoffs = (metrics.parse(name)[1] for name in self.metrics)
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
            scores = metrics.per_query(self.suite.qrels, ranking, self.metrics)
        except RabbenchError:
            raise
        except Exception as error:
            params = {**shape, **dict(system.params if system else {})}
            return self._failed(error, params)
        params = {**shape, **system.params, **getattr(system, "notes", {}), **walls}
        params["tied_queries"] = ties.share(ranking, TIES_AT)
        return [self._row(name, scores[name], ranking, params) for name in self.metrics]

    def _search(self, system: Any) -> tuple[Run, dict[str, float]]:
        """The ranking without excluded documents, and the wall time of this one run in seconds."""
        excluded = self.suite.excluded
        deeper = max(
            (len(excluded.get(query_id, ())) for query_id in self.suite.queries), default=0
        )
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
                params={**params, "error": text[:1000]},
            )
            for name in self.metrics
        ]


__all__ = ["BadInputError", "QualityConfig", "family", "run", "sample"]
