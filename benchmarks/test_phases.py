"""pytest-benchmark over every system's phases; FLOPs and shapes go into ``extra_info``.

    tox run -e bench

Shape preset with random weights, since cost does not depend on them. Times are for comparison
within one run only: the last test compares teacher and student as a ratio.
"""

from __future__ import annotations

from typing import Any

import pytest

from rabbench import registry
from rabbench.config.options import Options
from rabbench.measures.latency import time_workload
from rabbench.models.catalog import DENSE
from rabbench.models.locate import package_path
from rabbench.types import Shape, Workload

OPTIONS = Options(
    model="smollm2-135m-shape",
    sparse_model="untrained",
    cross_encoder_model="untrained",
    late_interaction_model="untrained",
)
LENGTHS = (128, 512)
# These run on the bi-encoder's transformer, which a package ships.
SENTENCE = {"dense", "sparse", "cross-encoder", "late-interaction", "hybrid"}
SYSTEMS = [
    name
    for name in registry.names("systems")
    if name not in SENTENCE or package_path(DENSE[OPTIONS.dense_model])
]


def _workloads(name: str, doc_len: int) -> list[Workload]:
    system = registry.load("systems", name).build(OPTIONS)
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

    def growth(name: str, *, calls: int, rounds: int) -> float:
        """Best time at 512 tokens over that at 128, both sampled in turn."""
        found = [w for n in (128, 512) for w in _workloads(name, n) if w.phase == "score"]
        for workload in found:
            workload.prepare()
        turns = [[time_workload(workload, calls) for workload in found] for _ in range(rounds)]
        short, long = (min(times) for times in zip(*turns, strict=True))
        return long / short

    assert growth("teacher", calls=1, rounds=4) > 1.5
    assert growth("rabtriever", calls=200, rounds=20) < 1.5
