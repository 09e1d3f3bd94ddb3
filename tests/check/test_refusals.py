"""What was not measured, cannot be read or cannot be compared is never a pass."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rabbench import check
from rabbench.check import Policy
from rabbench.check.model import Verdict
from rabbench.results import results_to_json
from rabbench.types import BadInputError, Measurement, Results, UsageError
from tests.check.runs import exact_run, row, sweep, with_changes


def _message(verdict: Verdict) -> str:
    assert verdict.status == "missing"
    assert verdict.exit_code == 3
    return next(result.message for result in verdict.findings if result.status == "missing")


def test_a_missing_row_is_named_with_the_closest_one() -> None:
    def moved(row: Measurement) -> Measurement:
        return row.with_changes(params={"device": "cuda"}) if row.measure == "flops" else row

    message = _message(check.compare_runs([exact_run()], [with_changes(exact_run(), moved)]))
    assert "the baseline has this row, the run has not" in message
    assert "the closest row has device 'cuda' instead of 'cpu'" in message


def test_a_missing_length_of_a_noisy_measure_is_named() -> None:
    shortened = with_changes(
        sweep(2), lambda row: None if (row.phase, row.params["doc_len"]) == ("query", 512) else row
    )
    message = _message(check.compare_runs([sweep(1)], [shortened]))
    assert "512 tokens: the baseline has this row, the run has not" in message


def test_a_failed_point_says_what_it_said() -> None:
    def failed(row: Measurement) -> Measurement:
        if row.measure != "flops" and (row.phase, row.measure) != ("query", "latency"):
            return row
        return replace(
            row, value=None, status="error", samples=(), params={**row.params, "message": "boom"}
        )

    assert "not measured (error): boom" in _message(
        check.compare_runs([exact_run()], [with_changes(exact_run(), failed)])
    )
    assert "not measured (error): boom" in _message(
        check.compare_runs([sweep(1)], [with_changes(sweep(2), failed)])
    )


def test_nothing_measured_and_nothing_compared_are_no_pass() -> None:
    empty = replace(exact_run(), rows=[])
    assert _message(check.compare_runs([exact_run()], [empty]))
    for tiers in (("exact", "noisy"), ("noisy",)):
        verdict = check.compare_runs(
            [empty if len(tiers) > 1 else exact_run()], [exact_run()], tiers=tiers
        )  # type: ignore[arg-type]
        assert (verdict.status, verdict.exit_code) == ("missing", 3)
        assert f"nothing was compared in the {' and '.join(tiers)} tier" in verdict.sentence


def test_a_data_set_that_is_not_evaluated_is_no_pass() -> None:
    verdict = check.compare_runs([exact_run()], [replace(exact_run(), suites=[])])
    assert "the run does not evaluate this data set; measure it, or" in _message(verdict)


def test_a_noisy_phase_without_its_reference_is_no_pass() -> None:
    alone = with_changes(sweep(2), lambda row: None if row.system == "teacher" else row)
    verdict = check.compare_runs([sweep(1)], [alone])
    assert verdict.exit_code == 3
    message = next(r.message for r in verdict.findings if r.system == "rabtriever")
    assert "nothing to set it over: the run has no latency of teacher/score" in message


@pytest.mark.parametrize("bad", [math.nan, math.inf, 0.0, -1.0, None])
def test_a_sample_that_is_no_number_is_no_pass(bad: Any) -> None:
    def damaged(row: Measurement) -> Measurement:
        if (row.phase, row.measure) != ("query", "latency"):
            return row
        return replace(row, samples=[*list(row.samples)[1:], bad])

    assert "a sample is no positive number" in _message(
        check.compare_runs([sweep(1)], [with_changes(sweep(2), damaged)])
    )


def test_a_query_without_a_score_is_no_pass() -> None:
    for samples in ({"q1": 0.25, "q2": math.nan}, {"q1": 0.25}, {}):
        verdict = check.compare_runs([exact_run()], [exact_run(samples=samples)])
        assert verdict.status == "regression"


def test_nan_in_a_file_cannot_be_read(tmp_path: Path) -> None:
    raw = results_to_json(exact_run())
    raw["rows"][0]["value"] = math.nan
    (tmp_path / "results.json").write_text(json.dumps(raw))
    with pytest.raises(BadInputError, match="is damaged: ValueError"):
        check.load_run(tmp_path)


def test_no_baseline_says_how_to_write_one(tmp_path: Path) -> None:
    path = tmp_path / "gate.json"
    with pytest.raises(BadInputError, match=r"no baseline at .* --update --reason TEXT") as caught:
        check.load_baseline(path)
    assert caught.value.exit_code == 4
    path.write_text("{")
    with pytest.raises(BadInputError, match="is not a results file"):
        check.load_baseline(path)


def test_a_row_that_stands_twice_is_refused() -> None:
    twice = replace(exact_run(), rows=[*exact_run().rows, exact_run(flops=1.0).rows[0]])
    with pytest.raises(BadInputError, match=r"holds the row 'teacher score flops .*' twice"):
        check.compare_runs([exact_run()], [twice])


def test_absolute_times_of_another_machine_are_no_pass() -> None:
    verdict = check.compare_runs([sweep(1)], [sweep(2, machine="there")], absolute=True)
    message = _message(verdict)
    assert "another machine (there, the baseline's is here)" in message
    assert "leave --absolute out, or measure the baseline here" in message


def test_a_machine_of_another_kind_is_no_pass() -> None:
    message = _message(check.compare_runs([sweep(1)], [sweep(2, machine="there", threads=64)]))
    assert "another kind of machine: threads 64, the baseline's 2" in message


def test_a_growth_that_can_no_longer_be_told_is_no_pass() -> None:
    def results(lengths: tuple[int, ...], exponent: int = 1) -> Results:
        rows = [row("teacher", "score", "flops", float(n**exponent), "FLOP", n) for n in lengths]
        return replace(exact_run(), rows=rows)

    verdict = check.compare_runs([results((64, 256, 512, 1024))], [results((64, 256))])
    orders = [result for result in verdict.findings if result.measure == "growth of flops"]
    assert verdict.status == "missing"
    assert [result.status for result in orders] == ["missing"]
    assert "was linear in document length, now not judged" in orders[0].message


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ({"floor": math.nan}, "floor = nan: must be a number from 0.01 to 10"),
        ({"floor": 0}, "floor = 0: must be"),
        ({"elsewhere": math.inf}, "elsewhere = inf: must be"),
        ({"ceiling": "1"}, "ceiling = '1': must be"),
        ({"tolerance": {"mrr": -1}}, "tolerance of mrr = -1: must be"),
        ({"references": ("a/b", "c/d", "e/f")}, "give one or two as SYSTEM/PHASE"),
        ({"references": ("teacher",)}, "reference 'teacher': write it as SYSTEM/PHASE"),
    ],
)
def test_a_policy_that_would_let_anything_pass_is_refused(
    policy: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message.replace(".", r"\.")):
        Policy(**policy)
    with pytest.raises(BadInputError, match=r"config\.check\.policy cannot be read"):
        Policy.from_json(policy)


@pytest.mark.parametrize("policy", [{"florr": 0.1}, {"tolerance": 3}, {"references": 3}])
def test_a_policy_of_another_release_is_refused(policy: dict[str, Any]) -> None:
    baseline = replace(exact_run(), config={"check": {"policy": policy}})
    with pytest.raises(BadInputError, match=r"cannot be read: .* --update --reason TEXT"):
        check.baseline_policy(baseline)
