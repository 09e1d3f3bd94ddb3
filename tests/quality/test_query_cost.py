"""FLOPs of a query: the phases that are paid online, as often as they are, and no others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from rabbench import registry
from rabbench.config.options import Options
from rabbench.quality import query_cost
from rabbench.types import Phase, Shape, UsageError, Workload

SHAPE = Shape(doc_len=40, query_len=7, n_docs=1000)
CARD = {"doc_words": {"mean": 100.0}, "query_words": {"mean": 10.0}, "n_docs": 1000}


@dataclass
class StubSystem:
    """A system of given phases: ``{phase: (closed form, units)}``."""

    counts: dict[Phase, tuple[Callable[[Shape], int] | None, int]]
    before: tuple[Any, ...] = ()

    @property
    def phases(self) -> tuple[Phase, ...]:
        """Those of its counts."""
        return tuple(self.counts)

    def workloads(self, shape: Shape) -> Iterator[Workload]:
        """One for each phase."""
        for phase, (count, units) in self.counts.items():
            yield Workload(
                system="stub",
                phase=phase,
                shape=shape,
                device="cpu",
                run=dict,
                units=units,
                closed_form=None if count is None else lambda _, f=count: f(shape),  # type: ignore[misc]
            )


def reranking(system: StubSystem, depth: int) -> Any:
    system.depth = depth  # type: ignore[attr-defined]
    return system


def test_the_index_is_left_out_and_candidates_are_counted() -> None:
    system = StubSystem(
        {
            "index": (lambda _: 10**9, 1),
            "query": (lambda shape: 100 * shape.query_len, 1),
            "score": (lambda shape: 6 * shape.doc_len, 2),
        }
    )
    whole = 700 + 1000 * 3 * 40
    assert query_cost.flops(system, SHAPE) == whole  # type: ignore[arg-type]
    assert query_cost.flops(reranking(system, 50), SHAPE) == 700 + 50 * 3 * 40
    assert query_cost.flops(reranking(system, 5000), SHAPE) == whole


def test_the_stages_before_are_paid_too() -> None:
    first = StubSystem({"query": (lambda _: 5, 1), "score": (lambda _: 1, 1)})
    bm25 = StubSystem({"query": (None, 1), "score": (None, 1)})
    saved = StubSystem({})
    second = StubSystem({"score": (lambda _: 20, 1)}, before=(first, bm25, saved))
    assert query_cost.flops(reranking(second, 10), SHAPE) == 200 + 5 + 1000
    assert query_cost.flops(bm25, SHAPE) == 0  # type: ignore[arg-type]
    assert query_cost.flops(saved, SHAPE) is None  # type: ignore[arg-type]


def test_beyond_the_context_there_is_no_cost() -> None:
    def refuse(shape: Shape) -> int:
        raise UsageError(f"{shape.doc_len} tokens exceed the context")

    assert query_cost.flops(StubSystem({"score": (refuse, 1)}), SHAPE) is None  # type: ignore[arg-type]


def test_lengths_are_those_read_else_words_times_a_factor() -> None:
    counts = {"documents_read": 4, "tokens_read": 100, "queries_read": 2, "query_tokens_read": 9}
    assert query_cost.mean_shape(CARD, counts, 512) == Shape(doc_len=25, query_len=4, n_docs=1000)
    guessed = query_cost.mean_shape(CARD, {"documents_read": 0}, 512)
    assert (guessed.doc_len, guessed.query_len) == (135, 14)
    assert query_cost.mean_shape(CARD, {}, 64).doc_len == 64


@pytest.mark.parametrize("name", ["teacher", "rabtriever", "teacher-cached"])
def test_a_rerankers_cost_is_its_own_closed_form(options: Options, name: str) -> None:
    shallow = replace(options, depth=3)
    system = registry.load("systems", name).build(shallow)
    docs = {f"d{i}": f"kettle tea {i} " * 4 for i in range(8)}
    system.index(docs)
    system.search({"q": "kettle", "r": "tea kettle"}, 3)
    shape = query_cost.mean_shape(CARD, system.notes, shallow.max_doc_len)
    prompt = system.scorer.inputs.prompt
    assert shape.doc_len == round(sum(len(prompt._ids(text)) for text in docs.values()) / 8)
    assert shape.query_len == round(
        (len(prompt._ids("kettle")) + len(prompt._ids("tea kettle"))) / 2
    )
    body = system.scorer.inputs.backbone.shape
    tokens = shape.doc_len + shape.query_len + prompt.overhead
    expected = 3 * (body.body(tokens) + body.head())
    flops = query_cost.flops(system, shape)
    assert flops is not None
    if name == "teacher":
        assert flops == expected
    else:
        assert 0 < flops < expected
