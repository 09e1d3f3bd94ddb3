"""Peak memory: a known allocation is read back, faults in a child are data."""

from __future__ import annotations

import multiprocessing as mp
import os
import signal
import sys
import threading
from functools import partial
from typing import Any

import numpy as np
import pytest

from rabbench.measures import memory
from rabbench.types import Point, Settings, Shape, UsageError, Workload

pytestmark = [
    pytest.mark.e2e,  # takes long: every point is a process that imports torch
    pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc"),
]
MIB = 1 << 20


def _workload(run: object) -> Workload:
    return Workload(
        system="fake",
        phase="index",
        shape=Shape(doc_len=1, query_len=1),
        device="cpu",
        run=run,  # type: ignore[arg-type]
    )


def _allocate(size: int) -> object:
    allocation = np.ones(size, dtype=np.uint8)
    del allocation
    return None


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _exhaust() -> None:
    raise RuntimeError("DefaultCPUAllocator: can't allocate memory")


def _hang() -> None:
    threading.Event().wait()


def _hold_and_hang(ready: Any) -> None:
    allocation = np.ones(300 * MIB, dtype=np.uint8)
    ready.send("holding")
    threading.Event().wait()
    del allocation


def _fail() -> None:
    raise RuntimeError("a kernel is missing")


def _refuse() -> None:
    raise UsageError("a sequence of 8195 tokens exceeds the context")


def _point(run: object) -> Point:
    return Point(system="fake", phase="index", params={"doc_len": 1}, build=partial(_workload, run))


def test_a_known_allocation_is_read_back_within_two_percent() -> None:
    rows = list(memory.measure([_point(partial(_allocate, 256 * MIB))], Settings()))
    working = next(row for row in rows if row.measure == "working_memory")
    peak = next(row for row in rows if row.measure == "peak_memory")
    assert working.value == pytest.approx(256 * MIB, rel=0.02)
    assert peak.value == working.value + working.params["baseline"]


def test_a_smaller_point_after_a_larger_one_keeps_its_own_peak() -> None:
    points = [_point(partial(_allocate, size * MIB)) for size in (200, 20)]
    rows = list(memory.measure(points, Settings()))
    large, small = (row.value for row in rows if row.measure == "working_memory")
    assert large is not None
    assert small is not None
    assert small < large / 5


@pytest.mark.parametrize(
    ("run", "status", "message"),
    [
        (_kill, "oom", "the child ended with -9"),
        (_exhaust, "oom", "can't allocate memory"),
        (_fail, "error", "a kernel is missing"),
        (_refuse, "error", "UsageError: a sequence of 8195 tokens exceeds the context"),
    ],
)
def test_a_fault_is_a_row_and_the_sweep_goes_on(run: object, status: str, message: str) -> None:
    rows = list(memory.measure([_point(run), _point(partial(_allocate, MIB))], Settings()))
    assert [row.status for row in rows] == [status, status, "ok", "ok"]
    assert message in rows[0].params["message"]
    assert rows[0].value is None


def test_a_point_that_hangs_is_ended() -> None:
    (first, second) = memory.measure([_point(_hang)], Settings(timeout_s=0.5))
    assert (first.status, second.status) == ("timeout", "timeout")
    assert "not done after 0.5 s" in first.params["message"]
    assert first.params["last_peak"] >= 0
    assert mp.active_children() == []


def test_what_a_hanging_child_held_is_seen_however_short_the_time() -> None:
    context = memory._context()
    answers, silent = context.Pipe(duplex=False)
    ready, sender = context.Pipe(duplex=False)
    child = context.Process(target=_hold_and_hang, args=(sender,), daemon=True)
    child.start()
    assert ready.recv() == "holding"
    in_time, last_peak = memory._watch(answers, child.pid, 0.0)
    child.kill()
    child.join()
    silent.close()
    assert not in_time
    assert last_peak > 300 * MIB


def test_a_limit_refuses_more_and_allows_less() -> None:
    points = [_point(partial(_allocate, size * MIB)) for size in (40, 4000)]
    settings = Settings(memory_limit=2000 * MIB)
    rows = list(memory.measure(points, settings))
    assert [row.status for row in rows] == ["ok", "ok", "oom", "oom"]
    assert "Unable to allocate" in rows[2].params["message"]
