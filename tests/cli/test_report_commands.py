"""``report`` of one folder and of several, ``bundle`` and ``verify``: words, files, exit codes."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from rabbench import quality
from rabbench.quality import QualityConfig
from rabbench.results import load_results, save_results

Main = Callable[..., tuple[int, str, str]]


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    """BM25 on four and on six of the built-in queries."""
    for name, count in (("four", 4), ("six", 6)):
        config = QualityConfig(suite="demo", systems=("bm25",), max_queries=count)
        quality.run(config, out=tmp_path / name)
    return [tmp_path / "four", tmp_path / "six"]


def test_one_folder_has_its_own_report_written(
    run: Main, folders: list[Path], tmp_path: Path
) -> None:
    code, stdout, _ = run("report", folders[0])
    assert (code, stdout.split()) == (0, [str(folders[0] / f"report.{e}") for e in ("md", "html")])
    code, stdout, _ = run("report", folders[1], "--out", tmp_path / "elsewhere")
    assert (code, stdout.split()[0]) == (0, str(tmp_path / "elsewhere" / "report.md"))
    assert not (folders[1] / "report.md").exists()


def test_several_folders_are_compared_and_stay_as_they_are(
    run: Main, folders: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, stdout, _ = run("report", *folders)
    assert code == 0
    assert stdout.startswith("four and six differ in max_queries")
    out = Path("rabbench-results/comparison")
    assert str(out / "report.html") in stdout
    assert {path.name for path in out.iterdir()} == {"report.md", "report.html", "comparison.json"}
    assert "2 queries of demo/test" in (out / "report.md").read_text()
    assert not any((folder / "report.md").exists() for folder in folders)
    code, stdout, _ = run("report", *folders, "--out", "here")
    assert (code, Path("here/report.html").is_file()) == (0, True)


def test_exports_print_and_write_nothing(run: Main, folders: list[Path]) -> None:
    code, stdout, _ = run("report", folders[0], "--csv")
    assert (code, stdout.splitlines()[0].startswith("system,phase,measure")) == (0, True)
    _, stdout, _ = run("report", *folders, "--csv")
    assert stdout.splitlines()[0].startswith("run,system,phase,measure")
    code, stdout, _ = run("report", folders[0], "--json")
    assert json.loads(stdout) == json.loads((folders[0] / "results.json").read_text())
    code, stdout, _ = run("report", folders[0], "--latex")
    assert (code, r"\begin{tabular}" in stdout) == (0, True)
    assert not (folders[0] / "report.md").exists()


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["four", "--csv", "--json"], "not allowed with argument --csv"),
        (["four", "--csv", "--out", "x"], "--csv prints to stdout and --out is where a report"),
        (["four", "six", "--breakeven-docs", "5"], "a break-even load is of one report"),
        (["four", "four"], "is given twice"),
        (["four", "six", "--out", "four"], "is one of the folders compared"),
    ],
)
def test_wrong_usage_is_code_2(
    run: Main,
    folders: list[Path],
    monkeypatch: pytest.MonkeyPatch,
    argv: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(folders[0].parent)
    code, stdout, stderr = run("report", *argv)
    assert (code, stdout) == (2, "")
    assert message in stderr


def test_a_bundle_is_made_and_verified(run: Main, folders: list[Path], tmp_path: Path) -> None:
    run("report", folders[0])
    out = tmp_path / "a.zip"
    code, stdout, _ = run("bundle", folders[0], "--out", out)
    assert (code, stdout.splitlines()[-1]) == (0, str(out))
    code, stdout, _ = run("bundle", folders[0], "--json")
    assert (code, json.loads(stdout)["bundle"]) == (0, str(tmp_path / "four.zip"))
    assert (tmp_path / "four.zip").read_bytes() == out.read_bytes()
    code, stdout, _ = run("verify", out)
    assert code == 0
    assert stdout.splitlines()[-1].endswith(" agrees")
    assert "agrees        quality" in stdout
    code, stdout, _ = run("verify", out, "--json")
    verdict = json.loads(stdout)
    assert (code, verdict["exit_code"], verdict["counts"]["disagrees"]) == (0, 0, 0)
    assert {finding["status"] for finding in verdict["findings"]} == {"agrees"}


def test_the_exit_code_says_what_became_of_it(
    run: Main, folders: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "a.zip"
    run("bundle", folders[0], "--out", out, "--qrels", "none")
    code, stdout, _ = run("verify", out, "--no-data")
    assert code == 3
    assert "not verified  judgements  test" in stdout
    results = load_results(folders[0])
    rows = [row.with_changes(value=0.5) for row in results.rows]
    save_results(replace(results, rows=rows), folders[0])
    run("bundle", folders[0], "--out", out)
    code, stdout, _ = run("verify", out)
    assert code == 1
    assert "disagrees     quality     test: bm25 ndcg@10" in stdout
    out.write_bytes(out.read_bytes()[:100])
    code, _, stderr = run("verify", out)
    assert code == 4
    assert "is not a zip that can be read" in stderr
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("../results.json", "{}")
    code, _, stderr = run("verify", out)
    assert (code, "leads out of the bundle" in stderr) == (4, True)
    code, _, stderr = run("bundle", tmp_path / "nowhere")
    assert (code, "is not a results folder" in stderr) == (4, True)
