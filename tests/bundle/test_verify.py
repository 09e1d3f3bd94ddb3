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
from rabbench.bundle.verify_result import VerifyResult
from rabbench.results import load_results, save_results
from rabbench.suites import demo

Tamper = Callable[..., Path]
Rows = list[dict[str, Any]]


def _kinds(found: list[VerifyResult], status: str) -> set[str]:
    return {one.kind for one in found if one.status == status}


def _rows(change: Callable[[Rows], None]) -> Callable[[bytes], bytes]:
    """A change of the rows in ``results.json``."""

    def changed(raw: bytes) -> bytes:
        whole = json.loads(raw)
        change(whole["rows"])
        return json.dumps(whole).encode()

    return changed


def _row(rows: Rows, **wanted: Any) -> dict[str, Any]:
    return next(
        row
        for row in rows
        if row["value"] is not None
        and all(row.get(key, row["params"].get(key)) == value for key, value in wanted.items())
    )


def test_a_bundle_agrees_with_itself(packed: Path) -> None:
    found = verify.run(packed)
    assert _kinds(found, "disagrees") == set()
    assert [one for one in found if one.status == "not verified"] == []
    assert _kinds(found, "agrees") == {
        "hash", "judgements", "quality", "ties", "samples", "counters", "recount", "derived",
        "fit", "report",
    }  # fmt: skip
    assert verify_result.exit_code(found) == 0


def test_so_does_the_folder_and_the_unpacked_bundle(
    measured: Path, packed: Path, tmp_path: Path
) -> None:
    found = verify.run(measured)
    assert verify_result.exit_code(found) == 0
    assert "hash" not in _kinds(found, "agrees")
    shutil.unpack_archive(packed, tmp_path / "unpacked")
    assert verify_result.exit_code(verify.run(tmp_path / "unpacked")) == 0
    (tmp_path / "unpacked" / "more.txt").write_text("x")
    (extra,) = [one for one in verify.run(tmp_path / "unpacked") if one.status == "disagrees"]
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
    found = verify.run(tampered("results.json", _rows(change)))
    assert kind in _kinds(found, "disagrees")
    assert "hash" not in _kinds(found, "disagrees")
    assert verify_result.exit_code(found) == 1


def _found(raw: bytes) -> bytes:
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
    found = next(one for one in fits if one["order"] == "quadratic")
    found["order"] = "linear"
    return json.dumps(fits).encode()


def _coefficient(raw: bytes) -> bytes:
    fits = json.loads(raw)
    found = next(one for one in fits if one["leading"])
    found["leading"]["value"] *= 1.001
    return json.dumps(fits).encode()


def _fewer(raw: bytes) -> bytes:
    return json.dumps(json.loads(raw)[1:]).encode()


def _told(raw: bytes) -> bytes:
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
        ("runs/test/bm25.trec.gz", _found, "quality"),
        ("runs/test/bm25.trec.gz", lambda raw: raw[:40], "quality"),
        ("runs/test/qrels.txt.gz", _regraded, "judgements"),
        ("fits.json", _verdict, "fit"),
        ("fits.json", _coefficient, "fit"),
        ("fits.json", _fewer, "fit"),
        ("report.md", _told, "report"),
        ("config.json", _seed, "derived"),
        ("environment.json", lambda raw: raw.replace(b"torch", b"tarch"), "derived"),
    ],
)
def test_a_changed_file_is_caught_though_its_hash_was_made_to_fit(
    tampered: Tamper, name: str, change: Callable[[bytes], bytes], kind: str
) -> None:
    found = verify.run(tampered(name, change))
    assert kind in _kinds(found, "disagrees")
    assert "hash" not in _kinds(found, "disagrees")
    assert verify_result.exit_code(found) == 1


@pytest.mark.parametrize(
    ("name", "change"), [("runs/test/bm25.trec.gz", _found), ("report.md", _told)]
)
def test_a_changed_file_is_caught_by_its_hash(
    tampered: Tamper, name: str, change: Callable[[bytes], bytes]
) -> None:
    found = verify.run(tampered(name, change, rehash=False))
    (hashed,) = [one for one in found if one.kind == "hash" and one.status == "disagrees"]
    assert hashed.about == name
    assert "the manifest says" in hashed.detail


def test_the_page_in_html_is_held_to_its_hash(tampered: Tamper) -> None:
    path = tampered("report.html", lambda raw: raw + b"<!-- -->", rehash=False)
    assert [one.about for one in verify.run(path) if one.status == "disagrees"] == ["report.html"]


def test_a_file_that_the_manifest_names_and_is_not_there(tampered: Tamper) -> None:
    def more(raw: bytes) -> bytes:
        listed = json.loads(raw)
        listed["files"] |= {"gone.txt": "0" * 64, "../outside": "0" * 64}
        return json.dumps(listed).encode()

    found = verify.run(tampered("manifest.json", more, rehash=False))
    apart = {one.about for one in found if one.status == "disagrees"}
    assert apart == {"gone.txt", "../outside"}


def test_without_rankings_means_are_still_held_to_their_queries(folder: Path) -> None:
    (folder / "runs" / "test" / "bm25.trec.gz").unlink()
    found = verify.run(folder)
    (ranked,) = [one for one in found if one.kind == "quality"]
    assert ranked.status == "not verified"
    assert "no ranking at runs/test/bm25.trec.gz" in ranked.detail
    assert verify_result.exit_code(found) == 3
    results = load_results(folder)
    rows = [row.with_changes(value=0.9) if row.measure == "mrr" else row for row in results.rows]
    save_results(replace(results, rows=rows), folder)
    found = verify.run(folder)
    ranked = next(one for one in found if one.kind == "quality" and one.status == "disagrees")
    assert ranked.detail == "is not the mean of its queries"


def test_a_model_that_is_not_here_is_not_fetched(folder: Path) -> None:
    results = load_results(folder)
    config: Any = json.loads(json.dumps(results.config))
    config["scaling"]["options"]["model"] = "someone/else@main"
    save_results(replace(results, config=config), folder)
    found = [one for one in verify.run(folder) if one.kind == "recount"]
    assert {one.status for one in found} == {"not verified"}
    assert "nothing is fetched to verify" in found[0].detail


def test_a_report_of_another_release_is_not_taken_for_tampering(tampered: Tamper) -> None:
    path = tampered("report.md", _told)
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    listed = json.loads(contents["manifest.json"])
    contents["manifest.json"] = json.dumps({**listed, "rabbench": "0.0.1"}).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    found = [one for one in verify.run(path) if one.kind == "report" and one.status != "agrees"]
    assert {one.status for one in found} == {"not verified"}
    assert "bundled by release 0.0.1" in found[0].detail


def test_fits_without_anything_that_says_them_are_not_verified(folder: Path) -> None:
    (folder / "report.md").unlink()
    (fitted,) = [one for one in verify.run(folder) if one.kind == "fit"]
    assert fitted.status == "not verified"
    assert fitted.detail == "neither fits.json nor report.md is there to compare with"


def test_judgements_are_counted_where_the_data_set_is_not_built_in(folder: Path) -> None:
    results = load_results(folder)
    card = {**dict(results.suites[0]), "source": "somewhere", "suite": "nonesuch"}
    save_results(replace(results, suites=[card]), folder)
    (judged,) = [one for one in verify.run(folder) if one.kind == "judgements"]
    assert judged.status == "agrees"
    path = folder / "runs" / "test" / "qrels.txt.gz"
    qrels = trec.read_qrels(path)
    qrels.popitem()
    trec.write_qrels(path, qrels)
    (judged,) = [one for one in verify.run(folder) if one.kind == "judgements"]
    assert (judged.status, judged.detail) == (
        "disagrees",
        "7 queries, the card says 8; 7 judgements, the card says 8",
    )


def test_the_outcome_decides_the_exit_code() -> None:
    good, bad = verify_result.agrees("a", "b", "c"), verify_result.disagrees("a", "b", "c")
    missing = verify_result.unverified("a", "b", "c")
    assert [
        verify_result.exit_code(found)
        for found in ([good], [good, missing], [good, missing, bad], [missing], [])
    ] == [0, 3, 1, 3, 3]
    assert verify_result.text_lines([good, missing])[-1] == "1 agrees, 1 not verified"
    assert verify_result.text_lines([])[-1] == "nothing to verify"
    assert verify_result.to_json([good, bad])["counts"] == {
        "agrees": 1,
        "disagrees": 1,
        "not verified": 0,
    }
