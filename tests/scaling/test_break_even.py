"""Break-even: totals by hand, the smallest query that pays, and what is not measured."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rabbench.scaling import break_even as scaling_break_even
from rabbench.scaling.break_even import Bill, Load, break_even, break_evens, storages, total
from rabbench.stats.intervals import Estimate
from rabbench.types import Measurement, UsageError

FLOPS = {
    ("teacher", "score"): 100.0,
    ("teacher-cached", "index"): 90.0,
    ("teacher-cached", "score"): 12.0,
    ("rabtriever", "index"): 95.0,
    ("rabtriever", "query"): 20.0,
    ("rabtriever", "score"): 1.0,
}
"""One length's costs, small enough to add up by hand."""

SMALL = Load(n_docs=10, k=4)


def row(system: str, phase: str, value: float | None, **params: Any) -> Measurement:
    measure = params.pop("measure", "flops")
    return Measurement(
        system=system,
        phase=phase,
        measure=measure,
        value=value,
        unit={"flops": "FLOP", "latency": "s"}.get(measure, "B"),
        better="lower",
        status=params.pop("status", "ok"),
        samples=params.pop("samples", ()),
        params={"doc_len": 512, "model": "m", "query_len": 32, **params},
    )


def rows(costs: Mapping[tuple[str, str], float] = FLOPS, **params: Any) -> list[Measurement]:
    return [row(system, phase, value, **params) for (system, phase), value in costs.items()]


def by_other(
    found: Sequence[scaling_break_even.BreakEven],
) -> dict[str, scaling_break_even.BreakEven]:
    return {one.reference: one for one in found}


def bill(system: str, index: float, query: float, score: float) -> Bill:
    phases = {"index": index, "query": query, "score": score}
    return Bill(system=system, measure="flops", unit="FLOP", doc_len=512, key={}, phases=phases)


def test_totals_by_hand() -> None:
    """N = 10, k = 4, Q = 3: the teacher reads 12 pairs, the others 10 documents first."""
    found = {one.system: one for one in scaling_break_even.bills(rows())}
    assert total(found["teacher"], SMALL, 3) == 3 * 4 * 100
    assert total(found["teacher-cached"], SMALL, 3) == 10 * 90 + 3 * 4 * 12
    assert total(found["rabtriever"], SMALL, 3) == 10 * 95 + 3 * (20 + 4 * 1)
    assert total(found["rabtriever"], SMALL, 0) == 950


def test_break_even_by_hand() -> None:
    """Teacher: 950 + 24 Q < 400 Q from Q = 3; cached: 950 + 24 Q < 900 + 48 Q from Q = 3."""
    found = by_other(break_evens(rows(), SMALL))
    assert found["teacher"].kind == "from"
    assert found["teacher"].queries == Estimate(3, 3, 3)
    assert found["teacher-cached"].queries == Estimate(3, 3, 3)
    assert not found["teacher"].trained


def test_a_load_takes_what_is_given_and_scores_no_more_than_there_are() -> None:
    assert Load.from_config({}) == Load()
    assert Load.from_config({"n_docs": 20, "training_s": None, "odd": 1}) == Load(n_docs=20, k=20)
    assert Load.from_config({"n_docs": 20, "k": 5, "training_s": 60.0}).training("latency") == 60.0
    with pytest.raises(UsageError, match=r"k = 500 .* N = 20 .*--breakeven-candidates or --break"):
        Load.from_config({"n_docs": 20, "k": 500})


def test_equal_totals_do_not_count_as_cheaper() -> None:
    """10 + Q < 6 Q: equal at Q = 2, cheaper from 3."""
    found = break_even(bill("rabtriever", 10, 0, 1), bill("teacher", 0, 0, 6), Load(n_docs=1, k=1))
    assert found.queries == Estimate(3, 3, 3)


@pytest.mark.parametrize(
    ("student", "other", "kind", "first", "last"),
    [
        ((0, 1, 1), (0, 0, 9), "always", 1, None),  # nothing spent before
        ((1, 0, 5), (9, 0, 5), "always", 1, None),  # as dear a query, but a cheaper index
        ((9, 0, 5), (9, 0, 5), "never", math.inf, None),  # the same
        ((9, 0, 6), (0, 0, 5), "never", math.inf, None),
        ((0, 0, 6), (3, 0, 5), "until", 1, 2),  # 6 Q < 3 + 5 Q for Q = 1, 2
        ((4, 0, 6), (5, 0, 5), "never", math.inf, None),  # 4 + 6 Q < 5 + 5 Q for Q = 0 only
    ],
)
def test_always_never_and_only_at_first(
    student: tuple[float, float, float],
    other: tuple[float, float, float],
    kind: str,
    first: float,
    last: int | None,
) -> None:
    bills = bill("rabtriever", *student), bill("teacher", *other)
    found = break_even(*bills, Load(n_docs=1, k=1))
    assert (found.kind, found.last) == (kind, last)
    assert found.queries == Estimate(first, first, first)


COST = st.integers(min_value=0, max_value=10**12)
PHASES = st.tuples(COST, COST, COST)
LOADS = st.builds(
    lambda k, more, training: Load(n_docs=k + more, k=k, training_flops=training),
    st.integers(1, 1000),
    st.integers(0, 10**6),
    st.none() | st.integers(0, 10**15),
)


@settings(deadline=None, max_examples=300)
@given(student=PHASES, other=PHASES, load=LOADS)
def test_the_break_even_is_the_smallest_query_that_pays(
    student: tuple[int, int, int], other: tuple[int, int, int], load: Load
) -> None:
    """Checked against totals added up as whole numbers."""

    def cheaper(queries: int) -> bool:
        (index, query, score), (index_2, query_2, score_2) = student, other
        trained = load.training_flops or 0
        mine = trained + load.n_docs * index + queries * (query + load.k * score)
        return mine < load.n_docs * index_2 + queries * (query_2 + load.k * score_2)

    found = break_even(bill("rabtriever", *student), bill("teacher", *other), load)
    assert found.queries is not None
    if found.kind == "never":
        assert not any(cheaper(queries) for queries in (1, 2, 10**3, 10**9))
        return
    first = int(found.queries.value)
    assert cheaper(first)
    assert first == 1 or not cheaper(first - 1)
    assert found.kind != "always" or cheaper(10**12)
    if found.kind == "until":
        assert found.last is not None
        assert cheaper(found.last)
        assert not cheaper(found.last + 1)


@settings(deadline=None, max_examples=200)
@given(student=PHASES, other=PHASES, load=LOADS, more=st.integers(0, 10**9))
def test_it_pays_later_the_dearer_the_student_and_sooner_the_dearer_the_other(
    student: tuple[int, int, int], other: tuple[int, int, int], load: Load, more: int
) -> None:
    def first(mine: tuple[int, int, int], theirs: tuple[int, int, int], of: Load = load) -> float:
        found = break_even(bill("rabtriever", *mine), bill("teacher", *theirs), of)
        assert found.queries is not None
        return found.queries.value

    now = first(student, other)
    for phase in range(3):
        dearer = [cost + more * (i == phase) for i, cost in enumerate(student)]
        assert first((dearer[0], dearer[1], dearer[2]), other) >= now
        dearer = [cost + more * (i == phase) for i, cost in enumerate(other)]
        assert first(student, (dearer[0], dearer[1], dearer[2])) <= now
    trained = Load(n_docs=load.n_docs, k=load.k, training_flops=(load.training_flops or 0) + more)
    assert first(student, other, trained) >= now


@settings(deadline=None, max_examples=200)
@given(phases=PHASES, load=LOADS, queries=st.integers(0, 10**6), more=st.integers(1, 10**6))
def test_totals_grow_with_queries(
    phases: tuple[int, int, int], load: Load, queries: int, more: int
) -> None:
    one = bill("rabtriever", *phases)
    before, after = total(one, load, queries), total(one, load, queries + more)
    assert before is not None
    assert after is not None
    assert after >= before


def test_training_is_the_students_alone_and_in_its_own_unit() -> None:
    trained = Load(n_docs=10, k=4, training_flops=3760.0, training_s=5.0)
    found = {one.system: one for one in scaling_break_even.bills(rows())}
    assert total(found["rabtriever"], trained, 1) == 3760 + 950 + 24
    assert total(found["teacher"], trained, 1) == 400
    against = by_other(break_evens(rows(), trained))
    assert against["teacher"].trained
    assert against["teacher"].queries == Estimate(13, 13, 13)  # 4,710 / 376 = 12.5
    timed = break_evens(rows(measure="latency", samples=(1.0,)), trained)
    assert by_other(timed)["teacher"].queries == Estimate(3, -math.inf, math.inf)  # 955 / 376
    untimed = Load(n_docs=10, k=4, training_flops=1.0)
    assert not break_evens(rows(measure="latency"), untimed)[0].trained


def test_latency_has_an_interval_around_the_true_break_even() -> None:
    """The truth, 27 (1,000 · 0.95 / (100 − 64) rounded up), lies within at the nominal rate."""
    costs = {
        ("teacher", "score"): 1.0,
        ("rabtriever", "index"): 0.95,
        ("rabtriever", "query"): 24.0,
        ("rabtriever", "score"): 0.4,
    }
    held = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        found = []
        for (system, phase), value in costs.items():
            drawn = [float(sample) for sample in value * (1 + 0.02 * rng.normal(size=15))]
            middle = float(np.median(drawn))
            found.append(row(system, phase, middle, measure="latency", samples=drawn))
        (one,) = break_evens(found)
        assert one.queries is not None
        assert one.queries.low <= one.queries.value <= one.queries.high
        assert one.queries.low == int(one.queries.low)
        held += one.queries.low <= 27 <= one.queries.high
    assert held >= 88


def test_noise_that_may_mean_never_has_no_upper_bound() -> None:
    close = {
        ("teacher", "score"): 1.0,
        ("rabtriever", "index"): 1.0,
        ("rabtriever", "query"): 0.0,
        ("rabtriever", "score"): 0.99,
    }
    rng = np.random.default_rng(0)
    found = [
        row(
            *name,
            value,
            measure="latency",
            samples=[float(s) for s in value * (1 + 0.1 * rng.normal(size=9))],
        )
        for name, value in close.items()
    ]
    (one,) = break_evens(found)
    assert one.queries is not None
    assert one.queries.high == math.inf


def test_a_missing_phase_is_not_measured() -> None:
    without = [one for one in rows() if (one.system, one.phase) != ("rabtriever", "index")]
    found = by_other(break_evens(without, SMALL))
    assert found["teacher"].kind == "not measured"
    assert found["teacher"].queries is None
    assert found["teacher"].why == "rabtriever index (no row)"
    (student,) = [one for one in scaling_break_even.bills(without) if one.system == "rabtriever"]
    assert total(student, SMALL, 1) is None
    failed = [
        one.with_changes(value=None, status="oom") if one.system == "teacher" else one
        for one in rows()
    ]
    assert by_other(break_evens(failed, SMALL))["teacher"].why == "teacher score (oom)"


def test_what_cannot_be_compared_is_not() -> None:
    assert break_evens([]) == []
    assert break_evens(rows({("bm25", "score"): 1.0})) == []
    alone = {name: cost for name, cost in FLOPS.items() if name[0] == "rabtriever"}
    assert break_evens(rows(alone)) == []
    eager = [row("teacher", "score", 100.0, attention="eager")]
    sdpa = [one.with_changes(params={"attention": "sdpa"}) for one in rows(alone)]
    assert break_evens([*eager, *sdpa]) == []


def test_each_length_attention_and_convention_for_itself() -> None:
    found = break_evens(
        [
            one.with_changes(params={"doc_len": length, "attention": kind})
            for one in rows()
            for length in (128, 512)
            for kind in ("eager", "sdpa")
        ],
        SMALL,
    )
    assert len(found) == 2 * 2 * 2
    assert {(one.doc_len, one.key["attention"]) for one in found if one.reference == "teacher"} == {
        (length, kind) for length in (128, 512) for kind in ("eager", "sdpa")
    }


def test_a_causal_count_meets_a_score_that_has_none_and_a_query_any_length() -> None:
    dense, causal = rows(pairs="dense"), rows(pairs="causal")
    short = [one.with_changes(params={"doc_len": 128}) for one in dense if one.phase == "query"]
    alike = {("rabtriever", "score")}
    found = [one for one in [*dense, *causal] if one.phase != "query"]
    found = [
        one
        for one in found
        if (one.system, one.phase) not in alike or one.params["pairs"] == "dense"
    ]
    by_pairs = {
        one.key["pairs"]: one
        for one in break_evens([*found, *short], SMALL)
        if one.reference == "teacher"
    }
    assert set(by_pairs) == {"dense", "causal"}
    assert by_pairs["dense"].queries == by_pairs["causal"].queries == Estimate(3, 3, 3)


def test_chunked_documents_have_their_own_break_even() -> None:
    chunked = {
        ("rabtriever-chunked", phase): cost / 2
        for (system, phase), cost in FLOPS.items()
        if system == "rabtriever"
    }
    found = break_evens(rows({**FLOPS, **chunked}), SMALL)
    assert {(one.student, one.reference) for one in found} == {
        (student, other)
        for student in scaling_break_even.STUDENTS
        for other in scaling_break_even.REFERENCES
    }


def test_storage_is_bytes_and_a_price_if_there_is_one() -> None:
    kept = [row("teacher-cached", "index", 2e6, measure="index_size")]
    (one,) = storages(kept, Load(n_docs=1000))
    assert (one.bytes, one.per_month) == (2e9, None)
    (priced,) = storages(kept, Load(n_docs=1000, price_gb_month=0.02))
    assert priced.per_month == pytest.approx(0.04)
    assert storages(rows()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_docs": 10}, "k = 100 candidates of N = 10 documents: there must be at least 1 and"),
        ({"k": 0}, "k = 0 candidates of N = 1000 documents"),
        ({"training_s": -1.0}, "training_s = -1.0: must be finite and not below 0"),
        ({"price_gb_month": math.inf}, "price_gb_month = inf: must be finite"),
    ],
)
def test_a_load_that_nobody_can_have_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Load(**options)
