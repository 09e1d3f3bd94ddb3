"""Energy: per unit from a counter, and no value where there is no counter."""

from __future__ import annotations

import sys
import time
from types import ModuleType, SimpleNamespace

import pytest

from rabbench.measures import energy
from rabbench.records import Point, Settings, Shape, Workload


def _point() -> Point:
    workload = Workload(
        system="fake",
        phase="score",
        shape=Shape(doc_len=1, query_len=1),
        device="cpu",
        run=lambda: time.sleep(0.01),
        units=5,
    )
    return Point(system="fake", phase="score", params={"doc_len": 1}, build=lambda: workload)


def _install(monkeypatch: pytest.MonkeyPatch, monitor: type) -> None:
    module = ModuleType("zeus.monitor")
    module.ZeusMonitor = monitor  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "zeus", ModuleType("zeus"))
    monkeypatch.setitem(sys.modules, "zeus.monitor", module)


def test_joules_of_a_window_are_divided_by_runs_and_units(monkeypatch: pytest.MonkeyPatch) -> None:
    class Monitor:
        """Thirty watts."""

        gpu_indices, cpu_indices = (0,), (0,)

        def __init__(self, **_: object) -> None:
            self.start = 0.0

        def begin_window(self, _: str) -> None:
            self.start = time.monotonic()

        def end_window(self, _: str) -> SimpleNamespace:
            seconds = time.monotonic() - self.start
            return SimpleNamespace(total_energy=30 * seconds)

    _install(monkeypatch, Monitor)
    monkeypatch.setattr(energy, "WINDOW_S", 0.1)
    (row,) = energy.measure([_point()], Settings(rounds=3))
    assert len(row.samples) == 3
    # 10 ms at 30 W over 5 units is 60 mJ, and sleeping never ends early.
    assert row.value is not None
    assert 0.06 <= row.value < 0.12


def test_without_a_counter_nothing_is_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Blind:
        gpu_indices: tuple[int, ...] = ()
        cpu_indices: tuple[int, ...] = ()

        def __init__(self, **_: object) -> None:
            pass

    _install(monkeypatch, Blind)
    (row,) = energy.measure([_point()], Settings())
    assert (row.value, row.status) == (None, "unsupported")
    assert "offers no energy counter" in row.params["message"]


def test_without_zeus_the_row_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zeus.monitor", None)
    (row,) = energy.measure([_point()], Settings())
    assert (row.value, row.status) == (None, "unsupported")
    assert "rabbench[energy]" in row.params["message"]
