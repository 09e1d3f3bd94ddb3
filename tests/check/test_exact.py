"""The exact tier on real counts and real rankings: planted regressions are caught."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from rabbench import check, quality, scaling
from rabbench.check import CheckResult, Policy
from rabbench.config.options import Options
from rabbench.types import Measurement, Results
from tests.check.runs import exact_run, with_changes

TIED = Path(__file__).parents[2] / "benchmarks" / "baselines" / "demo-tied.trec.gz"


def _wrong(base: Results, head: Results, **policy: object) -> list[CheckResult]:
    verdict = check.compare_runs([base], [head], policy=Policy(**policy))  # type: ignore[arg-type]
    return [result for result in verdict.findings if result.status != "pass"]


@pytest.fixture(scope="module")
def swept(tiny_model: Path) -> Results:
    """Real counts of the student over whole documents and over windows."""
    options = Options(model=str(tiny_model), extrapolate=True)
    config = scaling.ScalingConfig(
        max_doc_len=16_384,
        min_doc_len=256,
        points=7,
        systems=("rabtriever", "rabtriever-chunked"),
        measures=("flops", "index-size"),
        options=options,
    )
    return scaling.run(config)


def test_a_run_equals_itself(swept: Results) -> None:
    verdict = check.compare_runs([swept], [swept])
    assert (verdict.status, verdict.exit_code) == ("pass", 0)
    measures = {result.measure for result in verdict.findings}
    assert measures == {"flops", "index_size", "growth of flops", "growth of index_size"}


def test_a_lost_attention_term_is_caught_by_counts_and_by_order(swept: Results) -> None:
    """Attention within windows only: fewer FLOPs at long documents, linear growth."""
    base = with_changes(swept, lambda row: row if row.system == "rabtriever" else None)
    windowed = with_changes(
        swept,
        lambda row: replace(row, system="rabtriever") if row.system != "rabtriever" else None,
    )
    wrong = _wrong(base, windowed)
    assert {result.status for result in wrong} == {"regression"}
    order = next(result for result in wrong if result.measure == "growth of flops")
    assert "was quadratic in document length, now linear" in order.message
    counts = [result for result in wrong if result.measure == "flops"]
    assert counts
    for result in counts:
        assert result.phase == "index"
        assert result.head is not None
        assert result.base is not None
        assert result.head < result.base  # fewer is a mismatch too
        assert "better); no change is allowed; if this is meant, write the baseline again with" in (
            result.message
        )


def test_an_index_that_grew_by_a_byte_is_caught() -> None:
    (wrong,) = _wrong(exact_run(), exact_run(index_size=513.0))
    assert wrong.message.startswith("512 became 513 B (+0.195%, worse); no change is allowed")


@pytest.fixture(scope="module")
def ranked() -> Results:
    return _ranked()


def _ranked() -> Results:
    """A saved ranking of the built-in queries in which every query has ties."""
    system = f"run:{TIED}"
    return quality.run(
        quality.QualityConfig(suite="demo", systems=(system,), metrics=("mrr", "hit_rate@1"))
    )


def test_a_wrong_tie_order_moves_a_metric(ranked: Results, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _wrong(ranked, _ranked()) == []

    def ascending(scores: Mapping[str, float], k: int | None = None) -> list[tuple[str, float]]:
        return sorted(scores.items(), key=lambda item: (-item[1], item[0]))[:k]

    monkeypatch.setattr("rabbench.quality.metrics.rank", ascending)
    wrong = _wrong(ranked, _ranked())
    assert {(result.measure, result.status) for result in wrong} == {
        ("mrr", "regression"),
        ("hit_rate@1", "regression"),
    }


def test_queries_that_trade_places_are_caught_behind_the_same_mean() -> None:
    swapped = exact_run(samples={"q1": 0.75, "q2": 0.25})
    (wrong,) = _wrong(exact_run(), swapped)
    assert wrong.status == "regression"
    assert "the mean stays, but 2 of 2 queries score otherwise, such as 'q1'" in wrong.message
    assert (
        _wrong(exact_run(), exact_run(samples={"q1": 0.75, "q2": 0.25}), tolerance={"mrr": 0.1})
        == []
    )


def test_a_tolerance_is_absolute_for_metrics_and_relative_for_counts() -> None:
    moved = exact_run(mrr=0.491, samples={"q1": 0.232, "q2": 0.75})
    assert _wrong(exact_run(), moved, tolerance={"mrr": 0.01}) == []
    (wrong,) = _wrong(exact_run(), moved, tolerance={"mrr": 0.005})
    assert "0.5 became 0.491 1 (-0.0090, worse); more than ±0.005, which is not" in wrong.message
    more = exact_run(flops=4096 * 1.02)
    assert _wrong(exact_run(), more, tolerance={"flops": 0.03}) == []
    assert _wrong(exact_run(), more, tolerance={"flops": 0.01})[0].status == "regression"


def test_a_mean_summed_in_another_order_is_the_same() -> None:
    samples = {"q1": 0.25 + 1e-16, "q2": 0.75}
    assert _wrong(exact_run(), exact_run(mrr=0.5 + 1e-16, samples=samples)) == []


def test_better_is_told_by_the_row() -> None:
    (wrong,) = _wrong(exact_run(), exact_run(mrr=0.6, samples={"q1": 0.45, "q2": 0.75}))
    assert "(+0.1000, better)" in wrong.message


def test_other_data_under_the_same_name_is_caught() -> None:
    (wrong,) = _wrong(exact_run(), exact_run(fingerprint="xyz"))
    assert wrong.measure == "fingerprint"
    assert "the data set's fingerprint was abc, now xyz: its metrics are of other" in wrong.message


def test_repeated_runs_must_all_agree() -> None:
    verdict = check.compare_runs([exact_run()], [exact_run(), exact_run(flops=5000.0), exact_run()])
    assert [result.measure for result in verdict.findings if result.status == "regression"] == [
        "flops"
    ]


def test_any_exact_row_keeps_to_the_rule_of_its_name() -> None:
    """Parameter counts, where rows hold them, and nothing that was only predicted."""

    def renamed(row: Measurement) -> Measurement:
        return replace(row, measure="parameters") if row.measure == "flops" else row

    (wrong,) = _wrong(
        with_changes(exact_run(), renamed), with_changes(exact_run(flops=1.0), renamed)
    )
    assert wrong.measure == "parameters"

    def predicted(row: Measurement) -> Measurement:
        return replace(row, measure="predicted_flops") if row.measure == "flops" else row

    verdict = check.compare_runs(
        [with_changes(exact_run(), predicted)], [with_changes(exact_run(flops=1.0), predicted)]
    )
    assert verdict.status == "pass"
    assert verdict.left_out == 1
