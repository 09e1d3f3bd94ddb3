"""``rabbench check`` as it is typed: exit codes, files, measuring again, updating."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from rabbench import cli
from rabbench.results import load_results, save_results
from rabbench.types import Results
from tests.check.runs import exact_run, sweep

Main = Callable[..., tuple[int, str, str]]


@pytest.fixture
def check(run: Main) -> Main:
    """Call ``rabbench check`` in this process: exit code, stdout, stderr."""
    return partial(run, "check", "--quiet")


@pytest.fixture
def baseline(tmp_path: Path, check: Main) -> Path:
    """A committed baseline of exact rows."""
    path = tmp_path / "gate.json"
    save_results(exact_run(), tmp_path / "first")
    code, stdout, stderr = check(
        "--baseline", path, tmp_path / "first", "--update", "--reason", "first"
    )
    assert (code, stdout, stderr) == (0, "", f"written: {path}\n")
    return path


def _run(tmp_path: Path, name: str, results: Results) -> Path:
    save_results(results, tmp_path / name)
    return tmp_path / name


def test_exit_codes_and_files(check: Main, tmp_path: Path, baseline: Path) -> None:
    good, bad = _run(tmp_path, "good", exact_run()), _run(tmp_path, "bad", exact_run(flops=1.0))
    files = ["--junit", tmp_path / "junit.xml", "--benchmark-json", tmp_path / "bench"]
    code, stdout, _ = check("--baseline", baseline, good, *files)
    assert code == 0
    assert stdout.splitlines()[-1] == "pass: of 4 checks 4 pass"
    assert 'failures="0"' in (tmp_path / "junit.xml").read_text()
    assert len(json.loads((tmp_path / "bench" / "smaller.json").read_text())) == 2
    assert len(json.loads((tmp_path / "bench" / "bigger.json").read_text())) == 1
    code, stdout, stderr = check("--baseline", baseline, bad, "--json", "--github")
    assert code == 1
    assert json.loads(stdout)["status"] == "regression"
    assert stderr.startswith("::error file=")
    code, stdout, _ = check("--baseline", baseline, good, "--tier", "noisy")
    assert code == 3
    assert "nothing was compared in the noisy tier" in stdout
    code, _, stderr = check("--baseline", tmp_path / "nowhere.json", good)
    assert code == 4
    assert "no baseline at" in stderr
    code, _, stderr = check("--baseline", baseline, tmp_path / "nowhere")
    assert code == 4
    assert "no results at" in stderr


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--update"], "--update needs --reason TEXT"),
        (["--reason", "x"], "--reason goes with --update"),
        (["--update", "--reason", "x", "--baseline", "other.json"], "give --baseline once"),
        (["--tolerance", "mrr"], "'mrr': write it as MEASURE=X, as ndcg@10=0.01"),
        (["--tolerance", "mrr=x"], "'mrr=x': write it as MEASURE=X"),
        (["--floor", "nan"], "floor = nan: must be a number from 0.01 to 10"),
        (["--reference", "teacher"], "reference 'teacher': write it as SYSTEM/PHASE"),
        (
            ["--measure"],
            "--measure: the baseline's configuration is not of this release: 'options'",
        ),
    ],
)
def test_wrong_usage(
    check: Main, tmp_path: Path, baseline: Path, argv: list[str], message: str
) -> None:
    before = baseline.read_text()
    code, stdout, stderr = check("--baseline", baseline, _run(tmp_path, "run", exact_run()), *argv)
    assert (code, stdout) == (4 if argv == ["--measure"] else 2, "")
    assert message in stderr
    assert baseline.read_text() == before


def test_a_command_that_is_not_repeated_is_named(
    check: Main, tmp_path: Path, baseline: Path
) -> None:
    odd = _run(tmp_path, "odd", replace(exact_run(), command="teacher"))
    code, _, stderr = check("--baseline", odd, tmp_path / "out", "--measure")
    assert code == 2
    assert "the baseline is of 'teacher', which is not measured again from its file" in stderr


def test_an_update_shows_what_it_changes_and_keeps_the_policy(
    check: Main, tmp_path: Path, baseline: Path
) -> None:
    run = _run(tmp_path, "run", exact_run(flops=8192.0))
    update = ["--update", "--tolerance", "mrr=0.01", "--reason"]
    code, stdout, _ = check("--baseline", baseline, run, *update, "twice the layers")
    assert code == 0
    assert "4,096 became 8,192 FLOP" in stdout
    entry = json.loads(baseline.read_text())["config"]["check"]
    assert (entry["reason"], entry["policy"]["tolerance"]) == ("twice the layers", {"mrr": 0.01})
    moved = _run(tmp_path, "moved", exact_run(flops=8192.0, mrr=0.505))
    assert check("--baseline", baseline, moved)[0] == 0
    assert check("--baseline", baseline, moved, "--tolerance", "mrr=0.001")[0] == 1


def test_an_update_replaces_a_baseline_that_cannot_be_read(
    check: Main, tmp_path: Path, baseline: Path
) -> None:
    baseline.write_text("{")
    run = _run(tmp_path, "run", exact_run())
    assert check("--baseline", baseline, run)[0] == 4
    assert check("--baseline", baseline, run, "--update", "--reason", "was damaged")[0] == 0
    assert check("--baseline", baseline, run)[0] == 0


@pytest.mark.e2e
def test_a_sweep_is_measured_again_from_its_baseline(
    check: Main, tmp_path: Path, tiny_model: Path
) -> None:
    path, out = tmp_path / "gate.json", tmp_path / "out"
    sweep_of = ["scaling", "--model", tiny_model, "--max-doc-len", 320, "--min-doc-len", 20,
                "--points", 6, "--query-len", 5, "--systems", "teacher,rabtriever", "--measures",
                "flops,index-size", "--device", "cpu", "--quiet", "--out", out]  # fmt: skip
    assert cli.main([str(word) for word in sweep_of]) == 0
    assert check("--baseline", path, out, "--update", "--reason", "first")[0] == 0
    code, stdout, _ = check("--baseline", path, tmp_path / "again", "--measure")
    assert (code, stdout.splitlines()[-1].split(":")[0]) == (0, "pass")
    first, second = (load_results(folder) for folder in (out, tmp_path / "again"))
    assert first.rows == second.rows
    assert {**second.config, "out": None} == {**first.config, "out": None}


@pytest.mark.e2e
def test_an_evaluation_is_measured_again_from_its_baseline(check: Main, tmp_path: Path) -> None:
    path, out = tmp_path / "gate.json", tmp_path / "out"
    argv = ["quality", "--suite", "demo", "--systems", "bm25", "--metrics", "mrr", "--quiet"]
    assert cli.main([*argv, "--out", str(out)]) == 0
    assert check("--baseline", path, out, "--update", "--reason", "first")[0] == 0
    assert check("--baseline", path, tmp_path / "again", "--measure")[0] == 0


def test_an_unclear_verdict_is_measured_again_into_the_next_folder(
    check: Main, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three lengths of two samples say nothing; several such runs do."""

    def few(seed: int) -> Results:
        results = sweep(seed, samples=2)
        return replace(results, rows=[row for row in results.rows if row.measure == "latency"][:12])

    save_results(few(1), tmp_path / "first")
    path = tmp_path / "gate.json"
    update = ["--update", "--reason", "first"]
    assert check("--baseline", path, tmp_path / "first", *update)[0] == 0
    measured: list[Path] = []

    def measure_again(earlier: Results, *, out: Path, progress: object) -> None:
        measured.append(out)
        save_results(few(10 + len(measured)), out)

    monkeypatch.setattr("rabbench.check.job.rerun", measure_again)
    folders = [tmp_path / name for name in ("one", "two", "three", "four", "five")]
    code, stdout, _ = check("--baseline", path, *folders, "--measure", "--json")
    assert (code, json.loads(stdout)["status"]) == (0, "pass")
    assert 1 < len(measured) < len(folders)
    measured.clear()
    code, _, _ = check("--baseline", path, folders[0], "--measure")
    assert (code, len(measured)) == (3, 1)
