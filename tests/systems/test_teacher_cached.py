"""The cached teacher scores as the uncached one does, at less work."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rabbench import registry
from rabbench.config.options import Options
from rabbench.types import Run, Shape, System

DOCS = {f"d{i}": f"kettle water number {i} " + "tea " * (3 * i) for i in range(6)}
QUERIES = {"q1": "tea from the kettle", "q2": "number", "q3": "a much longer query about water"}


def _search(name: str, options: Options) -> Run:
    system: System = registry.load("systems", name).build(options)
    system.index(DOCS)
    return system.search(QUERIES, 10)


@pytest.mark.parametrize("depth", [2, 10])
def test_it_scores_as_the_uncached_teacher(options: Options, depth: int) -> None:
    batched = replace(options, depth=depth, batch=2)
    cached, uncached = _search("teacher-cached", batched), _search("teacher", batched)
    assert cached.keys() == uncached.keys()
    for query_id, scores in uncached.items():
        assert cached[query_id] == pytest.approx(scores, abs=1e-4)
        assert len(set(scores.values())) == len(scores)


def test_its_score_is_linear_in_the_document_and_its_index_holds_keys_and_values(
    options: Options,
) -> None:
    system = registry.load("systems", "teacher-cached").build(options)
    flops, sizes = [], []
    for doc_len in (100, 200, 300):
        index, score = system.workloads(Shape(doc_len=doc_len, query_len=5))
        assert score.closed_form is not None
        assert index.index_bytes is not None
        flops.append(score.closed_form("dense"))
        sizes.append(index.index_bytes())
        index.prepare()
        stored = sum(k.nbytes + v.nbytes for k, v in index.run())  # type: ignore[attr-defined]
        assert sizes[-1] == stored
    assert flops[2] - flops[1] == flops[1] - flops[0] > 0
    assert sizes[2] - sizes[1] == sizes[1] - sizes[0] > 0
