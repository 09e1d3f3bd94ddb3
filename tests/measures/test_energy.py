"""Energy: per unit from a counter, and no value where there is no counter.

The clock is the test's own, so that no bound depends on how busy the machine is.
"""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import pytest

from rabbench.measures import energy
from rabbench.types import Point, Settings, Shape, Workload


class Clock:
    """A clock that moves only when a run says that it has worked."""

    now = 0.0

    def monotonic(self) -> float:
        """Seconds so far."""
        return self.now

    def work(self) -> None:
        """Let a hundredth of a second pass."""
        self.now += 0.01


def _point(clock: Clock) -> Point:
    workload = Workload(
        system="fake",
        phase="score",
        shape=Shape(doc_len=1, query_len=1),
        device="cpu",
        run=clock.work,
        units=5,
    )
    return Point(system="fake", phase="score", params={"doc_len": 1}, build=lambda: workload)


def _install(monkeypatch: pytest.MonkeyPatch, monitor: type) -> None:
    module = ModuleType("zeus.monitor")
    module.ZeusMonitor = monitor  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "zeus", ModuleType("zeus"))
    monkeypatch.setitem(sys.modules, "zeus.monitor", module)


def test_joules_of_a_window_are_divided_by_runs_and_units(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()

    class Monitor:
        """Thirty watts."""

        gpu_indices, cpu_indices = (0,), (0,)

        def __init__(self, **_: object) -> None:
            self.start = 0.0

        def begin_window(self, _: str) -> None:
            self.start = clock.now

        def end_window(self, _: str) -> SimpleNamespace:
            return SimpleNamespace(total_energy=30 * (clock.now - self.start))

    _install(monkeypatch, Monitor)
    monkeypatch.setattr(energy, "WINDOW_S", 0.1)
    monkeypatch.setattr(energy, "time", clock)
    (row,) = energy.measure([_point(clock)], Settings(rounds=3))
    # 10 ms at 30 W over 5 units is 60 mJ.
    assert row.samples == pytest.approx([0.06] * 3)
    assert row.value == pytest.approx(0.06)
    assert clock.now == pytest.approx(0.01 + 3 * 0.1, abs=0.031)  # a run before, then the windows


def test_without_a_counter_nothing_is_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Blind:
        gpu_indices: tuple[int, ...] = ()
        cpu_indices: tuple[int, ...] = ()

        def __init__(self, **_: object) -> None:
            pass

    _install(monkeypatch, Blind)
    (row,) = energy.measure([_point(Clock())], Settings())
    assert (row.value, row.status) == (None, "unsupported")
    assert "offers no energy counter" in row.params["message"]


def test_without_zeus_the_row_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zeus.monitor", None)
    (row,) = energy.measure([_point(Clock())], Settings())
    assert (row.value, row.status) == (None, "unsupported")
    assert "rabbench[energy]" in row.params["message"]
