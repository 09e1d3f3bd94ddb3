"""Latency: interleaving, sample counts, units, and failures that stay rows."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from rabbench.measures import latency
from rabbench.records import Point, Settings, Shape, Workload


def _point(run: Callable[[], object], name: str = "fake", length: int = 1, units: int = 1) -> Point:
    workload = Workload(
        system=name,
        phase="score",
        shape=Shape(doc_len=length, query_len=1),
        device="cpu",
        run=run,
        units=units,
    )
    params = {"doc_len": length}
    return Point(system=name, phase="score", params=params, build=lambda: workload)


def test_rounds_visit_every_point_in_turn() -> None:
    order: list[str] = []

    def run(name: str) -> Callable[[], object]:
        def once() -> None:
            order.append(name)
            time.sleep(0.011)

        return once

    points = [_point(run("a"), "a"), _point(run("b"), "b")]
    settings = Settings(rounds=3, max_rounds=3, min_time_s=0)
    rows = list(latency.measure(points, settings))
    assert order[-6:] == ["a", "b"] * 3
    for row in rows:
        assert len(row.samples) == 3
        assert row.value == sorted(row.samples)[1]  # type: ignore[arg-type]
        assert row.value is not None
        assert row.value >= 0.011


def test_sampling_goes_on_until_the_time_is_filled() -> None:
    settings = Settings(rounds=2, max_rounds=50, min_time_s=0.2)
    (row,) = latency.measure([_point(lambda: time.sleep(0.02))], settings)
    assert 5 <= len(row.samples) <= 10


def test_a_short_run_is_repeated_within_a_sample_and_divided_by_its_units() -> None:
    calls = 0

    def count() -> None:
        nonlocal calls
        calls += 1

    (row,) = latency.measure([_point(count, units=10)], Settings(min_time_s=0))
    per_sample = row.params["calls_per_sample"]
    assert per_sample > 1000
    assert calls > 3 * per_sample
    assert row.value is not None
    assert row.value * 10 * per_sample == pytest.approx(latency.SAMPLE_S, rel=0.95)


def test_a_long_kind_is_warmed_at_its_shorter_lengths_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latency, "LONG_S", 0.005)
    runs: list[int] = []

    def run(length: int) -> Callable[[], object]:
        return lambda: (runs.append(length), time.sleep(0.012))

    points = [_point(run(length), length=length) for length in (2, 1)]
    list(latency.measure(points, Settings(rounds=2, max_rounds=2)))
    assert runs == [1, 1, 2, 1, 2]


def test_a_failing_point_is_a_row_and_the_others_go_on() -> None:
    def fail() -> None:
        raise RuntimeError("CUDA out of memory.\nTried to allocate")

    rows = list(latency.measure([_point(fail, "a"), _point(lambda: None, "b")], Settings()))
    assert [(row.system, row.status) for row in rows] == [("a", "oom"), ("b", "ok")]
    assert rows[0].params["message"] == "CUDA out of memory."
