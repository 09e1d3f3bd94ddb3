"""The results file: round trip, atomic resume, and refusals that say what to do."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

import rabbench
from rabbench.results import ResultsStore, results_to_json, save_results
from rabbench.types import BadInputError, Measurement, Results, UsageError


def _row(value: float, **params: object) -> Measurement:
    return Measurement(
        system="teacher",
        phase="score",
        measure="latency",
        value=value,
        unit="s",
        better="lower",
        params={"doc_len": 128, **params},
        samples=[value, value],
    )


def _results(**config: object) -> Results:
    return Results(command="scaling", config=config, environment={"cpu": "x"})


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    store = ResultsStore(tmp_path, _results(a=(1, 2)))
    store.add(_row(1.5, note=float("nan")))
    store.add_suite({"name": "demo", "documents": 3})
    read = rabbench.load_results(tmp_path)
    assert [row.value for row in read.rows] == [1.5]
    assert read.rows[0].samples == [1.5, 1.5]
    assert read.rows[0].params == {"doc_len": 128, "note": None}
    assert read.suites[0]["documents"] == 3
    assert json.loads((tmp_path / "results.json").read_text())["schema"] == 1
    assert not list(tmp_path.glob("*.partial"))


def test_a_row_replaces_its_earlier_self_whatever_describes_it(tmp_path: Path) -> None:
    store = ResultsStore(tmp_path, _results())
    store.add(_row(1.0, calls_per_sample=8))
    store.add(_row(2.0, calls_per_sample=16), _row(3.0, model="other"))
    assert [row.value for row in store.rows] == [2.0, 3.0]


def test_rows_that_no_longer_hold_are_dropped_on_disk_too(tmp_path: Path) -> None:
    store = ResultsStore(tmp_path, _results())
    store.add(_row(1.0), _row(2.0, model="other"))
    store.drop(lambda row: row.params.get("model") == "other")
    assert [row.value for row in rabbench.load_results(tmp_path).rows] == [1.0]


def test_a_baseline_changes_no_measurement(tmp_path: Path) -> None:
    ResultsStore(tmp_path, _results(n=1, baseline=None)).add(_row(1.0))
    assert len(ResultsStore(tmp_path, _results(n=1, baseline="bm25"), resume=True).rows) == 1


def test_resume_keeps_rows_and_a_fresh_run_does_not(tmp_path: Path) -> None:
    ResultsStore(tmp_path, _results(n=1)).add(_row(1.0))
    assert len(ResultsStore(tmp_path, _results(n=1), resume=True).rows) == 1
    assert len(ResultsStore(tmp_path, _results(n=1)).rows) == 0


def test_resume_refuses_another_configuration_and_names_the_difference(tmp_path: Path) -> None:
    ResultsStore(tmp_path, _results(n=1)).add(_row(1.0))
    with pytest.raises(UsageError, match=r"n: 1 there, 2 now.*another --out"):
        ResultsStore(tmp_path, _results(n=2), resume=True)
    of_quality = Results(command="quality", config={"n": 1}, environment={})
    with pytest.raises(UsageError, match="holds results of 'rabbench scaling'"):
        ResultsStore(tmp_path, of_quality, resume=True)


def test_resume_takes_another_load_which_measures_nothing(tmp_path: Path) -> None:
    ResultsStore(tmp_path, _results(n=1, breakeven={"k": 3})).add(_row(1.0))
    store = ResultsStore(tmp_path, _results(n=1, breakeven={"k": 4}), resume=True)
    assert len(store.rows) == 1
    assert store.results.config["breakeven"] == {"k": 4}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"schema": 7}', "has schema 7, this rabbench reads schema 1"),
        ("[]", "has schema None"),
        ("{", "is not a results file"),
        ('{"schema": 1, "rows": []}', "is damaged: KeyError"),
        ('{"schema": 1, "rows": [{"system": "x"}]}', "is damaged: TypeError"),
    ],
)
def test_a_file_that_is_not_ours_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "results.json").write_text(text)
    with pytest.raises(BadInputError, match=message) as caught:
        rabbench.load_results(tmp_path)
    assert caught.value.exit_code == 4


def test_no_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="no results at"):
        rabbench.load_results(tmp_path)


def test_no_nan_reaches_the_file(tmp_path: Path) -> None:
    path = save_results(_results(x=float("inf")), tmp_path)
    assert json.loads(path.read_text())["config"] == {"x": None}


def test_a_kept_row_is_written_as_it_is(tmp_path: Path) -> None:
    """Lines are made once a row; the file must still hold what the rows hold."""
    store = ResultsStore(tmp_path, _results())
    for value in range(50):
        store.add(_row(float(value), doc_len=value % 7))
    on_disk = rabbench.load_results(tmp_path).rows
    assert [(row.params["doc_len"], row.value) for row in on_disk] == [
        (row.params["doc_len"], row.value) for row in store.rows
    ]
    assert sorted(row.value for row in on_disk) == [float(n) for n in range(43, 50)]
    assert json.loads((tmp_path / "results.json").read_text()) == results_to_json(store.results)


def test_a_frame_has_a_row_a_measurement_and_a_column_a_param() -> None:
    failed = Measurement(
        system="teacher",
        phase="score",
        measure="latency",
        value=None,
        unit="s",
        better="lower",
        status="oom",
        params={"doc_len": 256, "nested": {"a": 1}},
    )
    table = rabbench.frame(replace(_results(), rows=(_row(1.5), failed)))
    assert [*table.columns] == [
        "system", "phase", "measure", "value", "unit", "better", "status", "n_samples", "doc_len",
    ]  # fmt: skip
    assert table["n_samples"].tolist() == [2, 0]
    assert table["value"].isna().tolist() == [False, True]


def test_the_packages_face_has_no_other_names() -> None:
    with pytest.raises(AttributeError, match="module 'rabbench' has no attribute 'measure'"):
        _ = rabbench.measure  # type: ignore[attr-defined]
