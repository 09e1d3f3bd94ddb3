"""The evaluation of ranking quality, and the sizes of a data set that is only planned for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rabbench.config.declaration import REQUIRED, option, part
from rabbench.config.options import MODELS, Options
from rabbench.config.scaling import SYSTEMS


@dataclass(frozen=True, kw_only=True)
class QualityConfig:
    """An evaluation of systems on the data sets of a suite.

    ``suite`` is a name or a folder in BEIR layout. Without ``datasets`` the suite's default ones
    are taken, without ``metrics`` those the suite names. ``max_queries`` takes a sample of the
    judged queries that depends on ``options.seed`` only; a larger one contains a smaller one.
    ``baseline`` is a system over which the report sets every other one.
    """

    suite: str = option(REQUIRED, "a suite by name, a BEIR folder, or trec:DOCS,QUERIES,QRELS")
    datasets: tuple[str, ...] = option((), "data sets of the suite")
    systems: tuple[str, ...] = option(
        SYSTEMS,
        "default {default}; also 'bm25>>teacher', 'bm25%%200>>teacher', bm25+dense and run:FILE",
    )
    metrics: tuple[str, ...] = option((), "ranx, ir_measures or trec_eval names")
    max_queries: int | None = option(None, "a seeded sample of the queries")
    baseline: str | None = option(
        None, "the report sets every other system over this one", metavar="SYSTEM"
    )
    options: Options = part(
        Options(),
        *("depth", "first_stage", "max_doc_len", "max_query_len", "batch", "attention"),
        *MODELS,
        *("device", "dtype", "seed"),
    )
    ORDER: ClassVar = ("suite", "datasets", "systems", "metrics", "options.depth")


@dataclass(frozen=True, kw_only=True)
class DemoConfig:
    """How to build the demonstration's systems; its data and sizes are fixed."""

    options: Options = part(
        Options(model="rabbench/demo-smollm2-135m"), *MODELS, "device", "dtype", "seed"
    )


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How large a data set is; lengths are mean tokens."""

    n_docs: int = option(REQUIRED, "documents, where the data set is not here", flag="--docs")
    n_queries: int = option(REQUIRED, "queries", flag="--queries")
    doc_tokens: float = option(REQUIRED, "mean tokens of a document", metavar="N")
    query_tokens: float = option(REQUIRED, "mean tokens of a query", metavar="N")
