"""The sweep: its grid, its rows, resume without measuring twice, refusals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from rabbench import registry
from rabbench.config.options import Options
from rabbench.results import ResultsStore
from rabbench.scaling import sweep as scaling
from rabbench.types import Measurement, MissingError, Point, Settings, UsageError, cost_row


def _config(options: Options, **changes: Any) -> scaling.ScalingConfig:
    fields = {
        "max_doc_len": 200,
        "min_doc_len": 20,
        "points": 3,
        "query_len": 6,
        "max_rounds": 3,
        "measures": ("flops", "index-size", "latency"),
        "options": options,
    }
    return scaling.ScalingConfig(**{**fields, **changes})


def test_the_grid_rises_in_equal_ratios() -> None:
    assert scaling.ScalingConfig(max_doc_len=4096).lengths() == [2**i for i in range(4, 13)]
    lengths = scaling.ScalingConfig(max_doc_len=4096, min_doc_len=128, points=8).lengths()
    assert (lengths[0], lengths[-1], len(lengths)) == (128, 4096, 8)
    ratios = [b / a for a, b in pairwise(lengths)]
    assert max(ratios) / min(ratios) < 1.02
    assert scaling.ScalingConfig(max_doc_len=64, min_doc_len=64).lengths() == [64]
    with pytest.raises(UsageError, match="lengths must rise"):
        scaling.ScalingConfig(max_doc_len=8).lengths()


def test_a_sweep_has_a_row_for_every_phase_length_and_measure(
    options: Options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry.load("measures", "latency"), "SAMPLE_S", 0.0)  # a call a sample
    results = scaling.run(_config(options), out=tmp_path)
    times = [row for row in results.rows if row.measure == "latency"]
    assert len(times) == 3 * (3 + 3 + 1 + 3)
    assert all(row.status == "ok" and len(row.samples) == 3 for row in times)
    score = [row for row in results.rows if row.measure == "flops" and row.phase == "score"]
    student = {row.value for row in score if row.system == "rabtriever"}
    assert len(student) == 1  # constant in document length
    teacher = [r.value for r in score if r.system == "teacher" and r.params["pairs"] == "dense"]
    assert teacher == sorted(teacher)  # type: ignore[type-var]
    sizes = {row.system: row.value for row in results.rows if row.measure == "index_size"}
    assert sizes["dense"] == 4 * 32
    assert sizes["rabtriever"] == 4 * 1024


def test_a_truncating_system_says_how_much_it_read(options: Options) -> None:
    results = scaling.run(_config(options, systems=("dense",), measures=("flops",)))
    read = {
        row.params["doc_len"]: row.params["tokens_read"]
        for row in results.rows
        if row.phase == "index"
    }
    assert read == {20: 20, 63: 62, 200: 62}


def test_resume_measures_only_what_is_missing(
    options: Options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = _config(options, systems=("rabtriever",), measures=("flops", "latency"))
    flops = registry.load("measures", "flops")
    latency = registry.load("measures", "latency")
    monkeypatch.setattr(latency, "measure", _interrupt)
    with pytest.raises(KeyboardInterrupt):
        scaling.run(config, out=tmp_path)
    monkeypatch.undo()
    pending: list[int] = []
    real = flops.measure
    monkeypatch.setattr(
        flops, "measure", lambda points, s: (pending.append(len(points)), real(points, s))[1]
    )
    results = scaling.run(config, out=tmp_path, resume=True)
    assert pending == [0]
    assert sum(row.measure == "latency" for row in results.rows) == 9
    assert sum(row.measure == "flops" for row in results.rows) == 3 * 5


def test_an_interrupted_round_keeps_its_samples_and_goes_on_from_them(
    options: Options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    latency = registry.load("measures", "latency")
    monkeypatch.setattr(latency, "LONG_S", 0.0)  # every run counts as long
    config = _config(options, systems=("teacher",), measures=("latency",), rounds=4, max_rounds=4)
    rows = latency.measure(scaling.plan(config), Settings(rounds=4, max_rounds=4))
    first = [next(rows) for _ in range(7)]  # two rounds of three lengths and one more
    assert [len(row.samples) for row in first] == [1, 1, 1, 2, 2, 2, 3]
    assert {row.params["complete"] for row in first} == {False}
    store = ResultsStore(tmp_path, scaling.start_results("scaling", config))
    store.add(*first)
    results = scaling.run(config, out=tmp_path, resume=True)
    earlier = {row.params["doc_len"]: row.samples for row in first}
    assert len(results.rows) == 3
    for row in results.rows:
        assert len(row.samples) == 4
        assert row.params["complete"]
        before = earlier[row.params["doc_len"]]
        assert list(row.samples)[: len(before)] == list(before)


def _memory_to(longest: int) -> Any:
    """A memory measure that runs out above a length."""

    def measure(points: Sequence[Point], settings: Settings) -> Iterator[Measurement]:
        for point in points:
            fits = point.params["doc_len"] <= longest
            for name in ("peak_memory", "working_memory"):
                value = 1.0 if fits else None
                status = "ok" if fits else "oom"
                params = {} if fits else {"message": "no more memory"}
                yield cost_row(point, name, value, "B", status=status, params=params)

    return measure


def test_a_point_out_of_memory_is_not_timed_and_the_longest_that_fits_is_found(
    options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry.load("measures", "memory"), "measure", _memory_to(150))
    config = _config(options, systems=("teacher", "rabtriever"), measures=("memory", "latency"))
    results = scaling.run(config)
    timed = {
        (row.system, row.phase, row.params["doc_len"]): row
        for row in results.rows
        if row.measure == "latency"
    }
    assert timed["teacher", "score", 63].status == "ok"
    failed = timed["teacher", "score", 200]
    assert (failed.status, failed.value) == ("oom", None)
    assert "not run: no more memory" in failed.params["message"]
    longest = [row for row in results.rows if row.measure == "longest_feasible"]
    assert len(longest) == 4
    for row in longest:
        assert row.value is not None
        assert row.value <= 150 < row.params["fails_at"] <= 1.1 * row.value + 1
        assert row.better == "higher"


def _interrupt(points: object, settings: object) -> None:
    raise KeyboardInterrupt


def test_a_length_above_the_context_names_the_flag(options: Options) -> None:
    config = _config(options, max_doc_len=600, systems=("teacher",))
    with pytest.raises(UsageError, match=r"exceed the context .*512.*--extrapolate-positions"):
        scaling.run(config)
    allowed = replace(config, options=replace(options, extrapolate=True), measures=("flops",))
    assert all(row.status == "ok" for row in scaling.run(allowed).rows)


def test_unknown_names_are_refused_before_anything_runs(options: Options, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="unknown system 'bm26'; known: bm25"):
        scaling.run(_config(options, systems=("bm26",)), out=tmp_path)
    with pytest.raises(UsageError, match="unknown measure 'time'; known: energy, flops"):
        scaling.run(_config(options, measures=("time",)), out=tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_device_that_is_not_there_is_missing(
    options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(MissingError, match="torch sees no CUDA device"):
        scaling.run(_config(replace(options, device="cuda")))
    with pytest.raises(UsageError, match="unknown device 'tpu'"):
        scaling.run(_config(replace(options, device="tpu")))
