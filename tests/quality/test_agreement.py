"""The field's own tools measure the same on exported files.

trec_eval's code (pytrec_eval) and ir_measures read the run and the judgements from disk, so ids,
order, ties and precision are theirs.
"""

from __future__ import annotations

import gzip
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import ir_measures
import numba
import pytest
import pytrec_eval
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rabbench import quality, trec
from rabbench.config.options import Options
from rabbench.quality import QualityConfig, metrics
from rabbench.types import Measurement
from tests.quality.demo_run import write_tied_run

# rabbench -> trec_eval (pytrec_eval's request, and its answer), ir_measures
NAMES = {
    "ndcg@10": ("ndcg_cut.10", "ndcg_cut_10", "nDCG@10"),
    "ndcg@3": ("ndcg_cut.3", "ndcg_cut_3", "nDCG@3"),
    "ndcg": ("ndcg", "ndcg", "nDCG"),
    "mrr": ("recip_rank", "recip_rank", "RR"),
    "map": ("map", "map", "AP"),
    "map@3": ("map_cut.3", "map_cut_3", "AP@3"),
    "recall@5": ("recall.5", "recall_5", "R@5"),
    "recall@100": ("recall.100", "recall_100", "R@100"),
    "precision@3": ("P.3", "P_3", "P@3"),
    "hit_rate@1": ("success.1", "success_1", "Success@1"),
    "r-precision": ("Rprec", "Rprec", "Rprec"),
}
LEVELS = {"recall@5-l2": "R(rel=2)@5", "mrr-l2": "RR(rel=2)"}
# ir_measures takes these from MS MARCO's script, which orders ties the other way round.
WITHOUT_TIES = {"mrr@10": "RR@10", "mrr@10-l2": "RR(rel=2)@10"}
DOCS = [f"d{i}" for i in range(14)]

Scores = dict[str, dict[str, float]]


def plain(path: Path) -> Path:
    """The file without gzip, which the tools do not read."""
    if path.suffix != ".gz":
        return path
    out = path.with_suffix("")
    out.write_bytes(gzip.decompress(path.read_bytes()))
    return out


def by_trec_eval(qrels_file: Path, run_file: Path) -> Scores:
    with plain(qrels_file).open() as stream:
        qrels = pytrec_eval.parse_qrel(stream)
    with plain(run_file).open() as stream:
        run = pytrec_eval.parse_run(stream)
    measures = {request for request, _, _ in NAMES.values()}
    scores = pytrec_eval.RelevanceEvaluator(qrels, measures).evaluate(run)
    return {
        name: {query_id: scores.get(query_id, {}).get(answer, 0.0) for query_id in qrels}
        for name, (_, answer, _) in NAMES.items()
    }


def by_ir_measures(qrels_file: Path, run_file: Path) -> Scores:
    texts = {name: text for name, (_, _, text) in NAMES.items()} | LEVELS | WITHOUT_TIES
    names = {ir_measures.parse_measure(text): name for name, text in texts.items()}
    qrels = list(ir_measures.read_trec_qrels(str(plain(qrels_file))))
    run = list(ir_measures.read_trec_run(str(plain(run_file))))
    query_ids = [judgement.query_id for judgement in qrels]
    scores: Scores = {name: dict.fromkeys(query_ids, 0.0) for name in texts}
    for metric in ir_measures.iter_calc(list(names), qrels, run):
        scores[names[metric.measure]][metric.query_id] = metric.value
    return scores


def assert_agreement(
    scores: Mapping[str, Mapping[str, float]], qrels_file: Path, run_file: Path
) -> None:
    """Each metric equals both tools', query by query, to 1e-6."""
    tools = (by_trec_eval(qrels_file, run_file), by_ir_measures(qrels_file, run_file))
    assert set() < scores.keys() <= tools[0].keys() | tools[1].keys()
    for name, by_query in scores.items():
        for tool_scores in tools:
            if name in tool_scores:
                assert dict(by_query) == pytest.approx(tool_scores[name], abs=1e-6), name


QRELS = st.dictionaries(
    st.sampled_from(["q1", "q2", "q3"]),
    st.dictionaries(st.sampled_from(DOCS), st.integers(-1, 3), min_size=1).filter(
        lambda grades: max(grades.values()) >= 0
    ),
    min_size=1,
)


def runs(scores: st.SearchStrategy[float]) -> st.SearchStrategy[Scores]:
    rankings = st.dictionaries(st.sampled_from(DOCS), scores, min_size=1)
    if scores is not KINDS["with ties"]:
        rankings = rankings.filter(lambda ranking: len({*ranking.values()}) == len(ranking))
    return st.dictionaries(st.sampled_from(["q1", "q2", "q3", "unjudged"]), rankings, min_size=1)


KINDS = {
    "without ties": st.floats(-1e6, 1e6, width=32),
    "with ties": st.sampled_from([0.0, 0.5, 1.0]),
}


@pytest.mark.parametrize("kind", KINDS)
@settings(
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_random_runs_score_the_same(tmp_path: Path, kind: str, data: st.DataObject) -> None:
    qrels, run = data.draw(QRELS), data.draw(runs(KINDS[kind]))
    names = [*NAMES, *LEVELS, *(WITHOUT_TIES if kind == "without ties" else ())]
    scores = metrics.per_query(qrels, run, names)
    run_file = trec.write_run(tmp_path / "run.trec.gz", run, "t")
    assert_agreement(scores, trec.write_qrels(tmp_path / "qrels.txt.gz", qrels), run_file)


@pytest.mark.e2e
def test_compiled_kernels_score_the_same(tmp_path: Path) -> None:
    """As a user runs them: the unit tier interprets ranx's kernels."""
    assert not numba.config.DISABLE_JIT
    test_a_large_run_with_many_ties_scores_the_same(tmp_path)


def test_a_large_run_with_many_ties_scores_the_same(tmp_path: Path) -> None:
    draw = random.Random(0)  # noqa: S311 - no secret
    docs = [f"doc-{i}" for i in range(300)]
    qrels = {f"q{i}": {d: draw.randint(0, 3) for d in draw.sample(docs, 20)} for i in range(40)}
    run = {
        query_id: {d: draw.choice([0.1, 0.2, 0.3]) for d in draw.sample(docs, 200)}
        for query_id in list(qrels)[:38]
    }
    scores = metrics.per_query(qrels, run, [*NAMES, *LEVELS])
    run_file = trec.write_run(tmp_path / "run.trec", run, "t")
    assert_agreement(scores, trec.write_qrels(tmp_path / "qrels.txt", qrels), run_file)


def assert_exported_agreement(rows: Sequence[Measurement], folder: Path) -> None:
    """The scores of one system's rows equal the tools' on its run and the judgements."""
    (run_file,) = folder.glob("*.trec.gz")
    scores: dict[str, Any] = {row.measure: row.samples for row in rows}
    assert_agreement(scores, folder / "qrels.txt.gz", run_file)


def test_the_demonstrations_exported_files_score_the_same(tmp_path: Path) -> None:
    config = QualityConfig(
        suite="demo",
        systems=(write_tied_run(tmp_path),),
        metrics=tuple(NAMES),
        max_queries=60,
        options=Options(depth=200),  # every document
    )
    rows = quality.run(config, out=tmp_path).rows
    assert [row.measure for row in rows if row.value] == list(NAMES)
    assert_exported_agreement(rows, tmp_path / "runs" / "test")


@pytest.mark.e2e
def test_bm25_on_scifact_scores_the_same(scifact: None, tmp_path: Path) -> None:
    names = (*NAMES, *LEVELS)
    config = QualityConfig(suite="beir", datasets=("scifact",), systems=("bm25",), metrics=names)
    rows = quality.run(config, out=tmp_path).rows
    assert [len(row.samples) for row in rows] == [300] * len(names)
    assert_exported_agreement(rows, tmp_path / "runs" / "scifact")
