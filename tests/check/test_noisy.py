"""The noisy tier: planted regressions are found, equal runs are not, weak evidence is unclear."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom

from rabbench import check
from rabbench.check import CheckResult, Policy, Verdict
from rabbench.check.ratios import choose_references
from rabbench.types import Measurement, Results
from tests.check.runs import LENGTHS, row, sweep, with_changes

SCORER = ("rabtriever", "score", "latency")


def _find(verdict: Verdict, name: str) -> CheckResult:
    return next(result for result in verdict.findings if result.name.startswith(name))


def _head(**changes: Any) -> list[Results]:
    """The two runs that a regression must show in."""
    return [sweep(seed, **changes) for seed in (2, 3)]


def test_a_slower_scorer_is_caught_on_a_machine_of_another_speed() -> None:
    slower = _head(planted={SCORER: lambda _: 1.6}, speed=3.0)
    verdict = check.compare_runs([sweep(1)], slower)
    result = _find(verdict, "rabtriever score latency over teacher score")
    assert (result.status, verdict.exit_code) == ("regression", 1)
    assert result.change == pytest.approx(1.6, rel=0.05)
    assert result.p is not None
    assert result.p < 0.01
    assert result.chance is not None
    assert result.chance > 0.95
    assert "worse by more than the margin over all lengths, most at" in result.message
    assert "in every run; if this is meant, write the baseline again with" in result.message
    rest = [check_result for check_result in verdict.findings if check_result is not result]
    assert {check_result.status for check_result in rest} == {"pass"}


def test_one_slow_run_is_a_suspicion_and_asks_for_another() -> None:
    planted = {SCORER: lambda _: 1.6}
    verdict = check.compare_runs([sweep(1)], [sweep(2, planted=planted)])
    result = _find(verdict, "rabtriever score latency")
    assert (result.status, verdict.exit_code) == ("unclear", 3)
    assert "but in one run only; repeat it: give several runs (DIR DIR …)" in result.message
    verdict = check.compare_runs([sweep(1)], [sweep(2, planted=planted), sweep(3), sweep(4)])
    assert _find(verdict, "rabtriever score latency").status == "unclear"
    assert verdict.counts["regression"] == 0


def test_a_slower_reference_is_caught_over_the_second_one() -> None:
    """Otherwise every ratio would fall, and that would look like a gain."""
    slower = _head(planted={("teacher", "score", "latency"): lambda _: 1.6})
    verdict = check.compare_runs([sweep(1)], slower)
    assert _find(verdict, "teacher score latency over rabtriever index").status == "regression"
    assert "better at every length" in _find(verdict, "rabtriever query latency").message


def test_a_scorer_that_began_to_grow_is_caught() -> None:
    planted = {SCORER: lambda length: 1 + length / 1024}
    verdict = check.compare_runs([sweep(1)], _head(planted=planted))
    assert _find(verdict, "rabtriever score latency").status == "regression"


def test_a_slowdown_of_long_documents_alone_is_caught_and_named() -> None:
    planted = {SCORER: lambda length: 2.0 if length > 4096 else 1.0}
    verdict = check.compare_runs([sweep(1)], _head(planted=planted))
    result = _find(verdict, "rabtriever score latency")
    assert result.status == "regression"
    assert "worse by more than the margin at 8,192 tokens" in result.message


def test_an_extra_copy_is_caught_from_one_sample_a_length() -> None:
    planted = {("rabtriever", "index", "working_memory"): lambda _: 1.5}
    verdict = check.compare_runs([sweep(1)], _head(planted=planted))
    result = _find(verdict, "rabtriever index working_memory over teacher score")
    assert result.status == "regression"
    assert _find(verdict, "rabtriever score working_memory").status == "pass"


def test_bytes_below_what_can_be_told_apart_are_no_change() -> None:
    """Half a mebibyte against four, where 1 MiB is 10 % of 10: nothing that could be judged."""
    planted = {("rabtriever", "score", "working_memory"): lambda _: 8.0}
    name = "rabtriever score working_memory"
    result = _find(check.compare_runs([sweep(1)], _head(planted=planted)), name)
    assert (result.status, result.change) == ("pass", pytest.approx(1.0, rel=0.02))
    planted = {("rabtriever", "score", "working_memory"): lambda _: 80.0}
    result = _find(check.compare_runs([sweep(1)], _head(planted=planted)), name)
    assert result.status == "regression"


@pytest.mark.e2e  # long
def test_equal_runs_are_rarely_called_different() -> None:
    """Thirty A/A gates of eight comparisons each, on machines of differing speed."""
    gates, counts = 30, Counter[str]()
    for seed in range(0, 3 * gates, 3):
        head = [sweep(seed + i, speed=math.exp(seed % 5 - 2)) for i in (1, 2)]
        counts[check.compare_runs([sweep(seed)], head).status] += 1
    # Above this count a true rate of 5 % of gates (not of comparisons) is refuted.
    assert counts["regression"] <= binom.ppf(0.95, gates, 0.05), counts
    assert counts["pass"] >= gates / 2, counts  # or the gate only shrugs


@pytest.mark.e2e  # long
def test_equal_runs_stay_equal_where_a_process_favours_some_points() -> None:
    """Noise that no repetition within a run shows: seen between lengths, it widens the margin."""
    gates, counts = 15, Counter[str]()
    for seed in range(0, 3 * gates, 3):
        base, *head = (sweep(seed + i, shift=0.06) for i in range(3))
        counts[check.compare_runs([base], head).status] += 1
    assert counts["regression"] <= binom.ppf(0.99, gates, 0.05), counts


def test_too_few_samples_are_unclear_and_say_what_would_help() -> None:
    def three(row: Measurement) -> Measurement | None:
        return row if row.params["doc_len"] in LENGTHS[:3] else None

    base, head = (with_changes(sweep(seed, samples=2), three) for seed in (1, 2))
    verdict = check.compare_runs([base], [head])
    assert (verdict.status, verdict.exit_code) == ("unclear", 3)
    result = _find(verdict, "rabtriever score latency")
    assert "3 lengths of 2 samples cannot show that nothing changed" in result.message
    assert "more --rounds or --points, or give several runs" in result.message


def test_a_length_beyond_the_margin_is_unclear_until_its_samples_are_enough() -> None:
    planted = {SCORER: lambda length: 1.5 if length == 8192 else 1.0}
    base = sweep(1, samples=3, noise=0.01, shift=0.003)
    head = sweep(2, samples=3, noise=0.01, shift=0.003, planted=planted)
    result = _find(check.compare_runs([base], [head]), "rabtriever score latency")
    assert result.status == "unclear"
    assert "not surely beyond the margin at 8,192 tokens, most at 8,192: 1.5" in result.message


def test_a_zigzag_over_lengths_is_noise_of_that_phase() -> None:
    """As of tiles and caches, which favour one length and not the next, in every run alike."""
    planted = {SCORER: lambda length: 1.25 if LENGTHS.index(length) % 2 else 0.8}
    verdict = check.compare_runs([sweep(1)], _head(planted=planted))
    result = _find(verdict, "rabtriever score latency")
    assert result.status != "regression"
    assert result.margin is not None
    assert result.margin > 1.5
    query = _find(verdict, "rabtriever query latency").margin
    assert query is not None
    assert query < 1.5


def test_repeated_runs_make_it_clear() -> None:
    def three(row: Measurement) -> Measurement | None:
        return row if row.params["doc_len"] in LENGTHS[:3] else None

    base = [with_changes(sweep(seed, samples=3), three) for seed in (1, 2, 3)]
    head = [with_changes(sweep(seed, samples=3), three) for seed in (4, 5, 6)]
    result = _find(check.compare_runs(base[:1], head[:1]), "rabtriever query latency")
    assert result.status == "unclear"
    result = _find(check.compare_runs(base, head), "rabtriever query latency")
    assert result.status == "pass"


def test_a_machine_too_noisy_to_say_is_unclear() -> None:
    verdict = check.compare_runs([sweep(1, noise=0.6)], [sweep(2, noise=0.6)])
    assert verdict.status == "unclear"
    assert "× here; above 1.5× a comparison says nothing" in (
        _find(verdict, "rabtriever query latency").message
    )


def test_the_floor_is_what_may_pass() -> None:
    base = sweep(1, noise=0.01, shift=0.003)
    head = _head(noise=0.01, shift=0.003, planted={SCORER: lambda _: 1.3})
    tight, wide = Policy(floor=0.1), Policy(floor=0.5)
    name = "rabtriever score latency"
    assert _find(check.compare_runs([base], head, policy=tight), name).status == "regression"
    assert _find(check.compare_runs([base], head, policy=wide), name).status == "pass"


def test_ratios_of_another_machine_have_a_wider_floor() -> None:
    planted = {SCORER: lambda _: 1.3}
    head = sweep(2, noise=0.01, shift=0.003, planted=planted, machine="there")
    result = _find(
        check.compare_runs([sweep(1, noise=0.01, shift=0.003)], [head]), SCORER[0] + " score lat"
    )
    assert (result.status, result.margin) == ("pass", 1.5)


def test_absolute_times_compare_on_one_machine() -> None:
    """Head and base, where the ratios hide that everything became slower."""
    planted = {(system, phase, "latency"): lambda _: 1.5 for system, phase in (
        ("teacher", "score"), ("rabtriever", "index"), ("rabtriever", "query"), SCORER[:2]
    )}  # fmt: skip
    base, head = sweep(1), _head(planted=planted)
    assert check.compare_runs([base], head).status == "pass"
    verdict = check.compare_runs([base], head, absolute=True)
    assert verdict.status == "regression"
    result = _find(verdict, "rabtriever score latency")
    assert (result.unit, result.over) == ("s", "")
    assert result.base == pytest.approx(5e-5, rel=0.2)


def test_direction_is_data() -> None:
    """A measure of which more is better: pairs a second."""

    def rate(row: Measurement) -> Measurement:
        if row.measure != "latency":
            return row
        raw = [1 / value for value in row.samples]  # type: ignore[union-attr]
        value = float(np.median(raw))
        return replace(row, measure="rate", unit="1/s", better="higher", value=value, samples=raw)

    base = with_changes(sweep(1), rate)
    slower = [with_changes(run, rate) for run in _head(planted={SCORER: lambda _: 1.6})]
    policy = Policy(references=("teacher/score", "rabtriever/index"))
    verdict = check.compare_runs([base], slower, policy=policy)
    result = _find(verdict, "rabtriever score rate")
    assert result.status == "regression"
    assert result.base is not None
    assert result.head is not None
    assert result.head < result.base
    faster = [with_changes(run, rate) for run in _head(planted={SCORER: lambda _: 1 / 1.6})]
    verdict = check.compare_runs([base], faster, policy=policy)
    assert _find(verdict, "rabtriever score rate").status == "pass"


def test_references_are_the_costliest_phases_of_two_systems() -> None:
    rows = list(sweep(1).rows)
    assert choose_references(rows) == ("teacher/score", "rabtriever/index")
    assert choose_references([row for row in rows if row.system == "rabtriever"]) == (
        "rabtriever/index",
        "rabtriever/query",
    )

    def moved(row: Measurement) -> Measurement:
        return replace(row, system="teacher") if row.phase == "index" else row

    slow_index = with_changes(sweep(1), moved)
    assert choose_references(list(slow_index.rows)) == ("teacher/score", "rabtriever/query")
    memory = [row for row in rows if row.measure == "working_memory"]
    assert {reference.split("/")[0] for reference in choose_references(memory)} == {
        "teacher",
        "rabtriever",
    }
    assert choose_references([]) == ()


def test_a_run_of_one_phase_has_nothing_to_be_set_over() -> None:
    def alone(results: Results) -> Results:
        return with_changes(
            results, lambda row: row if (row.system, row.phase) == SCORER[:2] else None
        )

    verdict = check.compare_runs([alone(sweep(1))], [alone(sweep(2))])
    assert (verdict.status, verdict.exit_code) == ("missing", 3)
    result = _find(verdict, "rabtriever score latency")
    assert "nothing to set it over: the run has no latency of another phase" in result.message


def test_rows_that_no_tier_compares_are_counted() -> None:
    extra = row("teacher", "score", "longest_feasible", 8192.0, "token", 8192)
    results = replace(sweep(1), rows=[*sweep(1).rows, extra])
    assert check.compare_runs([results], [results]).left_out == 1
