"""A baseline is a results file with its reason, date and policy; what cannot stand is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

import rabbench
from rabbench import check
from rabbench.check import Policy
from rabbench.types import BadInputError, Measurement, MissingError, Results, UsageError
from tests.check.runs import exact_run, row, sweep


def _build(*runs: Results, **changes: object) -> Results:
    return check.build_baseline(runs, **{"reason": "why", "policy": Policy(), **changes})  # type: ignore[arg-type]


def _both_tiers(seed: int) -> Results:
    run = sweep(seed)
    return replace(run, rows=[*run.rows, *exact_run().rows])


def test_it_is_read_by_the_one_reader_and_keeps_what_it_was_made_with(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "gate.json"
    policy = Policy(tolerance={"mrr": 0.01}, floor=0.2)
    check.write_baseline(_build(exact_run(), reason="  new metric ", policy=policy), path)
    read = rabbench.load_results(path)
    entry = read.config["check"]
    assert entry["reason"] == "new metric"
    assert datetime.fromisoformat(entry["date"]).tzinfo is not None
    assert check.baseline_policy(check.load_baseline(path)) == policy
    assert check.compare_runs([read], [exact_run()]).status == "pass"
    assert not list(path.parent.glob("*.partial"))
    folder = tmp_path / "folder"
    folder.mkdir()
    check.write_baseline(_build(exact_run()), folder)
    assert rabbench.load_results(folder).config["check"]["reason"] == "why"


def test_an_update_without_a_reason_is_refused() -> None:
    for reason in ("", "  "):
        with pytest.raises(UsageError, match="--update needs --reason TEXT"):
            _build(exact_run(), reason=reason)


def test_a_run_with_failed_points_makes_no_baseline() -> None:
    failed = Measurement(
        system="teacher", phase="score", measure="flops", value=None, unit="FLOP", better="lower",
        status="oom", params={"doc_len": 9, "message": "no memory"},
    )  # fmt: skip
    run = replace(exact_run(), rows=[*exact_run().rows, failed])
    with pytest.raises(MissingError, match=r"1 points .* flops \(doc_len 9\): oom: no memory"):
        _build(run)


def test_a_run_with_nothing_to_compare_makes_no_baseline() -> None:
    idle = replace(exact_run(), rows=[row("x", "run", "wall_time", 1.0, "s", 1)])
    with pytest.raises(MissingError, match="hold nothing that the exact or noisy tier compares"):
        _build(idle)
    with pytest.raises(MissingError, match="the noisy tier compares"):
        _build(exact_run(), tiers=("noisy",))


def test_runs_that_differ_where_they_must_not_make_no_baseline() -> None:
    with pytest.raises(BadInputError, match=r"the runs differ in teacher score flops .* exact"):
        _build(exact_run(), exact_run(flops=1.0))
    with pytest.raises(BadInputError, match=r"several machines \(here, there\)"):
        _build(sweep(1), sweep(2, machine="there"))


def test_repeated_runs_are_kept_apart_in_one_file(tmp_path: Path) -> None:
    repeated = [
        replace(sweep(seed), rows=[*sweep(seed).rows, *exact_run().rows]) for seed in (1, 2)
    ]
    path = tmp_path / "gate.json"
    check.write_baseline(_build(*repeated), path)
    read = check.load_baseline(path)
    runs = [row.params.get("run") for row in read.rows]
    assert {run: runs.count(run) for run in set(runs)} == {None: 3, 0: 64, 1: 64}
    assert check.baseline_policy(read).references == ("teacher/score", "rabtriever/index")
    verdict = check.compare_runs([read], [_both_tiers(3)])
    failures = [result for result in verdict.findings if result.status not in {"pass", "unclear"}]
    assert [result for result in failures if "fingerprint" not in result.measure] == []
    alone = replace(read, rows=[row for row in read.rows if row.params.get("run") != 1])
    assert len(verdict.findings) == len(check.compare_runs([alone], [repeated[0]]).findings)


def test_one_tier_can_be_kept_alone() -> None:
    run = _both_tiers(1)
    assert len(_build(run, tiers=("exact",)).rows) == 3
    assert len(_build(run, tiers=("noisy",)).rows) == 64


def test_new_rows_are_told_and_do_not_fail() -> None:
    more = replace(
        exact_run(), rows=[*exact_run().rows, row("new", "score", "flops", 1.0, "FLOP", 64)]
    )
    verdict = check.compare_runs([exact_run()], [more])
    assert (verdict.status, verdict.new) == ("pass", 1)
    assert verdict.sentence.endswith("; 1 rows are not in the baseline")
