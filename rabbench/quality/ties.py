"""Equal scores: the share of queries that have them, and metrics over the orders of ties.

Knows only a run and judgements. A system that ignores the document ties every candidate, and the
order in which ties happen to fall then decides its score. Besides the score by ``types.rank`` there
are the mean over all orders of the tied documents, in closed form, and the worst and best order.

Source: McSherry and Najork, "Computing Information Retrieval Performance Measures Efficiently in
the Presence of Tied Scores", ECIR 2008.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import groupby, pairwise

from rabbench.quality.metrics import parse, per_query
from rabbench.types import Qrels, rank

TieGroup = tuple[int, int, float]  # documents, relevant ones among them, sum of gains

COVERED = frozenset({"ndcg", "mrr", "recall", "precision", "hit_rate"})
"""The metrics with an expectation in closed form."""


def tied(scores: Mapping[str, float], k: int) -> bool:
    """Whether a tie touches the first ``k`` ranks: some order of ties changes who stands there."""
    order = [score for _, score in rank(scores, k + 1)]
    return any(a == b for a, b in pairwise(order))


def share(run: Mapping[str, Mapping[str, float]], k: int = 10) -> float:
    """The share of a run's queries with equal scores in their first ``k`` ranks, 0 to 1."""
    return sum(tied(scores, k) for scores in run.values()) / len(run) if run else 0.0


def _groups(grades: Mapping[str, int], scores: Mapping[str, float], level: int) -> list[TieGroup]:
    groups = []
    for _, members in groupby(rank(scores), key=lambda pair: pair[1]):
        group_grades = [grades.get(doc_id, 0) for doc_id, _ in members]
        relevant = [grade for grade in group_grades if grade >= level]
        groups.append((len(group_grades), len(relevant), float(sum(relevant))))
    return groups


def _hits(groups: list[TieGroup], k: int) -> float:
    """Relevant documents among the first k: a group cut by k gives its share."""
    hits, start = 0.0, 0
    for n, relevant, _ in groups:
        hits += relevant * min(n, max(0, k - start)) / n
        start += n
    return hits


def _hit_rate(groups: list[TieGroup], k: int) -> float:
    """1 − C(n−r, m) / C(n, m) for the first group with relevant documents, m of its n in reach."""
    start = 0
    for n, relevant, _ in groups:
        if relevant:
            m = min(n, max(0, k - start))
            return 1.0 - math.comb(n - relevant, m) / math.comb(n, m)
        start += n
    return 0.0


def _mrr(groups: list[TieGroup], k: int) -> float:
    """Σ_j C(n−j, r−1) / C(n, r) / (start + j): the first relevant at place j of its group."""
    start = 0
    for n, r, _ in groups:
        if r:
            places = range(1, min(n - r + 1, k - start) + 1)
            ways = math.comb(n, r)
            return sum(math.comb(n - j, r - 1) / ways / (start + j) for j in places)
        start += n
    return 0.0


def _ndcg(groups: list[TieGroup], grades: Mapping[str, int], k: int) -> float:
    """Each rank of a group carries the group's mean gain."""
    ideal = sorted((grade for grade in grades.values() if grade >= 1), reverse=True)[:k]
    idcg = sum(gain / math.log2(i + 2) for i, gain in enumerate(ideal))
    dcg, start = 0.0, 0
    for n, _, gain in groups:
        ranks = range(start, min(start + n, k))
        dcg += gain / n * sum(1 / math.log2(i + 2) for i in ranks)
        start += n
    return dcg / idcg if idcg else 0.0


def _expected_score(grades: Mapping[str, int], scores: Mapping[str, float], name: str) -> float:
    metric, cutoff, level = parse(name)
    groups = _groups(grades, scores, level)
    k = cutoff or max(1, len(scores), len(grades))
    if metric == "ndcg":
        return _ndcg(groups, grades, k)
    if metric == "mrr":
        return _mrr(groups, k)
    if metric == "hit_rate":
        return _hit_rate(groups, k)
    possible = k if metric == "precision" else sum(g >= level for g in grades.values())
    return _hits(groups, k) / possible if possible else 0.0


def expected(
    qrels: Qrels, run: Mapping[str, Mapping[str, float]], name: str
) -> dict[str, float] | None:
    """Each judged query's score in expectation over all orders of tied documents.

    Ties with documents beyond the depth of the run do not count.

    Returns:
        ``{query_id: score}``, or None for a metric not in ``COVERED``.

    Raises:
        UsageError: for an unknown metric.
    """
    if parse(name)[0] not in COVERED:
        return None
    return {
        q: _expected_score(grades, run.get(q, {}), name) for q, grades in qrels.items() if grades
    }


def extremes(
    qrels: Qrels, run: Mapping[str, Mapping[str, float]], names: Sequence[str]
) -> tuple[dict[str, dict[str, float]], dict[str, dict[str, float]]]:
    """Each judged query's scores in the worst and in the best order of tied documents.

    Within a tie the least or the most relevant stand first, which bounds every metric.

    Returns:
        Worst and best, each ``{metric: {query_id: score}}`` as ``metrics.per_query`` gives it.

    Raises:
        UsageError: for an unknown metric.
    """
    worst, best = (
        per_query(qrels, {q: _ordered(run.get(q, {}), qrels[q], sign) for q in qrels}, names)
        for sign in (-1, 1)
    )
    return worst, best


def _ordered(scores: Mapping[str, float], grades: Mapping[str, int], sign: int) -> dict[str, float]:
    """The same ranking without ties, in the order of sign × grade within each."""
    order = sorted(scores, key=lambda d: (scores[d], sign * grades.get(d, 0)), reverse=True)
    return {doc_id: float(-place) for place, doc_id in enumerate(order)}


def any_tied(run: Mapping[str, Mapping[str, float]]) -> bool:
    """Whether any query has equal scores, at whatever rank."""
    return any(len(set(scores.values())) < len(scores) for scores in run.values())
