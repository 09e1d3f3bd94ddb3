"""The evaluation of ranking quality, and the sizes of a data set that is only planned for."""

from __future__ import annotations

from dataclasses import dataclass, field

from rabbench.types import Options


@dataclass(frozen=True, kw_only=True)
class QualityConfig:
    """What to evaluate.

    ``suite`` is a name or a folder in BEIR layout. Without ``datasets`` the suite's default ones
    are taken, without ``metrics`` those the suite names. ``max_queries`` takes a sample of the
    judged queries that depends on ``options.seed`` only; a larger one contains a smaller one.
    ``baseline`` is a system over which the report sets every other one.
    """

    suite: str
    datasets: tuple[str, ...] = ()
    systems: tuple[str, ...] = ("bm25", "dense", "teacher", "rabtriever")
    metrics: tuple[str, ...] = ()
    max_queries: int | None = None
    baseline: str | None = None
    options: Options = field(default_factory=Options)


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How large a data set is; lengths are mean tokens."""

    n_docs: int
    n_queries: int
    doc_tokens: float
    query_tokens: float
