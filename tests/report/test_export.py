"""Exports: every row is in the CSV and the JSON, and of several runs each says which it is of."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from rabbench import report
from rabbench.results import save_results
from rabbench.types import Results, UsageError


@pytest.fixture
def folders(demo: Results, tmp_path: Path) -> list[Path]:
    for name in ("one", "two"):
        save_results(demo, tmp_path / name)
    return [tmp_path / "one", tmp_path / "two"]


def test_csv_has_every_row_with_its_value_or_status(demo: Results, folders: list[Path]) -> None:
    lines = list(csv.DictReader(report.export("csv", folders[:1]).splitlines()))
    assert len(lines) == len(demo.rows)
    for line, row in zip(lines, demo.rows, strict=True):
        assert (line["system"], line["phase"], line["measure"], line["status"]) == (
            row.system, row.phase, row.measure, row.status,
        )  # fmt: skip
        assert line["value"] == "" if row.value is None else float(line["value"]) == row.value
        assert int(line["n_samples"]) == len(row.samples)
        present = {key for key, value in row.params.items() if value is not None}
        assert all(line[key] != "" for key in present)


def test_json_has_everything_that_the_file_has(demo: Results, folders: list[Path]) -> None:
    whole = json.loads(report.export("json", folders[:1]), parse_constant=pytest.fail)
    assert whole == json.loads((folders[0] / "results.json").read_text())
    assert len(whole["rows"]) == len(demo.rows)


def test_of_several_each_row_says_its_run(demo: Results, folders: list[Path]) -> None:
    lines = list(csv.DictReader(report.export("csv", folders).splitlines()))
    assert [line["run"] for line in lines] == ["one"] * len(demo.rows) + ["two"] * len(demo.rows)
    runs = json.loads(report.export("json", folders))["runs"]
    assert [run["run"] for run in runs] == ["one", "two"]
    assert {len(run["rows"]) for run in runs} == {len(demo.rows)}


def test_of_several_the_tables_are_those_of_the_comparison(folders: list[Path]) -> None:
    text = report.export("latex", folders)
    assert r"\label{tab:runs}" in text
    assert r"\label{tab:costs-counts-0}" in text
    assert r"\label{tab:length-flops-0}" not in text  # details are not for a paper
    assert text.count(r"\toprule") == text.count(r"\end{tabular}")


@pytest.mark.parametrize("kind", ["csv", "json", "latex"])
def test_a_folder_given_twice_is_refused(kind: report.Format, folders: list[Path]) -> None:
    with pytest.raises(UsageError, match="is given twice"):
        report.export(kind, [folders[0], folders[0]])
