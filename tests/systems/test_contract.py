"""Every system found in the folder keeps the contract of types.System."""

from __future__ import annotations

import pickle

import pytest

from rabbench import registry
from rabbench.config.options import Options
from rabbench.scaling import sweep as scaling
from rabbench.types import Shape, System, rank

SYSTEMS = registry.names("systems")
DOCS = {
    "wash": "wash the dishes in the sink with soap",
    "sweep": "sweep the kitchen floor with a broom",
    "boil": "boil water in the kettle for tea",
    "empty": "",
}
QUERIES = {"q1": "clean the kitchen floor", "q2": "hot tea", "q3": "zzz"}


@pytest.fixture(params=SYSTEMS)
def system(request: pytest.FixtureRequest, options: Options) -> System:
    built: System = registry.load("systems", request.param).build(options)
    return built


def test_it_is_a_system_of_its_own_name(system: System) -> None:
    assert isinstance(system, System)
    assert system.name in SYSTEMS
    assert {"model", "attention", "dtype", "device"} <= system.params.keys()


def test_a_search_is_ranked_bounded_and_repeatable(system: System) -> None:
    system.index(DOCS)
    run = system.search(QUERIES, 2)
    assert run.keys() == QUERIES.keys()
    for scores in run.values():
        assert len(scores) <= 2
        assert scores.keys() <= DOCS.keys()
        assert list(scores.items()) == rank(scores)
    assert system.search(QUERIES, 2) == run
    everything = system.search(QUERIES, 10)
    for query_id, scores in run.items():
        assert list(everything[query_id])[:2] == list(scores)


def test_indexing_again_replaces_the_collection(system: System) -> None:
    system.index(DOCS)
    system.search(QUERIES, 2)
    system.index({"tea": "hot tea in the kettle", "mop": "mop the kitchen floor"})
    run = system.search(QUERIES, 5)
    assert {doc_id for scores in run.values() for doc_id in scores} <= {"tea", "mop"}


def test_one_workload_a_phase_and_each_runs(system: System) -> None:
    shape = Shape(doc_len=20, query_len=5, n_docs=4)
    workloads = list(system.workloads(shape))
    assert tuple(workload.phase for workload in workloads) == system.phases
    for workload in workloads:
        assert workload.system == system.name
        assert workload.units >= 1
        workload.prepare()
        workload.run()
        assert (workload.trace is None) == (workload.closed_form is None)


def test_points_travel_to_a_child_process(system: System, options: Options) -> None:
    config = scaling.ScalingConfig(
        max_doc_len=12, min_doc_len=12, systems=(system.name,), options=options
    )
    points = scaling.plan(config)
    assert points
    for point in points:
        copy = pickle.loads(pickle.dumps(point))  # noqa: S301 - our own bytes
        assert copy.build().phase == point.phase
        assert copy.params == point.params
