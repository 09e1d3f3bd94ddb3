"""Scores each query of a run against its judgements; ranx does the arithmetic.

Knows metric names (ranx, ir_measures and trec_eval style) and how to hand a run to ranx so that
it cannot be misread. Does not average, print or change what it is given.

ranx gets plain arrays that are ordered here, not its own ``Run`` and ``Qrels``: those break ties
by insertion order, fail on an empty query, accept NaN, cut a grade of 1.5 to 1, compare documents
by a hash, and cost most of a minute to compile the first time; ``ranx.evaluate`` also leaves numba
with one thread. All measured with ranx 0.3.21.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rabbench.types import BadInputError, Qrels, UsageError, rank

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[np.float64]]

RANKING = ("ndcg@10", "recall@100", "mrr@10")
"""What is measured where a suite names no metrics of its own."""

CHUNK = 2048  # queries handed to ranx at once: bounds the padded arrays

# ranx name -> other names, lower case, in ir_measures and trec_eval
NAMES: Mapping[str, tuple[str, ...]] = {
    "ndcg": ("ndcg_cut",),
    "ndcg_burges": (),
    "mrr": ("rr", "recip_rank"),
    "map": ("ap", "map_cut"),
    "recall": ("r",),
    "precision": ("p",),
    "hit_rate": ("success",),
    "r-precision": ("rprec",),
}
NEEDS_CUTOFF = {"precision", "hit_rate"}
HAS_NO_CUTOFF = {"r-precision"}
GRADED = {"ndcg", "ndcg_burges"}

_SHAPE = re.compile(
    r"(?P<name>[a-z_-]+?)"
    r"(?:\(rel=(?P<rel>\d+)\))?"
    r"(?:[@_](?P<cutoff>\d+))?"
    r"(?:-l(?P<level>\d+))?"
)


def _unknown(name: str, why: str) -> UsageError:
    return UsageError(
        f"metric {name!r}: {why}; known: {', '.join(sorted(NAMES))}, with a cut-off as in ndcg@10, "
        "the least relevant grade as in mrr@10-l2; nDCG@10, RR(rel=2)@10 and ndcg_cut_10 mean "
        "the same"
    )


def parse(name: str) -> tuple[str, int, int]:
    """A metric's ranx name, its cut-off (0: the whole ranking) and the least relevant grade.

    ``recall@1`` (``R@1``) is the share of the relevant documents found at rank 1; where the paper
    says R@1 and a query has several, the share of queries with a hit is meant: ``hit_rate@1``.

    Raises:
        UsageError: for an unknown name, or a cut-off or grade that the metric does not take.
    """
    found = _SHAPE.fullmatch(name.strip().lower())
    if found is None:
        raise _unknown(name, "not understood")
    known = {other: ranx for ranx, others in NAMES.items() for other in (ranx, *others)}
    if found["name"] not in known:
        raise _unknown(name, "unknown")
    metric = known[found["name"]]
    cutoff = int(found["cutoff"]) if found["cutoff"] else 0
    level = int(found["rel"] or found["level"] or 1)
    if metric in NEEDS_CUTOFF and cutoff == 0:
        raise _unknown(name, f"{metric} needs a cut-off of 1 or more, such as {metric}@10")
    if found["cutoff"] and (cutoff == 0 or metric in HAS_NO_CUTOFF):
        raise _unknown(name, "takes no cut-off" if cutoff else "a cut-off counts from 1")
    if (found["rel"] and found["level"]) or level == 0 or (level > 1 and metric in GRADED):
        raise _unknown(name, "a least grade is 1 or more, given once, and not for graded metrics")
    return metric, cutoff, level


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

    A document is a number within its query: judged ones first, best grade first, for the ideal
    order; then the ranking in ``records.rank`` order.
    """
    judged, ranked = [], []
    for query_id in query_ids:
        grades = qrels[query_id]
        best_first = sorted(grades, key=lambda doc_id, of=grades: -of[doc_id])  # type: ignore[misc]
        number = {doc_id: float(i) for i, doc_id in enumerate(best_first)}
        judged.append([(number[d], _grade(grades[d], query_id, d)) for d in best_first])
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
    a query without judgements is left out. Equal scores are ordered by ``records.rank``.

    Raises:
        UsageError: for an unknown metric.
        BadInputError: if nothing is judged, or a grade is not a whole number.
        ValueError: if a score is NaN.
    """
    wanted = {normalise(name): parse(name) for name in metrics}
    query_ids = [query_id for query_id, grades in qrels.items() if grades]
    if not query_ids:
        raise BadInputError("no query has a judgement: there is nothing to evaluate")
    from ranx.metrics import metric_switch

    scores: dict[str, dict[str, float]] = {name: {} for name in wanted}
    for start in range(0, len(query_ids), CHUNK):
        some = query_ids[start : start + CHUNK]
        judged, ranked = _arrays(qrels, run, some)
        for name, (metric, cutoff, level) in wanted.items():
            values = metric_switch(metric)(judged, ranked, cutoff, level)
            scores[name].update(zip(some, map(float, values), strict=True))
    return scores
