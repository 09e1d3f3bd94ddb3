"""Metrics agree with trec_eval's own code, and no run can be misread on the way to ranx."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytrec_eval
from hypothesis import given, settings
from hypothesis import strategies as st

from rabbench.quality import metrics
from rabbench.results import load_results
from rabbench.stats.intervals import Array
from rabbench.types import BadInputError, UsageError
from tests.quality.demo_run import write_tied_run

Grades = dict[str, dict[str, int]]
Run = dict[str, dict[str, float]]

TREC_EVAL = {
    "ndcg@3": "ndcg_cut_3",
    "ndcg": "ndcg",
    "mrr": "recip_rank",
    "map": "map",
    "map@3": "map_cut_3",
    "recall@2": "recall_2",
    "precision@3": "P_3",
    "hit_rate@2": "success_2",
    "r-precision": "Rprec",
}
DOCS = [f"d{i}" for i in range(12)]
QRELS = st.dictionaries(
    st.sampled_from(["q1", "q2", "q3"]),
    # trec_eval itself never returns from a query whose judgements are all negative.
    st.dictionaries(st.sampled_from(DOCS), st.integers(-1, 3), min_size=1).filter(
        lambda grades: max(grades.values()) >= 0
    ),
    min_size=1,
)


def runs(scores: st.SearchStrategy[float]) -> st.SearchStrategy[Run]:
    return st.dictionaries(
        st.sampled_from(["q1", "q2", "q3", "unjudged"]),
        st.dictionaries(st.sampled_from(DOCS), scores, min_size=1),
    )


def by_trec_eval(qrels: Grades, run: Run, level: int = 1) -> dict[str, dict[str, float]]:
    measures = {name.rsplit("_", 1)[0] + "." + name.rsplit("_", 1)[1]
                if name[-1].isdigit() else name for name in TREC_EVAL.values()}  # fmt: skip
    evaluator = pytrec_eval.RelevanceEvaluator(qrels, measures, relevance_level=level)
    scores = evaluator.evaluate(run)
    return {
        name: {query_id: scores.get(query_id, {}).get(trec_name, 0.0) for query_id in qrels}
        for name, trec_name in TREC_EVAL.items()
    }


@settings(deadline=None, max_examples=150)
@given(qrels=QRELS, run=runs(st.floats(-1e6, 1e6, width=32)))
def test_scores_agree_with_trec_eval(qrels: Grades, run: Run) -> None:
    expected = by_trec_eval(qrels, run)
    scores = metrics.per_query(qrels, run, list(TREC_EVAL))
    for name in TREC_EVAL:
        assert scores[name] == pytest.approx(expected[name], abs=1e-6), name


@settings(deadline=None, max_examples=150)
@given(qrels=QRELS, run=runs(st.sampled_from([0.0, 1.0, 2.0])), order=st.randoms())
def test_scores_agree_with_trec_eval_under_ties_in_any_order(
    qrels: Grades, run: Run, order: random.Random
) -> None:
    expected = by_trec_eval(qrels, run)
    shuffled = {q: dict(order.sample(list(docs.items()), len(docs))) for q, docs in run.items()}
    scores = metrics.per_query(qrels, shuffled, list(TREC_EVAL))
    for name in TREC_EVAL:
        assert scores[name] == pytest.approx(expected[name], abs=1e-6), name


@settings(deadline=None, max_examples=50)
@given(qrels=QRELS, run=runs(st.sampled_from([0.0, 1.0, 2.0])))
def test_a_least_grade_of_two_agrees_with_trec_eval(qrels: Grades, run: Run) -> None:
    binary = [name for name in TREC_EVAL if not name.startswith("ndcg")]
    assert len(binary) == 7
    expected = by_trec_eval(qrels, run, level=2)
    scores = metrics.per_query(qrels, run, [f"{name}-l2" for name in binary])
    for name in binary:
        assert scores[f"{name}-l2"] == pytest.approx(expected[name], abs=1e-6), name


def test_a_query_without_result_scores_zero_and_stays() -> None:
    qrels = {"q1": {"a": 1}, "q2": {"a": 1}, "q3": {"a": 1}, "unjudged": {}}
    scores = metrics.per_query(qrels, {"q1": {"a": 1.0}, "q2": {}, "other": {"a": 1.0}}, ["mrr"])
    assert scores == {"mrr": {"q1": 1.0, "q2": 0.0, "q3": 0.0}}
    assert metrics.per_query(qrels, {}, ["ndcg@10"])["ndcg@10"] == dict.fromkeys(
        ["q1", "q2", "q3"], 0.0
    )


def test_a_query_with_no_relevant_document_scores_zero() -> None:
    scores = metrics.per_query({"q": {"a": 0, "b": -1}}, {"q": {"a": 1.0}}, list(TREC_EVAL))
    assert scores == {name: {"q": 0.0} for name in TREC_EVAL}


def test_equal_scores_do_not_keep_insertion_order() -> None:
    for docs in (["a", "b", "c"], ["c", "b", "a"]):
        run = {"q": dict.fromkeys(docs, 0.5)}
        assert metrics.per_query({"q": {"a": 1}}, run, ["mrr"]) == {"mrr": {"q": 1 / 3}}


def test_queries_in_several_chunks_keep_their_own_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    qrels = {f"q{i}": {"a": 1} for i in range(7)}
    run = {f"q{i}": {"a": 0.0, **{f"x{j}": 1.0 for j in range(i)}} for i in range(7)}
    whole = metrics.per_query(qrels, run, ["mrr"])
    assert whole["mrr"] == {f"q{i}": 1 / (i + 1) for i in range(7)}
    monkeypatch.setattr(metrics, "CHUNK", 3)
    assert metrics.per_query(qrels, run, ["mrr"]) == whole


def test_nothing_given_is_changed_and_numba_keeps_its_threads() -> None:
    import numba

    threads = numba.get_num_threads()
    qrels, run = {"q": {"a": 0, "b": 2}}, {"q": {"c": 0.1, "b": 0.1}, "x": {"a": 1.0}}
    before = copy.deepcopy((qrels, run)), list(qrels["q"]), list(run["q"])
    metrics.per_query(qrels, run, ["ndcg@10", "mrr"])
    assert (copy.deepcopy((qrels, run)), list(qrels["q"]), list(run["q"])) == before
    assert numba.get_num_threads() == threads


@pytest.mark.parametrize(
    ("names", "ranx"),
    [
        (["ndcg@10", "nDCG@10", "ndcg_cut_10", " NDCG@10 "], "ndcg@10"),
        (["mrr@10", "RR@10", "MRR@10", "recip_rank_10"], "mrr@10"),
        (["mrr", "RR", "recip_rank"], "mrr"),
        (["recall@100", "R@100", "recall_100"], "recall@100"),
        (["precision@5", "P@5", "P_5"], "precision@5"),
        (["map", "AP", "MAP"], "map"),
        (["map@100", "AP@100", "map_cut_100"], "map@100"),
        (["hit_rate@1", "Success@1", "success_1"], "hit_rate@1"),
        (["r-precision", "Rprec"], "r-precision"),
        (["mrr@10-l2", "RR(rel=2)@10"], "mrr@10-l2"),
        (["recall@100", "recall@100-l1", "R(rel=1)@100"], "recall@100"),
    ],
)
def test_names_of_other_tools_mean_the_same(names: list[str], ranx: str) -> None:
    assert {metrics.normalise(name) for name in names} == {ranx}


def test_a_new_metric_is_one_entry(
    monkeypatch: pytest.MonkeyPatch, run: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    """From the command line to the report: a function of its own, and a metric that ranx has."""

    def best_hit(judged: Array, ranked: Array, cutoff: int, level: int) -> Array:
        """Whether the best judged document, number 0, is in the first ranks."""
        return np.any(ranked[:, :cutoff, 0] == 0, axis=1).astype(np.float64)

    new = {
        "besthit": metrics.Metric(aliases=("bh1",), cutoff="required", score=best_hit),
        "f1": metrics.Metric(aliases=("set_f",)),
    }
    monkeypatch.setattr(metrics, "METRICS", metrics.METRICS | new)
    names = "BH1@3,hit_rate@3,set_f_3,precision@3,recall@3"
    code, _, _ = run(
        "quality", "--suite", "demo", "--systems", write_tied_run(tmp_path), "--metrics", names,
        "--max-queries", 60, "--out", tmp_path,
    )  # fmt: skip
    assert code == 0
    rows = {row.measure: row for row in load_results(tmp_path).rows}
    assert list(rows) == ["besthit@3", "hit_rate@3", "f1@3", "precision@3", "recall@3"]
    assert rows["besthit@3"].samples == rows["hit_rate@3"].samples  # one relevant document each
    assert rows["besthit@3"].value == rows["hit_rate@3"].value != 0
    params = rows["besthit@3"].params
    assert params["worst_under_ties"] < rows["besthit@3"].value < params["best_under_ties"]
    samples: dict[str, Any] = {name: row.samples for name, row in rows.items()}
    scores = {name: np.array([*by_query.values()]) for name, by_query in samples.items()}
    precision, recall = scores["precision@3"], scores["recall@3"]
    total = np.where(precision + recall > 0, precision + recall, 1)
    assert scores["f1@3"] == pytest.approx(2 * precision * recall / total)
    assert "besthit@3" in (tmp_path / "report.md").read_text()
    with pytest.raises(
        UsageError, match="besthit needs a cut-off of 1 or more, such as besthit@10"
    ):
        metrics.parse("bh1")
    with pytest.raises(UsageError, match="known: besthit, f1, hit_rate"):
        metrics.parse("bleu")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bleu@10", r"metric 'bleu@10': unknown; known: hit_rate, map, mrr, ndcg, .*as in ndcg@10"),
        ("ndcg@ten", "metric 'ndcg@ten': not understood; known: hit_rate"),
        ("precision", "precision needs a cut-off of 1 or more, such as precision@10"),
        ("ndcg@0", "metric 'ndcg@0': a cut-off counts from 1"),
        ("rprec@5", "metric 'rprec@5': takes no cut-off"),
        ("ndcg@10-l2", "a least grade is 1 or more, given once, and not for graded metrics"),
        ("mrr-l0", "a least grade is 1 or more"),
        ("RR(rel=2)@10-l2", "given once"),
    ],
)
def test_an_unknown_metric_is_refused_and_the_known_are_listed(name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        metrics.per_query({"q": {"a": 1}}, {}, [name])


def test_what_cannot_be_evaluated_is_refused() -> None:
    with pytest.raises(ValueError, match="query 'q': NaN score for document 'a'"):
        metrics.per_query({"q": {"a": 1}}, {"q": {"a": float("nan")}}, ["mrr"])
    with pytest.raises(BadInputError, match=r"grade 1\.5 of document 'a' for query 'q' is not who"):
        metrics.per_query({"q": {"a": 1.5}}, {}, ["mrr"])  # type: ignore[dict-item]
    with pytest.raises(BadInputError, match="no query has a judgement: there is nothing to eval"):
        metrics.per_query({"q": {}}, {"q": {"a": 1.0}}, ["mrr"])
