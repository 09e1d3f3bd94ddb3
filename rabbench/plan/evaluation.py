"""What an evaluation will cost: each system on each data set, from counts and mean lengths.

Knows systems by their workloads only, and whether they rerank by their ``depth``. Data sets that
are not on this machine are not fetched: their sizes must be given.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import islice
from typing import Any

from rabbench import registry
from rabbench.config.quality import QualityConfig, Sizes
from rabbench.models.backbone import resolve
from rabbench.models.catalog import PRESETS
from rabbench.plan.calibration import Calibration
from rabbench.plan.curves import Target
from rabbench.plan.record import Plan, Step
from rabbench.plan.skeleton import is_local
from rabbench.plan.sweep import IMPORTS_TURNS, build_plan, load_seconds, model_sizes
from rabbench.plan.work import CostPredictor, TracedWork, trace_point
from rabbench.quality.datasets import SuiteHandle, build_card, open_suite, sample_queries
from rabbench.types import Measurement, MissingError, Point, Shape, cost_row

WORD_TOKENS = 1.35  # tokens of a word of English prose, without the model's tokenizer
SAMPLED = 100  # texts whose tokens are counted
PROBE = 512  # documents in a short run of a phase without FLOPs


@dataclass(frozen=True, kw_only=True)
class _PhaseLoad:
    """The work of one phase of one system on one data set: ``units`` in all, ``batch`` at once."""

    dataset: str
    work: TracedWork
    units: float
    batch: int


@dataclass
class Evaluation:
    """An evaluation to be predicted."""

    config: QualityConfig
    sizes: Sizes | None = None

    @cached_property
    def loads(self) -> list[_PhaseLoad]:
        """Every phase of every data set and system of the configuration."""
        suite = open_suite(self.config.suite)
        with _offline():
            sizes = {
                dataset: self.sizes or self._dataset_sizes(suite, dataset)
                for dataset in suite.dataset_names(self.config.datasets)
            }
        return [
            load
            for dataset, of_dataset in sizes.items()
            for name in self.config.systems
            for load in self._loads(dataset, name, of_dataset)
        ]

    def targets(self) -> list[Target]:
        """The layers that a calibration must have timed."""
        return [target for load in self.loads if (target := load.work.target) is not None]

    def plan(self, calibration: Calibration) -> Plan:
        """The prediction."""
        predictor = CostPredictor(calibration=calibration)
        models = model_sizes(load.work for load in self.loads)
        start_s = IMPORTS_TURNS * (1 / calibration.rate("interpreter"))
        load_s = sum(load_seconds(calibration, size) for size in models.values())
        steps = [
            Step(work="start", system="all", seconds=start_s),
            Step(work="weights", system="all", seconds=load_s),
        ]
        rows: list[Measurement] = []
        for load in self.loads:
            seconds = self._seconds(predictor, load)
            point = load.work.point
            steps.append(
                Step(
                    work=f"{load.dataset}: {point.phase}",
                    system=point.system,
                    seconds=seconds,
                    doc_len=load.work.workload.shape.doc_len,
                )
            )
            rows += _rows(predictor, load, seconds)
        return build_plan(
            "quality",
            rows=rows,
            steps=tuple(steps),
            models=models,
            calibration=calibration,
            assumptions=self._assumptions(),
            whole_index=True,
        )

    def _dataset_sizes(self, handle: SuiteHandle, dataset: str) -> Sizes:
        """Counts and mean lengths of a local data set, by its card."""
        suite = handle.load(dataset)
        if self.config.max_queries is not None:
            suite = sample_queries(suite, self.config.max_queries, self.config.options.seed)
        card = build_card(dataset, suite, handle)
        of_docs = self._word_tokens(islice(suite.docs.values(), SAMPLED))
        of_queries = self._word_tokens(islice(suite.queries.values(), SAMPLED))
        return Sizes(
            n_docs=card["n_docs"],
            n_queries=card["n_queries"],
            doc_tokens=of_docs * card["doc_words"]["mean"],
            query_tokens=of_queries * card["query_words"]["mean"],
        )

    @cached_property
    def _tokenizer(self) -> Any:
        """The model's tokenizer, or None where it is not on this machine."""
        model = self.config.options.model
        return None if model in PRESETS or not is_local(model) else resolve(model).tokenizer

    def _word_tokens(self, texts: Iterable[str]) -> float:
        """Tokens of a word of these texts."""
        sample = list(texts)
        words = sum(len(text.split()) for text in sample)
        if self._tokenizer is None or not words:
            return WORD_TOKENS
        ids = self._tokenizer(sample, add_special_tokens=False).input_ids
        return sum(map(len, ids)) / words

    def _loads(self, dataset: str, name: str, sizes: Sizes) -> Iterator[_PhaseLoad]:
        options = self.config.options
        system = registry.load("systems", name).build(options)
        shape = Shape(
            doc_len=max(1, min(round(sizes.doc_tokens), options.max_doc_len)),
            query_len=max(1, round(sizes.query_tokens)),
            n_docs=sizes.n_docs,
            n_queries=sizes.n_queries,
        )
        depth = getattr(system, "depth", None)
        k = sizes.n_docs if depth is None else min(depth, sizes.n_docs)
        # A document is a candidate of at least one query, if queries draw theirs independently.
        touched = sizes.n_docs * (1 - (1 - k / sizes.n_docs) ** sizes.n_queries)
        pairs = float(sizes.n_queries * k)
        units = {"index": touched, "query": float(sizes.n_queries), "score": pairs}
        for probe in system.workloads(replace(shape, n_docs=PROBE)):
            workload = replace(probe, shape=shape)
            work = trace_point(
                Point(
                    system=name,
                    phase=workload.phase,
                    params={**shape.params(), **system.params, **workload.params},
                    build=partial(replace, workload),  # as it is
                )
            )
            cached = any(forward.prefix for forward in work.forwards)
            batch = max(1, round(pairs / max(touched, 1))) if cached else options.batch
            yield _PhaseLoad(
                dataset=dataset,
                work=work,
                units=units[workload.phase],
                batch=min(batch, options.batch),
            )

    def _seconds(self, predictor: CostPredictor, load: _PhaseLoad) -> float:
        """Time of all units of a phase, batched as the system does it."""
        work = load.work
        if not work.has_flops:
            return predictor.short_s(work) / work.workload.units * load.units
        if work.config is None:  # a product over all of a query's candidates at once
            overhead_s = predictor.short_s(work) * work.workload.shape.n_queries
            return overhead_s + load.units * work.flops() / predictor.calibration.rate("gemv")
        seconds, _ = predictor.seconds(work, batch=load.batch)
        return load.units / load.batch * seconds

    def _assumptions(self) -> tuple[str, ...]:
        lengths = "as given"
        if self.sizes is None:
            by_tokenizer = "tokens of a word by the model's tokenizer"
            lengths = f"mean words × {WORD_TOKENS if self._tokenizer is None else by_tokenizer}"
        return (
            f"tokens of a text: {lengths}; every document as long as the mean, cut at the limit",
            "queries draw their candidates independently, so documents are shared by chance only",
            "BM25 and other phases without tensor operations: a short run, in proportion",
            "layer times as measured on random weights of the same shape; padding is left out",
        )


def _rows(predictor: CostPredictor, load: _PhaseLoad, seconds: float) -> Iterator[Measurement]:
    """Totals of a phase over the whole data set; memory of one batch."""
    work, workload = load.work, load.work.workload
    params = {**work.point.params, "units": load.units, "batch": load.batch}
    point = replace(work.point, params=params)
    yield cost_row(point, "wall", seconds, "s")
    if work.has_flops:
        total = load.units * work.flops() / workload.units
        yield cost_row(point, "flops", total, "FLOP", params={"pairs": "dense"})
    if work.config is not None:
        memory = predictor.working_bytes(work, times=load.batch, limit=load.batch)
        yield cost_row(point, "working_memory", memory, "B")
    if workload.index_bytes is not None:
        yield cost_row(point, "index_size", load.units * workload.index_bytes(), "B")


@contextmanager
def _offline() -> Iterator[None]:
    """No connection is made while sizes are looked up: planning fetches no data set."""
    connect = socket.socket.connect

    def refuse(*_: Any) -> None:
        raise OSError("planning downloads nothing")

    socket.socket.connect = refuse  # type: ignore[method-assign]
    try:
        yield
    except MissingError as error:
        raise MissingError(
            f"no sizes to plan with: {error}; or give them: --docs, --queries, --doc-tokens and "
            "--query-tokens"
        ) from None
    finally:
        socket.socket.connect = connect  # type: ignore[method-assign]
