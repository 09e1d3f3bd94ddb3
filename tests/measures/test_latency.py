"""Latency: interleaving, sample counts, units, and failures that stay rows.

The clock is the test's own, so that no bound depends on how busy the machine is.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rabbench.measures import _speed, latency
from rabbench.types import Point, Settings, Shape, UsageError, Workload


class Clock:
    """A clock that moves only when a run says that it has worked."""

    now = 0.0

    def perf_counter(self) -> float:
        """Seconds so far."""
        return self.now

    def work(self, seconds: float) -> None:
        """Let this much time pass."""
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(_speed, "time", clock)
    return clock


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


def test_rounds_visit_every_point_in_turn(clock: Clock) -> None:
    order: list[str] = []

    def run(name: str) -> Callable[[], object]:
        def work() -> None:
            order.append(name)
            clock.work(0.01 + len(order) * 1e-4)

        return work

    points = [_point(run("a"), "a"), _point(run("b"), "b")]
    settings = Settings(rounds=3, max_rounds=3, min_time_s=0)
    rows = list(latency.measure(points, settings))
    assert order == ["a", "a", "b", "b"] + ["a", "b"] * 3  # two warm-ups each, then the rounds
    for row, runs in zip(rows, ((5, 7, 9), (6, 8, 10)), strict=True):
        assert row.samples == pytest.approx([0.01 + number * 1e-4 for number in runs])
        assert row.value == pytest.approx(0.01 + runs[1] * 1e-4)


def test_sampling_goes_on_until_the_time_is_filled(clock: Clock) -> None:
    settings = Settings(rounds=2, max_rounds=50, min_time_s=0.25)
    (row,) = latency.measure([_point(lambda: clock.work(0.0625))], settings)
    assert row.samples == (0.0625,) * 4
    assert "beside_s" not in row.params


def test_reference_layers_are_timed_before_each_sample_of_their_point(clock: Clock) -> None:
    order: list[str] = []

    def run(name: str, seconds: float) -> Callable[[], object]:
        return lambda: (order.append(name), clock.work(seconds))

    def reference_layers(point: Point) -> Callable[[], object] | None:
        return run("layers", 0.5) if point.system == "a" else None

    points = [_point(run("a", 0.25), "a"), _point(run("b", 0.25), "b")]
    settings = Settings(rounds=2, max_rounds=2, min_time_s=0, reference_layers=reference_layers)
    first, second = latency.measure(points, settings)
    assert order[-7:] == ["layers", "layers", "a", "b", "layers", "a", "b"]  # one to warm up
    assert (first.params["beside_s"], first.params["times_beside"]) == (0.5, 0.5)
    assert first.samples == second.samples == (0.25, 0.25)
    assert "beside_s" not in second.params


def test_a_short_run_is_repeated_within_a_sample_and_divided_by_its_units(clock: Clock) -> None:
    run_s = 2.0**-20  # about a microsecond, without rounding in sums

    (row,) = latency.measure(
        [_point(lambda: clock.work(run_s), units=10)], Settings(rounds=3, min_time_s=0)
    )
    per_sample = row.params["calls_per_sample"]
    assert per_sample == 2**14  # the first doubling that lasts SAMPLE_S
    assert run_s * per_sample >= latency.SAMPLE_S > run_s * per_sample / 2
    assert row.samples == (run_s / 10,) * 3


def test_a_long_kind_is_warmed_at_its_shorter_lengths_only(clock: Clock) -> None:
    runs: list[int] = []

    def run(length: int) -> Callable[[], object]:
        return lambda: (runs.append(length), clock.work(2 * latency.LONG_S))

    points = [_point(run(length), length=length) for length in (2, 1)]
    list(latency.measure(points, Settings(rounds=2, max_rounds=2)))
    assert runs == [1, 1, 2, 1, 2]


def test_a_point_that_refuses_its_length_is_a_row() -> None:
    def refuse() -> None:
        raise UsageError("a sequence of 8195 tokens exceeds the context")

    first, second = latency.measure([_point(refuse, "a"), _point(lambda: None, "b")], Settings())
    assert (first.status, second.status) == ("error", "ok")
    assert first.params["message"] == "a sequence of 8195 tokens exceeds the context"


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (RuntimeError("CUDA out of memory.\nTried to allocate"), "CUDA out of memory."),
        (MemoryError(), "MemoryError"),
    ],
)
def test_a_failing_point_is_a_row_and_the_others_go_on(error: Exception, message: str) -> None:
    def fail() -> None:
        raise error

    rows = list(latency.measure([_point(fail, "a"), _point(lambda: None, "b")], Settings()))
    assert [(row.system, row.status) for row in rows] == [("a", "oom"), ("b", "ok")]
    assert rows[0].params["message"] == message
