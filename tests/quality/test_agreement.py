"""What we measure is what the field's own tools measure on the files that we export.

trec_eval's code (pytrec_eval) and ir_measures read the run and the judgements from disk, so ids,
order, ties and precision are theirs.
"""

from __future__ import annotations

import gzip
import random
from collections.abc import Mapping
from pathlib import Path

import ir_measures
import pytest
import pytrec_eval
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rabbench import quality, trec
from rabbench.quality import QualityConfig, metrics
from rabbench.types import Measurement

# ours -> trec_eval's (as pytrec_eval asks for it, and as it answers), ir_measures'
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
    asked = {theirs for theirs, _, _ in NAMES.values()}
    found = pytrec_eval.RelevanceEvaluator(qrels, asked).evaluate(run)
    return {
        name: {query_id: found.get(query_id, {}).get(theirs, 0.0) for query_id in qrels}
        for name, (_, theirs, _) in NAMES.items()
    }


def by_ir_measures(qrels_file: Path, run_file: Path) -> Scores:
    named = {name: theirs for name, (_, _, theirs) in NAMES.items()} | LEVELS | WITHOUT_TIES
    qrels = list(ir_measures.read_trec_qrels(str(plain(qrels_file))))
    run = list(ir_measures.read_trec_run(str(plain(run_file))))
    measures = {str(ir_measures.parse_measure(theirs)): name for name, theirs in named.items()}
    found: Scores = {name: dict.fromkeys([one.query_id for one in qrels], 0.0) for name in named}
    asked = [ir_measures.parse_measure(theirs) for theirs in named.values()]
    for one in ir_measures.iter_calc(asked, qrels, run):
        found[measures[str(one.measure)]][one.query_id] = one.value
    return found


def agree(ours: Mapping[str, Mapping[str, float]], qrels_file: Path, run_file: Path) -> None:
    """Each metric of ours equals both tools', query by query, to 1e-6."""
    trec_eval, other = by_trec_eval(qrels_file, run_file), by_ir_measures(qrels_file, run_file)
    assert ours.keys() <= trec_eval.keys() | other.keys()
    for name, scores in ours.items():
        for theirs in (trec_eval, other):
            if name in theirs:
                assert dict(scores) == pytest.approx(theirs[name], abs=1e-6), name


QRELS = st.dictionaries(
    st.sampled_from(["q1", "q2", "q3"]),
    st.dictionaries(st.sampled_from(DOCS), st.integers(-1, 3), min_size=1).filter(
        lambda grades: max(grades.values()) >= 0
    ),
    min_size=1,
)


def runs(scores: st.SearchStrategy[float]) -> st.SearchStrategy[Scores]:
    of_query = st.dictionaries(st.sampled_from(DOCS), scores, min_size=1)
    if scores is not KINDS["with ties"]:
        of_query = of_query.filter(lambda found: len(set(found.values())) == len(found))
    return st.dictionaries(st.sampled_from(["q1", "q2", "q3", "unjudged"]), of_query, min_size=1)


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
    ours = metrics.per_query(qrels, run, names)
    run_file = trec.write_run(tmp_path / "run.trec.gz", run, "t")
    agree(ours, trec.write_qrels(tmp_path / "qrels.txt.gz", qrels), run_file)


def test_a_large_run_with_many_ties_scores_the_same(tmp_path: Path) -> None:
    draw = random.Random(0)  # noqa: S311 - no secret
    docs = [f"doc-{i}" for i in range(300)]
    qrels = {f"q{i}": {d: draw.randint(0, 3) for d in draw.sample(docs, 20)} for i in range(40)}
    run = {
        query_id: {d: draw.choice([0.1, 0.2, 0.3]) for d in draw.sample(docs, 200)}
        for query_id in list(qrels)[:38]
    }
    ours = metrics.per_query(qrels, run, [*NAMES, *LEVELS])
    run_file = trec.write_run(tmp_path / "run.trec", run, "t")
    agree(ours, trec.write_qrels(tmp_path / "qrels.txt", qrels), run_file)


def samples(row: Measurement) -> Mapping[str, float]:
    assert isinstance(row.samples, Mapping)
    return row.samples


def test_the_demonstrations_exported_files_score_the_same(tmp_path: Path) -> None:
    """BM25 ties whatever shares no word with the query."""
    asked = QualityConfig(suite="demo", systems=("bm25",), metrics=tuple(NAMES), max_queries=60)
    rows = quality.run(asked, out=tmp_path).rows
    folder = tmp_path / "runs" / "test"
    ours = {row.measure: samples(row) for row in rows}
    agree(ours, folder / "qrels.txt.gz", folder / "bm25.trec.gz")


@pytest.mark.e2e
def test_bm25_on_scifact_scores_the_same(scifact: None, tmp_path: Path) -> None:
    names = (*NAMES, *LEVELS)
    asked = QualityConfig(suite="beir", datasets=("scifact",), systems=("bm25",), metrics=names)
    rows = quality.run(asked, out=tmp_path).rows
    assert all(len(row.samples) == 300 for row in rows)
    folder = tmp_path / "runs" / "scifact"
    ours = {row.measure: samples(row) for row in rows}
    agree(ours, folder / "qrels.txt.gz", folder / "bm25.trec.gz")
