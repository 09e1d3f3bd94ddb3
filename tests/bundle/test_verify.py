"""Verification: a bundle agrees with itself, and tampering is caught, hashes made to fit or not."""

from __future__ import annotations

import gzip
import json
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rabbench import trec
from rabbench.bundle import verify, verify_result
from rabbench.bundle.verify_result import Outcome, VerifyResult
from rabbench.results import load_results, save_results
from rabbench.suites import demo
from tests.bundle.selection import of_kind, of_status

Tamper = Callable[..., Path]
Rows = list[dict[str, Any]]


def _kinds(results: list[VerifyResult], status: Outcome) -> set[str]:
    return {result.kind for result in of_status(results, status)}


def _rows(change: Callable[[Rows], None]) -> Callable[[bytes], bytes]:
    """A change of the rows in ``results.json``."""

    def change_rows(raw: bytes) -> bytes:
        results = json.loads(raw)
        change(results["rows"])
        return json.dumps(results).encode()

    return change_rows


def _row(rows: Rows, **fields: Any) -> dict[str, Any]:
    return next(
        row
        for row in rows
        if row["value"] is not None
        and all(row.get(key, row["params"].get(key)) == value for key, value in fields.items())
    )


def test_a_bundle_agrees_with_itself(packed: Path) -> None:
    results = verify.run(packed)
    assert _kinds(results, "disagrees") == set()
    assert _kinds(results, "not verified") == set()
    assert _kinds(results, "agrees") == {
        "hash", "judgements", "quality", "ties", "samples", "counters", "recount", "derived",
        "fit", "report",
    }  # fmt: skip
    assert verify_result.exit_code(results) == 0


def test_so_does_the_folder_and_the_unpacked_bundle(
    measured: Path, packed: Path, tmp_path: Path
) -> None:
    results = verify.run(measured)
    assert verify_result.exit_code(results) == 0
    assert "hash" not in _kinds(results, "agrees")
    shutil.unpack_archive(packed, tmp_path / "unpacked")
    assert verify_result.exit_code(verify.run(tmp_path / "unpacked")) == 0
    (tmp_path / "unpacked" / "more.txt").write_text("x")
    (extra,) = of_status(verify.run(tmp_path / "unpacked"), "disagrees")
    assert (extra.about, extra.detail) == ("more.txt", "is in the bundle and not in the manifest")


def _mean(rows: Rows) -> None:
    _row(rows, measure="mrr")["value"] += 0.1


def _score(rows: Rows) -> None:
    """One query's score and the mean with it."""
    row = _row(rows, measure="ndcg@10")
    query_id = next(iter(row["samples"]))
    row["samples"][query_id] += 0.4
    row["value"] += 0.4 / len(row["samples"])


def _lost_query(rows: Rows) -> None:
    row = _row(rows, measure="mrr")
    row["samples"].popitem()


def _ties(rows: Rows) -> None:
    _row(rows, measure="mrr")["params"]["tied_queries"] += 0.125


def _sample(rows: Rows) -> None:
    _row(rows, measure="latency")["samples"][:] = [9.0, 9.0, 9.0]


def _time(rows: Rows) -> None:
    """A time with its samples: consistent in itself, and no longer what the fit says."""
    row = max((r for r in rows if r["measure"] == "latency" and r["system"] == "teacher"),
              key=lambda r: r["params"]["doc_len"])  # fmt: skip
    row["samples"] = [50.0, 50.0, 50.0]
    row["value"] = 50.0


def _closed_form(rows: Rows) -> None:
    _row(rows, measure="flops", pairs="dense")["params"]["closed_form"] *= 3


def _counter(rows: Rows) -> None:
    params = _row(rows, measure="flops", pairs="dense")["params"]
    params["torch"] = params["fvcore"] = 2 * params["torch"]


def _all_counts(rows: Rows) -> None:
    """Twice the FLOPs, in every count: only counting again can tell."""
    for row in rows:
        if row["measure"] == "flops" and row["value"] is not None:
            row["value"] *= 2
            for name in ("closed_form", "torch", "fvcore"):
                if name in row["params"]:
                    row["params"][name] *= 2


def _index(rows: Rows) -> None:
    _row(rows, measure="index_size")["value"] += 1


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (_mean, "quality"),
        (_score, "quality"),
        (_lost_query, "quality"),
        (_ties, "ties"),
        (_sample, "samples"),
        (_time, "fit"),
        (_time, "report"),
        (_closed_form, "counters"),
        (_counter, "counters"),
        (_all_counts, "recount"),
        (_index, "recount"),
    ],
)
def test_a_changed_row_is_caught_though_its_hash_was_made_to_fit(
    tampered: Tamper, change: Callable[[Rows], None], kind: str
) -> None:
    results = verify.run(tampered("results.json", _rows(change)))
    assert kind in _kinds(results, "disagrees")
    assert "hash" not in _kinds(results, "disagrees")
    assert verify_result.exit_code(results) == 1


def _first_hit(raw: bytes) -> bytes:
    """A ranking in which the first query's right document stands first."""
    lines = gzip.decompress(raw).decode().splitlines()
    query_id = lines[0].split()[0]
    (right,) = demo.load("test").qrels[query_id]
    changed = [f"{query_id} Q0 {right} 1 1e9 bm25", *lines]
    return gzip.compress("\n".join(changed).encode(), mtime=0)


def _regraded(raw: bytes) -> bytes:
    """Judgements in which another document is the right one."""
    lines = gzip.decompress(raw).decode().splitlines()
    query_id, zero, _, grade = lines[0].split()
    return gzip.compress(
        "\n".join([f"{query_id} {zero} d-nothing {grade}", *lines[1:]]).encode(), mtime=0
    )


def _verdict(raw: bytes) -> bytes:
    fits = json.loads(raw)
    fit = next(fit for fit in fits if fit["order"] == "quadratic")
    fit["order"] = "linear"
    return json.dumps(fits).encode()


def _coefficient(raw: bytes) -> bytes:
    fits = json.loads(raw)
    fit = next(fit for fit in fits if fit["leading"])
    fit["leading"]["value"] *= 1.001
    return json.dumps(fits).encode()


def _fewer(raw: bytes) -> bytes:
    return json.dumps(json.loads(raw)[1:]).encode()


def _report_order(raw: bytes) -> bytes:
    """The report with another order in one line of a table."""
    lines = raw.decode().splitlines()
    i = next(i for i, line in enumerate(lines) if line.startswith("|") and "quadratic" in line)
    lines[i] = lines[i].replace("quadratic", "linear", 1)
    return "\n".join(lines).encode()


def _seed(raw: bytes) -> bytes:
    return raw.replace(b'"seed": 0', b'"seed": 7')


@pytest.mark.parametrize(
    ("name", "change", "kind"),
    [
        ("runs/test/bm25.trec.gz", _first_hit, "quality"),
        ("runs/test/bm25.trec.gz", lambda raw: raw[:40], "quality"),
        ("runs/test/qrels.txt.gz", _regraded, "judgements"),
        ("fits.json", _verdict, "fit"),
        ("fits.json", _coefficient, "fit"),
        ("fits.json", _fewer, "fit"),
        ("report.md", _report_order, "report"),
        ("config.json", _seed, "derived"),
        ("environment.json", lambda raw: raw.replace(b"torch", b"tarch"), "derived"),
    ],
)
def test_a_changed_file_is_caught_though_its_hash_was_made_to_fit(
    tampered: Tamper, name: str, change: Callable[[bytes], bytes], kind: str
) -> None:
    results = verify.run(tampered(name, change))
    assert kind in _kinds(results, "disagrees")
    assert "hash" not in _kinds(results, "disagrees")
    assert verify_result.exit_code(results) == 1


@pytest.mark.parametrize(
    ("name", "change"), [("runs/test/bm25.trec.gz", _first_hit), ("report.md", _report_order)]
)
def test_a_changed_file_is_caught_by_its_hash(
    tampered: Tamper, name: str, change: Callable[[bytes], bytes]
) -> None:
    results = verify.run(tampered(name, change, rehash=False))
    (result,) = of_kind(of_status(results, "disagrees"), "hash")
    assert result.about == name
    assert "the manifest says" in result.detail


def test_the_page_in_html_is_held_to_its_hash(tampered: Tamper) -> None:
    path = tampered("report.html", lambda raw: raw + b"<!-- -->", rehash=False)
    disagreements = of_status(verify.run(path), "disagrees")
    assert [result.about for result in disagreements] == ["report.html"]


def test_a_file_that_the_manifest_names_and_is_not_there(tampered: Tamper) -> None:
    def more(raw: bytes) -> bytes:
        manifest = json.loads(raw)
        manifest["files"] |= {"absent.txt": "0" * 64, "../outside": "0" * 64}
        return json.dumps(manifest).encode()

    results = verify.run(tampered("manifest.json", more, rehash=False))
    disagreements = {result.about for result in of_status(results, "disagrees")}
    assert disagreements == {"absent.txt", "../outside"}


def test_without_rankings_means_are_still_held_to_their_queries(folder: Path) -> None:
    (folder / "runs" / "test" / "bm25.trec.gz").unlink()
    results = verify.run(folder)
    (ranking,) = of_kind(results, "quality")
    assert ranking.status == "not verified"
    assert "no ranking at runs/test/bm25.trec.gz" in ranking.detail
    assert verify_result.exit_code(results) == 3
    results = load_results(folder)
    rows = [row.with_changes(value=0.9) if row.measure == "mrr" else row for row in results.rows]
    save_results(replace(results, rows=rows), folder)
    (ranking,) = of_kind(of_status(verify.run(folder), "disagrees"), "quality")
    assert ranking.detail == "is not the mean of its queries"


def test_a_model_that_is_not_here_is_not_fetched(folder: Path) -> None:
    results = load_results(folder)
    config: Any = json.loads(json.dumps(results.config))
    config["scaling"]["options"]["model"] = "someone/else@main"
    save_results(replace(results, config=config), folder)
    recounts = of_kind(verify.run(folder), "recount")
    assert {recount.status for recount in recounts} == {"not verified"}
    assert "nothing is fetched to verify" in recounts[0].detail


def test_a_report_of_another_release_is_not_taken_for_tampering(tampered: Tamper) -> None:
    path = tampered("report.md", _report_order)
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(contents["manifest.json"])
    contents["manifest.json"] = json.dumps({**manifest, "rabbench": "0.0.1"}).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    tables = [table for table in of_kind(verify.run(path), "report") if table.status != "agrees"]
    assert {table.status for table in tables} == {"not verified"}
    assert "bundled by release 0.0.1" in tables[0].detail


def test_fits_without_a_file_to_compare_with_are_not_verified(folder: Path) -> None:
    (folder / "report.md").unlink()
    (fits,) = of_kind(verify.run(folder), "fit")
    assert fits.status == "not verified"
    assert fits.detail == "neither fits.json nor report.md is there to compare with"


def test_judgements_are_counted_where_the_data_set_is_not_built_in(folder: Path) -> None:
    results = load_results(folder)
    card = {**dict(results.suites[0]), "source": "somewhere", "suite": "nonesuch"}
    save_results(replace(results, suites=[card]), folder)
    (judgements,) = of_kind(verify.run(folder), "judgements")
    assert judgements.status == "agrees"
    path = folder / "runs" / "test" / "qrels.txt.gz"
    qrels = trec.read_qrels(path)
    qrels.popitem()
    trec.write_qrels(path, qrels)
    (judgements,) = of_kind(verify.run(folder), "judgements")
    assert (judgements.status, judgements.detail) == (
        "disagrees",
        "7 queries, the card says 8; 7 judgements, the card says 8",
    )


def test_the_outcome_decides_the_exit_code() -> None:
    good, bad = verify_result.agrees("a", "b", "c"), verify_result.disagrees("a", "b", "c")
    missing = verify_result.unverified("a", "b", "c")
    assert [
        verify_result.exit_code(results)
        for results in ([good], [good, missing], [good, missing, bad], [missing], [])
    ] == [0, 3, 1, 3, 3]
    assert verify_result.text_lines([good, missing])[-1] == "1 agrees, 1 not verified"
    assert verify_result.text_lines([])[-1] == "nothing to verify"
    assert verify_result.to_json([good, bad])["counts"] == {
        "agrees": 1,
        "disagrees": 1,
        "not verified": 0,
    }
