"""Break-even: totals by hand, the smallest query that pays, and what is not measured."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rabbench.config.scaling import Load
from rabbench.scaling import break_even as scaling_break_even
from rabbench.scaling.break_even import Bill, break_even, break_evens, storages, total
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


def by_reference(
    results: Sequence[scaling_break_even.BreakEven],
) -> dict[str, scaling_break_even.BreakEven]:
    return {result.reference: result for result in results}


def bill(system: str, index: float, query: float, score: float) -> Bill:
    phases = {"index": index, "query": query, "score": score}
    return Bill(system=system, measure="flops", unit="FLOP", doc_len=512, key={}, phases=phases)


def test_totals_by_hand() -> None:
    """N = 10, k = 4, Q = 3: the teacher reads 12 pairs, the two that index 10 documents first."""
    bills = {item.system: item for item in scaling_break_even.bills(rows())}
    assert total(bills["teacher"], SMALL, 3) == 3 * 4 * 100
    assert total(bills["teacher-cached"], SMALL, 3) == 10 * 90 + 3 * 4 * 12
    assert total(bills["rabtriever"], SMALL, 3) == 10 * 95 + 3 * (20 + 4 * 1)
    assert total(bills["rabtriever"], SMALL, 0) == 950


def test_break_even_by_hand() -> None:
    """Teacher: 950 + 24 Q < 400 Q from Q = 3; cached: 950 + 24 Q < 900 + 48 Q from Q = 3."""
    results = by_reference(break_evens(rows(), SMALL))
    assert results["teacher"].kind == "from"
    assert results["teacher"].queries == Estimate(3, 3, 3)
    assert results["teacher-cached"].queries == Estimate(3, 3, 3)
    assert not results["teacher"].trained


def test_a_load_takes_what_is_given_and_scores_no_more_than_there_are() -> None:
    assert Load.from_config({}) == Load()
    assert Load.from_config({"n_docs": 20, "training_s": None, "odd": 1}) == Load(n_docs=20, k=20)
    assert Load.from_config({"n_docs": 20, "k": 5, "training_s": 60.0}).training("latency") == 60.0
    with pytest.raises(UsageError, match=r"k = 500 .* N = 20 .*--breakeven-candidates or --break"):
        Load.from_config({"n_docs": 20, "k": 500})


def test_equal_totals_do_not_count_as_cheaper() -> None:
    """10 + Q < 6 Q: equal at Q = 2, cheaper from 3."""
    result = break_even(bill("rabtriever", 10, 0, 1), bill("teacher", 0, 0, 6), Load(n_docs=1, k=1))
    assert result.queries == Estimate(3, 3, 3)


@pytest.mark.parametrize(
    ("student", "reference", "kind", "first", "last"),
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
    reference: tuple[float, float, float],
    kind: str,
    first: float,
    last: int | None,
) -> None:
    bills = bill("rabtriever", *student), bill("teacher", *reference)
    result = break_even(*bills, Load(n_docs=1, k=1))
    assert (result.kind, result.last) == (kind, last)
    assert result.queries == Estimate(first, first, first)


COST = st.integers(min_value=0, max_value=10**12)
PHASES = st.tuples(COST, COST, COST)
LOADS = st.builds(
    lambda k, more, training: Load(n_docs=k + more, k=k, training_flops=training),
    st.integers(1, 1000),
    st.integers(0, 10**6),
    st.none() | st.integers(0, 10**15),
)


@settings(deadline=None, max_examples=300)
@given(student=PHASES, reference=PHASES, load=LOADS)
def test_the_break_even_is_the_smallest_query_that_pays(
    student: tuple[int, int, int], reference: tuple[int, int, int], load: Load
) -> None:
    """Checked against totals added up as whole numbers."""

    def cheaper(queries: int) -> bool:
        (index, query, score), (index_2, query_2, score_2) = student, reference
        training = load.training_flops or 0
        student_total = training + load.n_docs * index + queries * (query + load.k * score)
        return student_total < load.n_docs * index_2 + queries * (query_2 + load.k * score_2)

    result = break_even(bill("rabtriever", *student), bill("teacher", *reference), load)
    assert result.queries is not None
    if result.kind == "never":
        assert not any(cheaper(queries) for queries in (1, 2, 10**3, 10**9))
        return
    first = int(result.queries.value)
    assert cheaper(first)
    assert first == 1 or not cheaper(first - 1)
    assert result.kind != "always" or cheaper(10**12)
    if result.kind == "until":
        assert result.last is not None
        assert cheaper(result.last)
        assert not cheaper(result.last + 1)


@settings(deadline=None, max_examples=200)
@given(student=PHASES, reference=PHASES, load=LOADS, more=st.integers(0, 10**9))
def test_it_pays_later_the_dearer_the_student_and_sooner_the_dearer_the_reference(
    student: tuple[int, int, int], reference: tuple[int, int, int], load: Load, more: int
) -> None:
    def first(
        student_costs: tuple[int, int, int],
        reference_costs: tuple[int, int, int],
        work: Load = load,
    ) -> float:
        result = break_even(
            bill("rabtriever", *student_costs), bill("teacher", *reference_costs), work
        )
        assert result.queries is not None
        return result.queries.value

    baseline = first(student, reference)
    for phase in range(3):
        dearer = [cost + more * (i == phase) for i, cost in enumerate(student)]
        assert first((dearer[0], dearer[1], dearer[2]), reference) >= baseline
        dearer = [cost + more * (i == phase) for i, cost in enumerate(reference)]
        assert first(student, (dearer[0], dearer[1], dearer[2])) <= baseline
    trained = Load(n_docs=load.n_docs, k=load.k, training_flops=(load.training_flops or 0) + more)
    assert first(student, reference, trained) >= baseline


@settings(deadline=None, max_examples=200)
@given(phases=PHASES, load=LOADS, queries=st.integers(0, 10**6), more=st.integers(1, 10**6))
def test_totals_grow_with_queries(
    phases: tuple[int, int, int], load: Load, queries: int, more: int
) -> None:
    student = bill("rabtriever", *phases)
    before, after = total(student, load, queries), total(student, load, queries + more)
    assert before is not None
    assert after is not None
    assert after >= before


def test_training_is_the_students_alone_and_in_its_own_unit() -> None:
    trained = Load(n_docs=10, k=4, training_flops=3760.0, training_s=5.0)
    bills = {item.system: item for item in scaling_break_even.bills(rows())}
    assert total(bills["rabtriever"], trained, 1) == 3760 + 950 + 24
    assert total(bills["teacher"], trained, 1) == 400
    against = by_reference(break_evens(rows(), trained))
    assert against["teacher"].trained
    assert against["teacher"].queries == Estimate(13, 13, 13)  # 4,710 / 376 = 12.5
    timed = break_evens(rows(measure="latency", samples=(1.0,)), trained)
    assert by_reference(timed)["teacher"].queries == Estimate(3, -math.inf, math.inf)  # 955 / 376
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
    covered = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        measured = []
        for (system, phase), value in costs.items():
            samples = [float(sample) for sample in value * (1 + 0.02 * rng.normal(size=15))]
            median = float(np.median(samples))
            measured.append(row(system, phase, median, measure="latency", samples=samples))
        (result,) = break_evens(measured)
        assert result.queries is not None
        assert result.queries.low <= result.queries.value <= result.queries.high
        assert result.queries.low == int(result.queries.low)
        covered += result.queries.low <= 27 <= result.queries.high
    assert covered >= 88


def test_noise_that_may_mean_never_has_no_upper_bound() -> None:
    close = {
        ("teacher", "score"): 1.0,
        ("rabtriever", "index"): 1.0,
        ("rabtriever", "query"): 0.0,
        ("rabtriever", "score"): 0.99,
    }
    rng = np.random.default_rng(0)
    measured = [
        row(
            *name,
            value,
            measure="latency",
            samples=[float(s) for s in value * (1 + 0.1 * rng.normal(size=9))],
        )
        for name, value in close.items()
    ]
    (result,) = break_evens(measured)
    assert result.queries is not None
    assert result.queries.high == math.inf


def test_a_missing_phase_is_not_measured() -> None:
    without = [row for row in rows() if (row.system, row.phase) != ("rabtriever", "index")]
    results = by_reference(break_evens(without, SMALL))
    assert results["teacher"].kind == "not measured"
    assert results["teacher"].queries is None
    assert results["teacher"].why == "rabtriever index (no row)"
    (student,) = [b for b in scaling_break_even.bills(without) if b.system == "rabtriever"]
    assert total(student, SMALL, 1) is None
    failed = [
        row.with_changes(value=None, status="oom") if row.system == "teacher" else row
        for row in rows()
    ]
    assert by_reference(break_evens(failed, SMALL))["teacher"].why == "teacher score (oom)"


def test_what_cannot_be_compared_is_not() -> None:
    assert break_evens([]) == []
    assert break_evens(rows({("bm25", "score"): 1.0})) == []
    alone = {name: cost for name, cost in FLOPS.items() if name[0] == "rabtriever"}
    assert break_evens(rows(alone)) == []
    eager = [row("teacher", "score", 100.0, attention="eager")]
    sdpa = [cost.with_changes(params={"attention": "sdpa"}) for cost in rows(alone)]
    assert break_evens([*eager, *sdpa]) == []


def test_each_length_attention_and_convention_for_itself() -> None:
    results = break_evens(
        [
            row.with_changes(params={"doc_len": length, "attention": kind})
            for row in rows()
            for length in (128, 512)
            for kind in ("eager", "sdpa")
        ],
        SMALL,
    )
    assert len(results) == 2 * 2 * 2
    assert {(r.doc_len, r.key["attention"]) for r in results if r.reference == "teacher"} == {
        (length, kind) for length in (128, 512) for kind in ("eager", "sdpa")
    }


def test_a_causal_count_meets_a_score_that_has_none_and_a_query_any_length() -> None:
    dense, causal = rows(pairs="dense"), rows(pairs="causal")
    short = [row.with_changes(params={"doc_len": 128}) for row in dense if row.phase == "query"]
    alike = {("rabtriever", "score")}
    costs = [row for row in [*dense, *causal] if row.phase != "query"]
    costs = [
        row
        for row in costs
        if (row.system, row.phase) not in alike or row.params["pairs"] == "dense"
    ]
    by_pairs = {
        result.key["pairs"]: result
        for result in break_evens([*costs, *short], SMALL)
        if result.reference == "teacher"
    }
    assert set(by_pairs) == {"dense", "causal"}
    assert by_pairs["dense"].queries == by_pairs["causal"].queries == Estimate(3, 3, 3)


def test_chunked_documents_have_their_own_break_even() -> None:
    chunked = {
        ("rabtriever-chunked", phase): cost / 2
        for (system, phase), cost in FLOPS.items()
        if system == "rabtriever"
    }
    results = break_evens(rows({**FLOPS, **chunked}), SMALL)
    assert {(result.student, result.reference) for result in results} == {
        (student, reference)
        for student in scaling_break_even.STUDENTS
        for reference in scaling_break_even.REFERENCES
    }


def test_storage_is_bytes_and_a_price_if_there_is_one() -> None:
    sizes = [row("teacher-cached", "index", 2e6, measure="index_size")]
    (storage,) = storages(sizes, Load(n_docs=1000))
    assert (storage.bytes, storage.per_month) == (2e9, None)
    (priced,) = storages(sizes, Load(n_docs=1000, price_gb_month=0.02))
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
