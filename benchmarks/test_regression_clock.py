"""The gate by the clock: a slower scorer is found, the same work measured twice is not.

Ratios within one run only, as the gate takes them; a busy machine makes the verdict unclear, never
wrong, and then it is measured again, as a gate would be.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import torch

from rabbench import check
from rabbench.check import CheckResult, Policy
from rabbench.measures import latency
from rabbench.types import Point, Results, Settings, Shape, Workload

LENGTHS = (64, 96, 128, 192, 256, 384, 512)  # rows of the products
WIDTH = 256
POLICY = Policy(references=("teacher/score", "student/score"))
TURNS = 4  # runs, at most, until it is clear


def _points(times: int) -> Iterator[Point]:
    """A teacher of sixteen products a length, and a student of ``times``."""
    weights = torch.ones(WIDTH, WIDTH)
    for length in LENGTHS:
        for system, products in (("teacher", 16), ("student", times)):
            shape = Shape(doc_len=length, query_len=1)
            work = Workload(
                system=system,
                phase="score",
                shape=shape,
                device="cpu",
                run=partial(_multiply, torch.ones(length, WIDTH), weights, products),
            )
            build = partial(replace, work)
            yield Point(system=system, phase="score", params=shape.params(), build=build)


def _multiply(matrix: torch.Tensor, right: torch.Tensor, times: int) -> None:
    for _ in range(times):
        torch.mm(matrix, right)


def _run(times: int) -> Results:
    settings = Settings(rounds=10, max_rounds=10, min_time_s=0)
    rows = [*latency.measure(list(_points(times)), settings)]
    here = {"machine": "here", "threads": torch.get_num_threads(), "gpus": []}
    return Results(command="scaling", config={}, environment=here, rows=rows)


def _student(before: int, after: int) -> CheckResult:
    """The verdict on the student, after as many interleaved runs as it takes."""
    base, head = [], []
    for _ in range(TURNS):
        base.append(_run(before))
        head.append(_run(after))
        verdict = check.compare_runs(base, head, policy=POLICY)
        student = next(result for result in verdict.findings if result.system == "student")
        if student.status != "unclear":
            break
    return student


def test_a_scorer_of_eight_times_the_work_is_found() -> None:
    student = _student(2, 16)
    assert student.status == "regression", student


def test_the_same_work_is_not() -> None:
    student = _student(4, 4)
    assert student.status != "regression", student
