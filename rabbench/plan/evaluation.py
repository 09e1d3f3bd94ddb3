"""What an evaluation will cost: each system on each data set, from counts and mean lengths.

Knows systems by their workloads only, and whether they rerank by their ``depth``. Data sets that
are not on this machine are not fetched: their sizes must be given.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from itertools import islice
from typing import Any

from rabbench import registry
from rabbench.config.quality import Sizes
from rabbench.models.backbone import resolve
from rabbench.models.catalog import PRESETS
from rabbench.plan.calibration import Calibration
from rabbench.plan.curves import Target
from rabbench.plan.models import is_local
from rabbench.plan.record import Plan, Step
from rabbench.plan.sweep import IMPORTS_TURNS, load_seconds, model_sizes, peak_bytes
from rabbench.plan.work import Predictor, Work, examine, short_run
from rabbench.quality import QualityConfig
from rabbench.quality.datasets import SuiteHandle, build_card, open_suite, sample_queries
from rabbench.types import Measurement, MissingError, Phase, Point, Shape, Workload, cost_row

WORD_TOKENS = 1.35  # tokens of a word of English prose, where the tokenizer is not asked
SAMPLED = 100  # texts whose tokens are counted
PROBE = Shape(doc_len=64, query_len=8, n_docs=512)  # a short run of what has nothing to count


@dataclass(frozen=True, kw_only=True)
class _Case:
    """One system on one data set: each phase's work and how often it is done."""

    dataset: str
    system: str
    sizes: Sizes
    works: tuple[tuple[Work, float, int], ...]  # work, units, units at once


@dataclass
class Evaluation:
    """An evaluation to be predicted."""

    config: QualityConfig
    sizes: Sizes | None = None
    _short: dict[tuple[str, str], float] = field(default_factory=dict)

    @cached_property
    def cases(self) -> list[_Case]:
        """Every data set and system of the configuration."""
        family = open_suite(self.config.suite)
        with _offline():
            measured = {
                name: self.sizes or self._measured(family, name)
                for name in family.dataset_names(self.config.datasets)
            }
        return [
            self._case(dataset, name, sizes)
            for dataset, sizes in measured.items()
            for name in self.config.systems
        ]

    def targets(self) -> list[Target]:
        """The layers that a calibration must have timed."""
        works = (work for case in self.cases for work, _, _ in case.works)
        return [target for work in works if (target := work.target) is not None]

    def plan(self, calibration: Calibration) -> Plan:
        """The prediction."""
        predictor = Predictor(calibration=calibration)
        models = model_sizes([work for case in self.cases for work, _, _ in case.works])
        turn_s = 1 / calibration.rate("interpreter")
        steps = [Step(what="start", system="all", seconds=IMPORTS_TURNS * turn_s)]
        loading = sum(load_seconds(calibration, one) for one in models.values())
        steps.append(Step(what="weights", system="all", seconds=loading))
        rows: list[Measurement] = []
        for case in self.cases:
            for work, units, batch in case.works:
                seconds = self._seconds(predictor, work, units, batch)
                length = work.workload.shape.doc_len
                what = f"{case.dataset}: {work.point.phase}"
                steps.append(Step(what=what, system=case.system, seconds=seconds, doc_len=length))
                rows += _rows(predictor, work, units, batch, seconds)
        sizes = [item.value or 0 for item in rows if item.measure == "index_size"]
        return Plan(
            command="quality",
            rows=tuple(rows),
            steps=tuple(steps),
            peak_bytes=peak_bytes(tuple(rows), models, calibration.device) + int(sum(sizes)),
            index_bytes=int(max(sizes, default=0)),
            download_bytes=sum(one["download_bytes"] for one in models.values()),
            models=models,
            assumptions=(*self._assumptions(), *filter(None, [calibration.disturbed])),
            machine=calibration.machine,
        )

    def _measured(self, family: SuiteHandle, name: str) -> Sizes:
        """Counts and mean lengths of a local data set, by its card."""
        suite = family.load(name)
        if self.config.max_queries is not None:
            suite = sample_queries(suite, self.config.max_queries, self.config.options.seed)
        card = build_card(name, suite, family)
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
        options = self.config.options
        if options.model in PRESETS or not is_local(options.model):
            return None
        return resolve(options.model).tokenizer

    def _word_tokens(self, texts: Iterable[str]) -> float:
        """Tokens of a word of these texts."""
        some = list(texts)
        words = sum(len(text.split()) for text in some)
        if self._tokenizer is None or not words:
            return WORD_TOKENS
        ids = self._tokenizer(some, add_special_tokens=False).input_ids
        return sum(map(len, ids)) / words

    def _case(self, dataset: str, name: str, sizes: Sizes) -> _Case:
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
        works = []
        for workload in system.workloads(replace(shape, n_docs=PROBE.n_docs)):
            work = examine(_point(name, system, workload, shape))
            cached = any(one.prefix for one in work.forwards)
            units = {"index": touched, "query": float(sizes.n_queries), "score": pairs}
            at_once = max(1, round(pairs / max(touched, 1))) if cached else options.batch
            works.append((work, units[work.point.phase], min(at_once, options.batch)))
        return _Case(dataset=dataset, system=name, sizes=sizes, works=tuple(works))

    def _seconds(self, predictor: Predictor, work: Work, units: float, batch: int) -> float:
        """Time of all units of a phase, batched as the system does it."""
        if not work.counted:
            key = (work.point.system, work.point.phase)
            if key not in self._short:
                self._short[key] = short_run(work.workload)
            return self._short[key] / work.workload.units * units
        if work.config is None:  # a product over all of a query's candidates at once
            queries = work.workload.shape.n_queries
            overhead = predictor.small_s(work) * queries
            return overhead + units * work.flops() / predictor.calibration.rate("gemv")
        seconds, _ = predictor.seconds(work, batch=batch)
        return units / batch * seconds

    def _assumptions(self) -> tuple[str, ...]:
        given = "as given"
        if self.sizes is None:
            asked = "tokens of a word by the model's tokenizer"
            given = f"mean words × {WORD_TOKENS if self._tokenizer is None else asked}"
        return (
            f"tokens of a text: {given}; every document as long as the mean, cut at the limit",
            "queries draw their candidates independently, so documents are shared by chance only",
            "BM25 and other phases without tensor operations: a short run, in proportion",
            "layer times as measured on random weights of the same shape; padding is left out",
        )


def _point(name: str, system: Any, workload: Workload, shape: Shape) -> Point:
    params = {**shape.params(), **system.params, **workload.params}
    phase: Phase = workload.phase
    same = replace(workload, shape=shape)
    return Point(system=name, phase=phase, params=params, build=partial(_same, same))


def _same(workload: Workload) -> Workload:
    return workload


def _rows(
    predictor: Predictor, work: Work, units: float, batch: int, seconds: float
) -> Sequence[Measurement]:
    """Totals of a phase over the whole data set; memory of one batch."""
    point = work.point.__class__(
        system=work.point.system,
        phase=work.point.phase,
        params={**work.point.params, "units": units, "batch": batch},
        build=work.point.build,
    )
    found = [cost_row(point, "wall", seconds, "s")]
    if work.counted:
        total = units * work.flops() / work.workload.units
        found.append(cost_row(point, "flops", total, "FLOP", params={"pairs": "dense"}))
    if work.config is not None:
        memory = predictor.working_bytes(work, times=batch, limit=batch)
        found.append(cost_row(point, "working_memory", memory, "B"))
    if work.workload.index_bytes is not None:
        size = units * work.workload.index_bytes()
        found.append(cost_row(point, "index_size", size, "B"))
    return found


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
