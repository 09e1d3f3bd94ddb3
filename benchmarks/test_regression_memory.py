"""An extra copy, measured: the memory measure's own rows go through the gate."""

from __future__ import annotations

import sys
from functools import partial

import numpy as np
import pytest

from rabbench import check
from rabbench.measures import memory
from rabbench.types import Measurement, Point, Results, Settings, Shape, Workload

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
MIB = 1 << 20
LENGTHS = (12, 16, 20, 24, 32, 40, 48)  # tokens, each of which keeps a mebibyte


def _allocate(mebibytes: int, copies: int) -> object:
    return [np.ones(mebibytes * MIB, dtype=np.uint8) for _ in range(copies)]


def _build(system: str, length: int, copies: int) -> Workload:
    return Workload(
        system=system,
        phase="score",
        shape=Shape(doc_len=length, query_len=1),
        device="cpu",
        run=partial(_allocate, length, copies),
    )


def _rows(system: str, copies: int) -> list[Measurement]:
    points = []
    for length in LENGTHS:
        build = partial(_build, system, length, copies)
        params = Shape(doc_len=length, query_len=1).params()
        points.append(Point(system=system, phase="score", params=params, build=build))
    return [*memory.measure(points, Settings(timeout_s=60))]


def test_an_extra_copy_is_caught_and_the_same_work_is_not() -> None:
    teacher = _rows("teacher", copies=2)

    def run(copies: int) -> Results:
        here = {"machine": "here", "threads": 1, "gpus": []}
        rows = [*teacher, *_rows("student", copies)]
        return Results(command="scaling", config={}, environment=here, rows=rows)

    base = run(copies=1)
    policy = check.Policy(references=("teacher/score", "student/score"))
    for head, status in (([run(copies=1)], "pass"), ([run(copies=2), run(copies=2)], "regression")):
        verdict = check.compare_runs([base], head, policy=policy)
        results = {
            result.system: result
            for result in verdict.findings
            if result.measure == "working_memory"
        }
        assert results["student"].status == status, results["student"]
        assert results["teacher"].status == "pass", results["teacher"]
