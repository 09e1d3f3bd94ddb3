"""Composed names: how they are read, what they are made of, and what is refused."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from rabbench import quality, registry, trec
from rabbench.config.options import Options
from rabbench.quality import QualityConfig
from rabbench.scaling import sweep as scaling
from rabbench.systems import hybrid
from rabbench.types import BadInputError, Run, Shape, System, UsageError, rank

DOCS = {f"d{i}": f"kettle water number {i} " + "tea " * i for i in range(8)} | {"x": "a broom"}
QUERY = {"q": "tea from the kettle"}


def build(name: str, options: Options) -> System:
    system: System = registry.load("systems", name).build(options)
    system.index(DOCS)
    return system


def test_a_later_stage_ranks_what_the_earlier_one_hands_on(options: Options) -> None:
    first = build("bm25", options).search(QUERY, 3)["q"]
    for name in ("bm25%3>>teacher", "bm25 % 3 >> teacher"):
        system = build(name, options)
        assert system.name == name
        run = system.search(QUERY, 9)["q"]
        assert run.keys() == first.keys()
        alone = build("teacher", replace(options, depth=9)).search(QUERY, 9)["q"]
        assert run == pytest.approx({doc_id: alone[doc_id] for doc_id in run}, abs=1e-5)
        assert list(run.items()) == rank(run)
        assert system.notes["candidates"] == "bm25%3"  # type: ignore[attr-defined]


def test_an_explicit_first_stage_is_asked_though_the_depth_covers_all(options: Options) -> None:
    """BM25 does not find the broom, which bare ``teacher`` ranks with all the rest."""
    assert "x" in build("teacher", options).search(QUERY, 99)["q"]
    assert "x" not in build("bm25>>teacher", options).search(QUERY, 99)["q"]


def test_three_stages_narrow_down_step_by_step(options: Options) -> None:
    name = "bm25%4>>rabtriever%2>>teacher"
    system = build(name, options)
    second = build("bm25%4>>rabtriever", options).search(QUERY, 2)["q"]
    assert system.search(QUERY, 9)["q"].keys() == second.keys()
    assert system.notes["candidates"] == "bm25%4>>rabtriever%2"  # type: ignore[attr-defined]
    workloads = list(system.workloads(Shape(doc_len=20, query_len=5)))
    assert [(w.system, w.phase) for w in workloads] == [(name, "score")]


def test_reciprocal_ranks_are_summed_and_ties_ordered_by_id() -> None:
    first: Run = {"q": {"a": 9.0, "b": 5.0, "c": 5.0}, "none": {}}
    second: Run = {"q": {"c": 0.3, "a": 0.2}, "none": {}}
    fused = hybrid.fuse([first, second])
    # In the first ranking c stands before b: equal scores go by id, largest first.
    assert fused["q"] == pytest.approx({"a": 1 / 61 + 1 / 62, "c": 1 / 62 + 1 / 61, "b": 1 / 63})
    assert fused["none"] == {}
    assert list(fused["q"]) == ["c", "a", "b"]
    assert hybrid.fuse([{}, {}]) == {}
    assert hybrid.fuse([{"q": {"a": 1.0}}, {"q": {}}])["q"] == pytest.approx({"a": 1 / 61})


@pytest.mark.e2e
def test_a_fusion_is_ranxs_own() -> None:
    """That compiles for a minute, and needs rankings without ties and none that is empty."""
    import random

    import ranx

    generator = random.Random(0)  # noqa: S311 - no secret
    runs: list[Run] = [
        {
            f"q{i}": {f"d{j}": score for score, j in enumerate(generator.sample(range(30), 20))}
            for i in range(5)
        }
        for _ in range(2)
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numba's, of a cast within ranx
        expected = ranx.fuse([ranx.Run(run) for run in runs], norm=None, method="rrf").to_dict()
    fused = hybrid.fuse(runs)
    assert fused.keys() == expected.keys() != set()
    for query_id, scores in expected.items():
        assert fused[query_id] == pytest.approx(dict(scores), abs=1e-12)


def test_a_fusion_holds_the_documents_of_either_part(options: Options) -> None:
    system = build("bm25+dense", options)
    assert system.search(QUERY, 99)["q"].keys() == DOCS.keys()
    assert system.search(QUERY, 99) == build("hybrid", options).search(QUERY, 99)
    few = build("bm25%1+dense%1", options).search(QUERY, 99)["q"]
    assert len(few) <= 2
    assert system.params["model"] == options.dense_model
    assert system.notes["fused"] == "bm25+dense"  # type: ignore[attr-defined]
    assert build("bm25+rabtriever", options).params["trained"] is False
    candidates = build("bm25%1+dense%1>>teacher", options).search(QUERY, 99)["q"]
    assert candidates.keys() == few.keys()


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    run = {"q": {"d3": 2.0, "d5": 1.0, "d1": 0.5}}
    return trec.write_run(tmp_path / "a+b>>c%2.trec.gz", run, "t")


def test_a_saved_run_is_evaluated_or_reranked(options: Options, saved: Path) -> None:
    system = build(f"run:{saved}", options)
    assert system.search({**QUERY, "other": "x"}, 2) == {"q": {"d3": 2.0, "d5": 1.0}, "other": {}}
    assert len(system.params["run_sha256"]) == 16
    assert not list(system.workloads(Shape(doc_len=8, query_len=4)))
    for name, first in (
        (f"run:{saved}>>teacher", "bm25"),
        (f"run:{saved}%9>>teacher", "bm25"),
        ("teacher", f"run:{saved}"),
    ):
        run = build(name, replace(options, first_stage=first)).search(QUERY, 9)
        assert run["q"].keys() == {"d3", "d5", "d1"}
    fused = build(f"run:{saved}+bm25", options).search(QUERY, 99)["q"]
    assert next(iter(fused)) in {"d3", "d5"}


def test_a_run_of_another_data_set_is_refused(options: Options, saved: Path) -> None:
    with pytest.raises(BadInputError, match=r"none of the 1 queries asked for, such as 'z'; it h"):
        build(f"run:{saved}", options).search({"z": "?"}, 3)
    stray = trec.write_run(saved.with_name("stray.trec"), {"q": {"nowhere": 1.0}}, "t")
    with pytest.raises(BadInputError, match=r"document 'nowhere' for query 'q', which is not amon"):
        build(f"run:{stray}", options).search(QUERY, 3)
    with pytest.raises(BadInputError, match=r"no file nosuch\.trec"):
        build("run:nosuch.trec", options).search(QUERY, 3)


class Candidates(dict[str, str]):
    """Documents that come with candidates."""

    def __init__(self, run: Run) -> None:
        super().__init__(DOCS)
        self.run = run

    def candidates(self, queries: Mapping[str, str]) -> Run:
        """Those of the queries asked for."""
        return {query_id: self.run[query_id] for query_id in queries if query_id in self.run}


def test_candidates_of_the_data_set_are_a_first_stage(options: Options) -> None:
    system = registry.load("systems", "scoreddocs>>teacher").build(options)
    system.index(Candidates({"q": {"d1": 3.0, "d2": 2.0}}))
    assert system.search(QUERY, 9)["q"].keys() == {"d1", "d2"}
    alone = registry.load("systems", "scoreddocs").build(options)
    alone.index(Candidates({"q": {"d1": 3.0, "d2": 2.0}}))
    assert alone.search({**QUERY, "p": ""}, 1) == {"q": {"d1": 3.0}, "p": {}}
    none = {"q": dict.fromkeys(("d1", "d2", "d3"), 0.0), "p": dict.fromkeys(DOCS, 0.0)}
    alone.index(Candidates(none))
    with pytest.raises(UsageError, match=r"the 3 candidates of query 'q' all have the same score.*"
                       r"so the best 2 are not known; give --depth 9"):  # fmt: skip
        alone.search({**QUERY, "p": ""}, 2)
    alone.index(DOCS)
    with pytest.raises(UsageError, match=r"comes with no scored candidates; give --first-stage bm"):
        alone.search(QUERY, 2)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bm25>>nosuch", r"unknown system 'nosuch'; known: bm25, "),
        ("bm25>>", r"system 'bm25>>': a name is missing at ''; write NAME, NAME>>RERANKER"),
        (">>teacher", r"a name is missing at '>>teacher'"),
        ("bm25++dense", r"a name is missing at '\+dense'"),
        ("run:", r"a name is missing at 'run:'; write .*run:FILE or scoreddocs"),
        ("bm25%x>>teacher", r"'x' after '%' is no count of documents; write as bm25%50"),
        ("bm25%0>>teacher", r"'0' after '%' is no count"),
        ("bm25>>teacher%5", r"its last stage hands nothing on, so '%5' has no meaning there"),
        ("bm25>>teacher+dense", r"'\+' fuses first stages, and 'teacher\+dense' stands behind"),
    ],
)
def test_a_name_that_cannot_be_read_is_refused(name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        registry.load("systems", name)


def test_what_cannot_rank_candidates_cannot_come_second(options: Options) -> None:
    with pytest.raises(UsageError, match=r"'bm25' searches a collection and cannot rank given can"):
        registry.load("systems", "dense>>bm25").build(options)


def test_a_first_stage_that_reranks_has_bm25_before_it(options: Options) -> None:
    reranked = replace(options, first_stage="rabtriever", depth=3)
    first = build("bm25", options).search(QUERY, 3)["q"]
    assert build("teacher", reranked).search(QUERY, 3)["q"].keys() == first.keys()


def test_rows_and_files_have_the_name_as_typed(options: Options, tmp_path: Path) -> None:
    names = ("bm25%5>>teacher", "bm25+dense")
    config = QualityConfig(
        suite="demo", systems=names, max_queries=3, metrics=("mrr",), options=options
    )
    results = quality.run(config, out=tmp_path)
    assert [(row.system, row.status) for row in results.rows] == [(name, "ok") for name in names]
    files = sorted(path.name for path in (tmp_path / "runs" / "test").glob("*.trec.gz"))
    assert files == sorted(f"{registry.file_name(name)}.trec.gz" for name in names)
    saved_run = f"run:{tmp_path / 'runs' / 'test' / files[0]}"
    rows = quality.run(replace(config, systems=(saved_run,))).rows
    typed = {registry.file_name(row.system): row.samples for row in results.rows}
    assert rows[0].samples == typed[files[0].removesuffix(".trec.gz")]


def test_a_sweep_measures_the_last_stage(options: Options) -> None:
    config = scaling.ScalingConfig(
        max_doc_len=16, min_doc_len=16, systems=("bm25>>teacher",), options=options
    )
    (point,) = scaling.plan(config)
    assert (point.system, point.phase) == ("bm25>>teacher", "score")
    assert point.build().system == "bm25>>teacher"


def test_a_file_name_has_no_path_or_shell_signs() -> None:
    assert registry.file_name("teacher-cached") == "teacher-cached"
    assert registry.file_name("bm25>>teacher") == "bm25--teacher"
    assert registry.file_name("run:a b/c.trec.gz") == "run-a-b-c.trec.gz"
    stems = [registry.file_name("x" * 300 + end) for end in "ab"]
    assert [len(stem) for stem in stems] == [registry.MAX_STEM] * 2
    assert stems[0] != stems[1]
