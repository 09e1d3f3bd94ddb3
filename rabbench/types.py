"""The core types every layer shares, the one ranking rule, and the errors with their exit codes.

Knows nothing of torch, of files, or of any system, suite or measure; imports only the standard
library, so that the command line can start without loading anything heavy.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, Protocol, runtime_checkable

Scores = dict[str, float]
"""Scores of one query's documents: ``{doc_id: score}``, higher is better."""

Run = dict[str, Scores]
"""A ranking of many queries: ``{query_id: {doc_id: score}}``; never parallel lists."""

Qrels = Mapping[str, Mapping[str, int]]
"""Relevance judgements: ``{query_id: {doc_id: grade}}``; a missing document is unjudged."""

Phase = Literal["index", "query", "score"]
PHASES: tuple[Phase, ...] = ("index", "query", "score")

Status = Literal["ok", "oom", "timeout", "unsupported", "error"]
Better = Literal["lower", "higher"]

Progress = Callable[[str, int, int], None]
"""A job's report of its position: ``progress(stage, completed, total)``; jobs never print."""


def no_progress(stage: str, completed: int, total: int) -> None:
    """A progress that is shown nowhere; the default of every job."""


class RabbenchError(Exception):
    """An error a user can act on, with its remedy; ``exit_code`` is that of the command line."""

    exit_code = 2


class UsageError(RabbenchError):
    """A wrong request: an unknown name, an impossible option (exit code 2)."""


class MissingError(RabbenchError):
    """Something that the request needs is not on this machine (exit code 3)."""

    exit_code = 3


class BadInputError(RabbenchError):
    """A file that does not have the format it should have (exit code 4)."""

    exit_code = 4


@dataclass(frozen=True)
class Suite:
    """One test collection: documents, queries and judgements.

    ``docs`` and ``queries`` map ids to text and may be lazy. ``fingerprint`` is the hash of
    documents, queries and judgements. ``excluded`` lists documents that must not count for a query
    (ArguAna's own query, BRIGHT's excluded ids). ``licence`` and ``source`` are shown before use.
    ``split`` is the part of the data set, ``candidates`` the candidates of a query, in words.
    """

    name: str
    docs: Mapping[str, str]
    queries: Mapping[str, str]
    qrels: Qrels
    fingerprint: str
    licence: str
    source: str
    excluded: Mapping[str, frozenset[str]] = field(default_factory=dict)
    split: str = ""
    candidates: str = "every document of the collection"


@dataclass(frozen=True)
class Shape:
    """The size of one piece of work; lengths are tokens of the system's own tokenizer.

    ``doc_len`` and ``query_len`` count the document's and the query's own tokens, without the
    prompt around them. ``n_docs`` is the collection a first stage searches, ``k`` the candidates
    per query, ``batch`` the pairs or texts run at once.
    """

    doc_len: int
    query_len: int
    n_docs: int = 64
    n_queries: int = 1
    k: int = 1
    batch: int = 1

    def params(self) -> dict[str, int]:
        """The shape in the form of a row's ``params``."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Workload:
    """One phase of one system at one shape, ready to run: all that a measure may see.

    ``run`` does the work once on ``device``; a call covers ``units`` documents, queries or pairs,
    and a measure divides by them. ``prepare`` loads weights and inputs and is not measured.
    ``trace`` gives the same forward as a module and its inputs on the ``meta`` device with eager
    attention (no weights, no memory). ``closed_form`` gives the FLOPs from the configuration under
    a pair convention, ``"dense"`` or ``"causal"``. Both are None for a phase without tensor
    operations (BM25). ``index_bytes`` is the size of a document in the index.
    """

    system: str
    phase: Phase
    shape: Shape
    device: str
    run: Callable[[], object]
    units: int = 1
    trace: Callable[[], tuple[Any, tuple[Any, ...]]] | None = None
    closed_form: Callable[[str], int] | None = None
    index_bytes: Callable[[], int] | None = None
    prepare: Callable[[], object] = lambda: None
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Point:
    """A workload still to be built: a picklable recipe with the identity of its rows.

    ``params`` are the row's params (shape, model, device …). ``build()`` makes the workload in
    this process; a child process can unpickle the point and do the same. ``samples`` are those of
    an interrupted run.
    """

    system: str
    phase: Phase
    params: Mapping[str, Any]
    build: Callable[[], Workload]
    samples: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One row of the results file.

    ``value`` is None, with a ``status`` other than ``ok``, for a number that was not measured;
    never 0. ``samples`` are the raw figures behind the value: a list for costs, and for quality
    the score of each query by its id.
    """

    system: str
    phase: str
    measure: str
    value: float | None
    unit: str
    better: Better
    status: Status = "ok"
    params: Mapping[str, Any] = field(default_factory=dict)
    samples: Sequence[float] | Mapping[str, float] = ()

    def __post_init__(self) -> None:
        """Refuse a row whose status denies its value."""
        finite = self.value is not None and math.isfinite(self.value)
        if finite != (self.status == "ok"):
            raise ValueError(
                f"{self.system}/{self.phase}/{self.measure}: value {self.value!r} with status "
                f"{self.status!r}: a finite value needs 'ok', anything else must be None"
            )

    def with_changes(self, **changes: Any) -> Measurement:
        """A copy with other fields; ``params`` are added to the present ones."""
        changes["params"] = {**self.params, **changes.get("params", {})}
        return replace(self, **changes)


@dataclass(frozen=True, kw_only=True)
class Results:
    """The measurements of one command; the content of ``results.json`` (schema 1)."""

    command: str
    config: Mapping[str, Any]
    environment: Mapping[str, Any]
    suites: Sequence[Mapping[str, Any]] = ()
    rows: Sequence[Measurement] = ()


@runtime_checkable
class System(Protocol):
    """A retrieval system. One file in ``systems/`` makes one, by ``build(options)``.

    ``name`` is that of the registry, ``phases`` are those with a workload.
    """

    name: str
    phases: tuple[Phase, ...]

    @property
    def params(self) -> Mapping[str, Any]:
        """The build in a row: ``model``, ``attention``, ``dtype``, ``device``, ``trained``."""

    def index(self, docs: Mapping[str, str]) -> None:
        """Index a collection in place of any earlier one."""

    def search(self, queries: Mapping[str, str], k: int) -> Run:
        """The best ``k`` documents of each query with their scores, over the whole collection."""

    def workloads(self, shape: Shape) -> Iterator[Workload]:
        """One workload per phase at this shape."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The limits of a measure.

    ``rounds`` is the least number of samples of a point, ``max_rounds`` the most; between them a
    point is sampled until it has run for ``min_time_s``. ``timeout_s`` ends a point that hangs,
    ``memory_limit`` (bytes) one that allocates more; both where a point runs in a child process.
    ``reference_layers`` gives the layers of a point's own model that are timed before each of its
    latency samples, so that a change of the machine's speed shows; None times nothing.
    """

    rounds: int = 3
    max_rounds: int = 30
    min_time_s: float = 1.0
    timeout_s: float = 600.0
    memory_limit: int | None = None
    progress: Progress = no_progress
    reference_layers: Callable[[Point], Callable[[], object] | None] | None = None


class Measure(Protocol):
    """One file in ``measures/``: ``measure(points, settings)`` yields the rows of each point.

    The measure decides how its points are scheduled (interleaved, one child process each …).
    """

    def __call__(self, points: Sequence[Point], settings: Settings) -> Iterator[Measurement]:
        """Measure every point; a point that fails yields a row with a status."""


def cost_row(
    point: Point, measure: str, value: float | None, unit: str, **extra: Any
) -> Measurement:
    """A cost row of a point; lower is better. ``extra`` are further fields of the row.

    ``params`` among them are added to the point's.
    """
    return Measurement(
        system=point.system,
        phase=point.phase,
        measure=measure,
        value=value,
        unit=unit,
        better="lower",
        params={**point.params, **extra.pop("params", {})},
        **extra,
    )


def rank(scores: Mapping[str, float], k: int | None = None) -> list[tuple[str, float]]:
    """Order one query's documents: score descending, equal scores by document id descending.

    The only place that orders a ranking or breaks a tie. The rule is trec_eval's, so that an
    exported run scores the same in the field's own tools. ValueError for a NaN score.
    """
    if nan := [doc_id for doc_id, score in scores.items() if math.isnan(score)]:
        raise ValueError(f"NaN score for document {nan[0]!r} ({len(nan)} in all): cannot rank")
    ordered = sorted(scores.items(), key=lambda item: item[0], reverse=True)
    ordered.sort(key=lambda item: item[1], reverse=True)
    return ordered if k is None else ordered[:k]


def top_k(scores: Mapping[str, float], k: int) -> Scores:
    """The best ``k`` documents of one query, in rank order."""
    return dict(rank(scores, k))


def unknown_name_error(kind: str, name: str, names: Iterable[str]) -> UsageError:
    """The error for an unknown name; it lists all names."""
    return UsageError(f"unknown {kind} {name!r}; known: {', '.join(sorted(names))}")
