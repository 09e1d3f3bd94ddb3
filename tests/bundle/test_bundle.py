"""Bundles: what is in them, equal bytes for equal contents, what a licence keeps back."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rabbench.bundle import pack, verify, verify_result
from rabbench.results import load_results, save_results
from rabbench.types import BadInputError, UsageError
from tests.bundle.selection import of_kind


def _names(path: Path) -> list[str]:
    with zipfile.ZipFile(path) as archive:
        return archive.namelist()


def _relabel(folder: Path, **card: Any) -> None:
    """Change the card of the folder's data set; its report is then no longer of it."""
    (folder / "report.md").unlink()
    results = load_results(folder)
    save_results(replace(results, suites=[{**dict(results.suites[0]), **card}]), folder)


def test_a_bundle_holds_what_it_takes_to_recompute(packed: Path) -> None:
    with zipfile.ZipFile(packed) as archive:
        assert archive.namelist() == [
            "config.json", "environment.json", "fits.json", "manifest.json", "report.html",
            "report.md", "results.json", "runs/test/bm25.trec.gz", "runs/test/qrels.txt.gz",
        ]  # fmt: skip
        manifest = json.loads(archive.read("manifest.json"))
        hashes = {
            name: hashlib.sha256(archive.read(name)).hexdigest()
            for name in archive.namelist()
            if name != "manifest.json"
        }
        environment = json.loads(archive.read("environment.json"))
    assert manifest["files"] == hashes
    assert environment["versions"]["torch"]
    (data,) = manifest["data"]
    assert (data["licence"], data["judgements"]) == ("CC0-1.0", "packed")
    assert "--suite demo --datasets test" in data["to get it"]


def test_equal_contents_give_equal_bytes(folder: Path, tmp_path: Path) -> None:
    first = pack.write(folder, tmp_path / "a.zip")
    for path in folder.rglob("*"):
        os.utime(path, (1, 1))
    second = pack.write(folder, tmp_path / "sub" / "b.zip")
    assert first.path.read_bytes() == second.path.read_bytes()
    assert first.identity == second.identity
    with zipfile.ZipFile(first.path) as archive:
        entries = archive.infolist()
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)


def test_by_default_it_lies_beside_the_folder(folder: Path) -> None:
    assert pack.write(folder).path == folder.with_name("results.zip")


def test_nothing_but_the_results_own_files_is_packed(folder: Path, tmp_path: Path) -> None:
    (folder / "secret.txt").write_text("private")
    (folder / "runs" / "test" / "other.trec.gz").write_bytes(b"of another system")
    names = _names(pack.write(folder, tmp_path / "a.zip").path)
    assert not {"secret.txt", "runs/test/other.trec.gz"} & set(names)


@pytest.mark.parametrize(
    ("licence", "allowed"),
    [
        ("CC0-1.0", "all"),
        ("CC BY 4.0", "all"),
        ("CC BY-SA 3.0", "all"),
        ("CC BY-NC 2.0", "all"),
        ("CC BY 4.0 for the selection; the texts as in BEIR", "all"),
        ("Apache-2.0", "all"),
        ("GPL-3.0", "all"),
        ("CC BY-ND 4.0", "runs"),
        ("CC BY-NC-ND 4.0", "runs"),
        ("MS MARCO terms: non-commercial research", "runs"),
        ("not stated: a local folder", "runs"),
        ("", "runs"),
        ("none stated; for use where it lies, not to be passed on", "nothing"),
        ("the authors' user agreement: research only, not to be passed on", "nothing"),
    ],
)
def test_a_licence_decides_what_may_travel(licence: str, allowed: str) -> None:
    assert pack.permission(licence)[0] == allowed


def test_every_licence_of_the_suites_is_decided_as_written() -> None:
    from rabbench.suites import beir

    allowed = {base: pack.permission(licence)[0] for base, licence in beir.LICENCES.items()}
    assert {base for base, permission in allowed.items() if permission != "all"} == {"msmarco"}
    assert pack.permission(beir.UNSTATED)[0] == "runs"


def test_judgements_that_may_not_travel_stay_and_are_read_by_name(
    folder: Path, tmp_path: Path
) -> None:
    _relabel(folder, licence="not stated: a test")
    bundle = pack.write(folder, tmp_path / "a.zip")
    assert "runs/test/qrels.txt.gz" not in _names(bundle.path)
    assert "runs/test/bm25.trec.gz" in _names(bundle.path)
    (data,) = bundle.manifest.data
    assert data["judgements"] == "not packed"
    assert data["fingerprint"] == load_results(folder).suites[0]["fingerprint"]
    assert "is not known to allow passing judgements on" in data["why"]
    assert any("qrels.txt.gz" in line for line in bundle.text_lines())
    results = verify.run(bundle.path)
    (judgements,) = of_kind(results, "judgements")
    assert (judgements.status, judgements.about) == ("agrees", "test")
    assert {result.status for result in of_kind(results, "quality")} == {"agrees"}


def test_a_data_set_of_another_fingerprint_verifies_nothing(folder: Path, tmp_path: Path) -> None:
    _relabel(folder, licence="not stated: a test", fingerprint="0" * 64)
    results = verify.run(pack.write(folder, tmp_path / "a.zip").path)
    (judgements,) = of_kind(results, "judgements")
    assert judgements.status == "not verified"
    assert "its judgements are not taken" in judgements.detail
    assert {result.status for result in of_kind(results, "quality")} == {"not verified"}
    assert verify_result.exit_code(results) == 3


def test_a_data_set_that_is_nowhere_verifies_nothing(folder: Path, tmp_path: Path) -> None:
    _relabel(folder, licence="not stated: a test", suite="nonesuch")
    path = pack.write(folder, tmp_path / "a.zip").path
    (judgements,) = of_kind(verify.run(path), "judgements")
    assert judgements.status == "not verified"
    assert "unknown suite 'nonesuch'" in judgements.detail
    (judgements,) = of_kind(verify.run(path, data=False), "judgements")
    assert "--no-data" in judgements.detail


def test_rankings_stay_where_ids_may_be_texts(folder: Path, tmp_path: Path) -> None:
    _relabel(folder, licence="none stated; for use where it lies, not to be passed on")
    bundle = pack.write(folder, tmp_path / "a.zip")
    assert not [name for name in _names(bundle.path) if name.startswith("runs/")]
    (ranking,) = of_kind(verify.run(bundle.path), "quality")
    assert ranking.status == "not verified"
    assert "its document ids may be texts" in ranking.detail
    whole = pack.write(folder, tmp_path / "b.zip", qrels="all")
    assert len([name for name in _names(whole.path) if name.startswith("runs/")]) == 2


def test_no_judgements_travel_where_none_are_wanted(folder: Path, tmp_path: Path) -> None:
    bundle = pack.write(folder, tmp_path / "a.zip", qrels="none")
    assert [name for name in _names(bundle.path) if "qrels" in name] == []
    assert bundle.manifest.absent["runs/test/qrels.txt.gz"] == "--qrels none"


def test_what_is_not_in_the_folder_is_said(folder: Path, tmp_path: Path) -> None:
    (folder / "report.html").unlink()
    (folder / "runs" / "test" / "bm25.trec.gz").unlink()
    text = "\n".join(pack.write(folder, tmp_path / "a.zip").text_lines())
    assert "not in it: report.html: not in the folder; 'rabbench report DIR' writes it" in text
    assert "not in it: runs/test/bm25.trec.gz" in text


def test_a_bundle_needs_results_and_a_file_to_go_to(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="is not a results folder"):
        pack.write(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="is a folder; name a file, such as"):
        pack.write(folder, tmp_path)
    (folder / "results.json").unlink()
    with pytest.raises(BadInputError, match="no results at"):
        pack.write(folder, tmp_path / "a.zip")
