"""The cost of one query once the index is built, in FLOPs by a system's own closed forms.

Knows systems through their workloads only: the ``query`` phase once, the ``score`` phase for each
candidate, at the mean lengths of a data set. The ``index`` phase is left out: it is paid once a
document. The stages before a reranker (its ``before``) are counted in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from rabbench.types import Phase, RabbenchError, Shape, System

PAIRS = "dense"  # every query-key pair counts, as the counters have it
TEXT_FLOPS = 5e6  # of the time that handling a text takes besides its matrix products
TOKENS_PER_WORD = 1.35  # of English prose, where no system has counted its tokens


def mean_shape(card: Mapping[str, Any], params: Mapping[str, Any], max_doc_len: int) -> Shape:
    """The mean lengths of a data set, in the tokens that a system has read.

    Args:
        card: of the data set, with ``doc_words``, ``query_words`` and ``n_docs``.
        params: of a row; ``tokens_read`` over ``documents_read`` and ``query_tokens_read`` over
            ``queries_read`` are the lengths where present, else words × 1.35.
        max_doc_len: tokens at which documents are cut.
    """
    doc = min(card["doc_words"]["mean"] * TOKENS_PER_WORD, max_doc_len)
    query = card["query_words"]["mean"] * TOKENS_PER_WORD
    if params.get("documents_read"):
        doc = params["tokens_read"] / params["documents_read"]
    if params.get("queries_read"):
        query = params["query_tokens_read"] / params["queries_read"]
    return Shape(doc_len=max(1, round(doc)), query_len=max(1, round(query)), n_docs=card["n_docs"])


def flops(system: System, shape: Shape) -> int | None:
    """FLOPs of one query online, dense pairs, with the stages that come before.

    A phase that runs no matrix products (BM25, a fusion) adds nothing, so that BM25 has 0.

    Args:
        system: already indexed. One that reranks (it has a ``depth``) scores that many candidates,
            any other the whole collection.
        shape: mean lengths, and ``n_docs`` of the collection.

    Returns:
        None for a system without phases (a saved run), or beyond the model's context.
    """
    if not {"query", "score"} & set(system.phases):
        return None
    try:
        counts = _counts(system, shape)
    except RabbenchError:
        return None
    total = counts.get("query", 0.0) + _candidates(system, shape) * counts.get("score", 0.0)
    stages = [flops(stage, shape) for stage in getattr(system, "before", ())]
    return round(total) + sum(count for count in stages if count is not None)


def _candidates(system: System, shape: Shape) -> int:
    return min(getattr(system, "depth", shape.n_docs), shape.n_docs)


def _counts(system: System, shape: Shape) -> dict[Phase, float]:
    """FLOPs of each counted phase's unit."""
    return {
        workload.phase: workload.closed_form(PAIRS) / workload.units
        for workload in system.workloads(replace(shape, n_docs=1, k=1, batch=1))
        if workload.closed_form is not None
    }


def expected_work(system: System, shape: Shape, n_queries: int) -> tuple[float, float]:
    """The work of a whole data set, for an estimate of the time to come.

    Returns:
        FLOPs, with ``TEXT_FLOPS`` for every text, and the number of texts or pairs gone through.
    """
    pairs = n_queries * _candidates(system, shape)
    texts = float(shape.n_docs)
    if hasattr(system, "depth"):  # documents that are a candidate of at least one query
        texts *= 1 - (1 - _candidates(system, shape) / shape.n_docs) ** n_queries
    times: dict[Phase, float] = {"index": texts, "query": float(n_queries), "score": float(pairs)}
    try:
        work = sum(times[phase] * count for phase, count in _counts(system, shape).items())
    except RabbenchError:
        work = 0.0
    per_pair = hasattr(system, "depth") and "query" not in system.phases
    units = float(pairs) if per_pair else texts + n_queries
    work += TEXT_FLOPS * (texts + n_queries)
    for stage in getattr(system, "before", ()):
        stage_work, stage_units = expected_work(stage, shape, n_queries)
        work, units = work + stage_work, units + stage_units
    return work, units
