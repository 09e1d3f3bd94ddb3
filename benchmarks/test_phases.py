"""pytest-benchmark over every system's phases; FLOPs and shapes go into ``extra_info``.

    tox run -e bench

Shape preset with random weights, since cost does not depend on them. Times are for comparison
within one run only: the last test compares teacher and student as a ratio.
"""

from __future__ import annotations

from typing import Any

import pytest

from rabbench import plugins
from rabbench.measures.latency import time_once
from rabbench.models.catalog import DENSE
from rabbench.models.locate import packaged
from rabbench.records import Options, Shape, Workload

OPTIONS = Options(model="smollm2-135m-shape")
LENGTHS = (128, 512)
SYSTEMS = [
    name for name in plugins.names("systems") if name != "dense" or packaged(*DENSE.values())
]


def _workloads(name: str, doc_len: int) -> list[Workload]:
    system = plugins.load("systems", name).build(OPTIONS)
    return list(system.workloads(Shape(doc_len=doc_len, query_len=32)))


CASES = [
    pytest.param(workload, id=f"{name}-{workload.phase}-{doc_len}")
    for name in SYSTEMS
    for doc_len in LENGTHS
    for workload in _workloads(name, doc_len)
]


@pytest.mark.parametrize("workload", CASES)
def test_phase(benchmark: Any, workload: Workload) -> None:
    workload.prepare()
    flops = workload.closed_form("dense") if workload.closed_form else None
    benchmark.extra_info.update(
        system=workload.system,
        phase=workload.phase,
        units=workload.units,
        flops=flops,
        **workload.shape.params(),
    )
    benchmark.pedantic(workload.run, rounds=5, warmup_rounds=1)


def test_the_teacher_slows_with_the_document_and_the_student_does_not() -> None:
    """A ratio within one run, far from its bound: 4.3 times the FLOPs against none more."""

    def best(name: str, doc_len: int) -> float:
        workload = next(w for w in _workloads(name, doc_len) if w.phase == "score")
        workload.prepare()
        calls = 1 if name == "teacher" else 200
        return min(time_once(workload, calls) / calls for _ in range(4))

    assert best("teacher", 512) > 1.5 * best("teacher", 128)
    assert best("rabtriever", 512) < 1.5 * best("rabtriever", 128)
