"""Scores of each query of a run against its judgements; ranx does the arithmetic.

Knows metric names (ranx, ir_measures and trec_eval style) and how to hand a run to ranx so that
it cannot be misread. Does not average, print or change its arguments.

ranx gets plain arrays that are ordered here, not its own ``Run`` and ``Qrels``: those break ties
by insertion order, fail on an empty query, accept NaN, cut a grade of 1.5 to 1, compare documents
by a hash, and cost most of a minute to compile the first time; ``ranx.evaluate`` also leaves numba
with one thread. All measured with ranx 0.3.21.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rabbench.types import BadInputError, Qrels, UsageError, rank

if TYPE_CHECKING:
    from rabbench.stats.intervals import Array

RANKING = ("ndcg@10", "recall@100", "mrr@10")
"""The metrics of a suite that names none."""

CHUNK = 2048  # queries handed to ranx at once: bounds the padded arrays


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A score of each query; more is better.

    ``aliases`` are its names in ir_measures and trec_eval, in lower case. A ``graded`` metric
    takes no least relevant grade. ``score`` is a function of judgements and rankings, (Q, width, 2)
    each as ``_arrays`` has them, cut-off (0: the whole ranking) and least relevant grade, which
    returns (Q,) scores; by default it is ranx's of this name.
    """

    aliases: tuple[str, ...] = ()
    cutoff: Literal["optional", "required", "none"] = "optional"
    graded: bool = False
    score: Callable[[Array, Array, int, int], Array] | None = None


METRICS: dict[str, Metric] = {
    "ndcg": Metric(aliases=("ndcg_cut",), graded=True),
    "ndcg_burges": Metric(graded=True),
    "mrr": Metric(aliases=("rr", "recip_rank")),
    "map": Metric(aliases=("ap", "map_cut")),
    "recall": Metric(aliases=("r",)),
    "precision": Metric(aliases=("p",), cutoff="required"),
    "hit_rate": Metric(aliases=("success",), cutoff="required"),
    "r-precision": Metric(aliases=("rprec",), cutoff="none"),
}
"""All that is known of a metric, by its ranx name: a new one is one entry here."""

_SHAPE = re.compile(
    r"(?P<name>[a-z][a-z0-9_-]*?)"
    r"(?:\(rel=(?P<rel>\d+)\))?"
    r"(?:[@_](?P<cutoff>\d+))?"
    r"(?:-l(?P<level>\d+))?"
)


def _unknown(name: str, why: str) -> UsageError:
    return UsageError(
        f"metric {name!r}: {why}; known: {', '.join(sorted(METRICS))}, with a cut-off as in "
        "ndcg@10, the least relevant grade as in mrr@10-l2; nDCG@10, RR(rel=2)@10 and ndcg_cut_10 "
        "mean the same"
    )


def parse(name: str) -> tuple[str, int, int]:
    """A metric's ranx name, its cut-off (0: the whole ranking) and the least relevant grade.

    ``recall@1`` (``R@1``) is the share of the relevant documents found at rank 1; where the paper
    says R@1 and a query has several, the share of queries with a hit is meant: ``hit_rate@1``.

    Raises:
        UsageError: for an unknown name, or a cut-off or grade that the metric does not take.
    """
    match = _SHAPE.fullmatch(name.strip().lower())
    if match is None:
        raise _unknown(name, "not understood")
    names = {alias: ranx for ranx, m in METRICS.items() for alias in (ranx, *m.aliases)}
    if match["name"] not in names:
        raise _unknown(name, "unknown")
    ranx_name = names[match["name"]]
    metric = METRICS[ranx_name]
    cutoff = int(match["cutoff"] or 0)
    level = int(match["rel"] or match["level"] or 1)
    if metric.cutoff == "required" and cutoff == 0:
        raise _unknown(name, f"{ranx_name} needs a cut-off of 1 or more, such as {ranx_name}@10")
    if match["cutoff"] and (cutoff == 0 or metric.cutoff == "none"):
        raise _unknown(name, "takes no cut-off" if cutoff else "a cut-off counts from 1")
    if (match["rel"] and match["level"]) or level == 0 or (level > 1 and metric.graded):
        raise _unknown(name, "a least grade is 1 or more, given once, and not for graded metrics")
    return ranx_name, cutoff, level


def normalise(name: str) -> str:
    """The name in ranx style: ``nDCG@10``, ``ndcg_cut_10`` and ``ndcg@10`` give ``ndcg@10``.

    Raises:
        UsageError: for an unknown name; the message lists the known ones.
    """
    metric, cutoff, level = parse(name)
    return metric + (f"@{cutoff}" if cutoff else "") + (f"-l{level}" if level > 1 else "")


def _grade(value: float, query_id: str, doc_id: str) -> float:
    if not math.isfinite(value) or value != int(value):
        raise BadInputError(
            f"grade {value!r} of document {doc_id!r} for query {query_id!r} is not whole; "
            "judgements are whole numbers"
        )
    return float(value)


def _padded(rows: Sequence[Sequence[tuple[float, float]]], pad: float) -> Array:
    """Rows of pairs as one array; the padding is an id that no document has, with grade 0.

    Returns:
        (len(rows), longest row but at least 1, 2)
    """
    import numpy as np

    filled = np.zeros((len(rows), max(1, *map(len, rows)), 2))
    filled[:, :, 0] = pad
    for i, row in enumerate(rows):
        if row:
            filled[i, : len(row)] = row
    return filled


def _arrays(
    qrels: Qrels, run: Mapping[str, Mapping[str, float]], query_ids: Sequence[str]
) -> tuple[Array, Array]:
    """Judgements and ranking of some queries as ranx's kernels take them: (Q, width, 2) each.

    The last axis is document and grade; in a ranking the grade is 0. A document is a number within
    its query: judged ones first, best grade first, for the ideal order; then the ranking in
    ``types.rank`` order.
    """
    judged, ranked = [], []
    for query_id in query_ids:
        best_first = sorted(qrels[query_id].items(), key=lambda item: -item[1])
        number = {doc_id: float(i) for i, (doc_id, _) in enumerate(best_first)}
        judged.append([(number[d], _grade(grade, query_id, d)) for d, grade in best_first])
        try:
            order = rank(run.get(query_id, {}))
        except ValueError as error:
            raise ValueError(f"query {query_id!r}: {error}") from None
        ranked.append([(number.setdefault(d, float(len(number))), 0.0) for d, _ in order])
    return _padded(judged, -1.0), _padded(ranked, -2.0)


def per_query(
    qrels: Qrels, run: Mapping[str, Mapping[str, float]], metrics: Sequence[str]
) -> dict[str, dict[str, float]]:
    """Score every judged query: ``{metric: {query_id: score}}``, names in ranx style.

    A judged query that the run lacks, or for which it returned nothing, scores 0 and stays in;
    a query without judgements is left out. Equal scores are ordered by ``types.rank``.

    Raises:
        UsageError: for an unknown metric.
        BadInputError: if nothing is judged, or a grade is not a whole number.
        ValueError: if a score is NaN.
    """
    parsed = {normalise(name): parse(name) for name in metrics}
    query_ids = [query_id for query_id, grades in qrels.items() if grades]
    if not query_ids:
        raise BadInputError("no query has a judgement: there is nothing to evaluate")
    from ranx.metrics import metric_switch

    scores: dict[str, dict[str, float]] = {name: {} for name in parsed}
    for start in range(0, len(query_ids), CHUNK):
        chunk = query_ids[start : start + CHUNK]
        judged, ranked = _arrays(qrels, run, chunk)
        for name, (metric, cutoff, level) in parsed.items():
            kernel = METRICS[metric].score or metric_switch(metric)
            values = kernel(judged, ranked, cutoff, level)
            scores[name].update(zip(chunk, map(float, values), strict=True))
    return scores
