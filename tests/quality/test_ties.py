"""The expectation under ties equals the mean over every order of the tied documents."""

from __future__ import annotations

import itertools
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rabbench.quality import metrics, ties
from rabbench.types import UsageError

NAMES = [
    "ndcg@3", "ndcg", "mrr@2", "mrr", "recall@2", "recall", "precision@3", "hit_rate@1",
    "hit_rate@3", "mrr@3-l2", "hit_rate@2-l2",
]  # fmt: skip
DOCS = ["a", "b", "c", "d", "e"]


def orders(scores: dict[str, float]) -> list[dict[str, float]]:
    """The run with its ties broken in every possible way."""
    levels = sorted(set(scores.values()), reverse=True)
    groups = [[d for d, s in scores.items() if s == level] for level in levels]
    rankings = []
    for choice in itertools.product(*map(itertools.permutations, groups)):
        flat = [doc_id for group in choice for doc_id in group]
        rankings.append({doc_id: float(-i) for i, doc_id in enumerate(flat)})
    return rankings


@settings(deadline=None, max_examples=60)
@given(
    scores=st.dictionaries(st.sampled_from(DOCS), st.sampled_from([0.0, 1.0, 2.0])),
    grades=st.dictionaries(st.sampled_from([*DOCS, "z"]), st.integers(-1, 3), min_size=1),
)
def test_the_expectation_is_the_mean_over_all_orders(
    scores: dict[str, float], grades: dict[str, int]
) -> None:
    every = {str(i): order for i, order in enumerate(orders(scores))}
    brute = metrics.per_query(dict.fromkeys(every, grades), every, NAMES)
    for name in NAMES:
        expected = ties.expected({"q": grades}, {"q": scores}, name)
        assert expected == pytest.approx({"q": fmean(brute[name].values())}), name


@settings(deadline=None, max_examples=60)
@given(
    scores=st.dictionaries(st.sampled_from(DOCS), st.sampled_from([0.0, 1.0, 2.0])),
    grades=st.dictionaries(st.sampled_from([*DOCS, "z"]), st.integers(-1, 3), min_size=1),
)
def test_the_extremes_are_the_least_and_the_most_over_all_orders(
    scores: dict[str, float], grades: dict[str, int]
) -> None:
    every = {str(i): order for i, order in enumerate(orders(scores))}
    names = [*NAMES, "map", "map@2", "r-precision"]
    brute = metrics.per_query(dict.fromkeys(every, grades), every, names)
    worst, best = ties.extremes({"q": grades}, {"q": scores}, names)
    for name in names:
        scores_by_order = brute[name].values()
        assert worst[name] == pytest.approx({"q": min(scores_by_order)}), name
        assert best[name] == pytest.approx({"q": max(scores_by_order)}), name
    assert ties.any_tied({"q": scores}) == (len(every) > 1)


def test_extremes_know_a_query_without_a_ranking() -> None:
    zero = {"mrr": {"q": 0.0}}
    assert ties.extremes({"q": {"a": 1}}, {}, ["mrr"]) == (zero, zero)
    with pytest.raises(UsageError, match="metric 'bleu': unknown"):
        ties.extremes({"q": {"a": 1}}, {}, ["bleu"])


def test_a_system_that_ignores_the_document_is_found_out() -> None:
    run = {"q": dict.fromkeys("abcdefgh", 0.0)}
    assert ties.expected({"q": {"h": 1}}, run, "hit_rate@1") == {"q": 1 / 8}
    assert metrics.per_query({"q": {"h": 1}}, run, ["hit_rate@1"]) == {"hit_rate@1": {"q": 1.0}}
    assert ties.share(run) == 1.0


def test_only_ties_that_touch_the_first_ranks_count() -> None:
    run = {"q1": {"a": 3.0, "b": 2.0, "c": 2.0}, "q2": {"a": 1.0}, "q3": {}}
    assert ties.share(run, 1) == 0.0
    assert ties.share(run, 2) == pytest.approx(1 / 3)
    assert ties.share({}, 2) == 0.0


def test_a_metric_without_a_closed_form_has_no_expectation() -> None:
    assert ties.expected({"q": {"a": 1}}, {}, "map") is None
    assert ties.expected({"q": {"a": 1}, "x": {}}, {}, "mrr") == {"q": 0.0}
    with pytest.raises(UsageError, match="metric 'bleu': unknown"):
        ties.expected({"q": {"a": 1}}, {}, "bleu")
