"""A zip from someone else: broken or harmful ones are refused, and nothing lands outside."""

from __future__ import annotations

import gzip
import stat
import zipfile
from pathlib import Path

import pytest

from rabbench.bundle import reader, verify
from rabbench.types import BadInputError


def _zip(path: Path, *entries: tuple[str | zipfile.ZipInfo, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize(
    "name",
    ["../escaped", "runs/../../escaped", "/escaped", "..\\escaped", "C:escaped", "a\x07"],
)
def test_a_name_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    path = _zip(tmp_path / "a.zip", ("results.json", b"{}"), (name, b"x"))
    with pytest.raises(BadInputError, match="leads out of the bundle"):
        verify.run(path)
    assert not list(tmp_path.rglob("escaped"))
    assert not (tmp_path.parent / "escaped").exists()


def test_a_link_is_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("results.json")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with pytest.raises(BadInputError, match=r"'results\.json' is a link"):
        verify.run(_zip(tmp_path / "a.zip", (link, b"/etc/passwd")))


def test_a_name_given_twice_is_refused(tmp_path: Path) -> None:
    path = _zip(tmp_path / "a.zip", ("results.json", b"{}"), ("RESULTS.json", b"{}"))
    with pytest.raises(BadInputError, match="is there twice"):
        verify.run(path)


def test_an_oversized_entry_is_refused_before_it_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "LARGEST", 1000)
    path = _zip(tmp_path / "a.zip", ("results.json", bytes(1001)))
    with pytest.raises(BadInputError, match=r"unpacks to 1,001 bytes, at most 1,000 are read"):
        verify.run(path)
    monkeypatch.setattr(reader, "LARGEST_IN_ALL", 1500)
    path = _zip(tmp_path / "b.zip", ("a", bytes(900)), ("b", bytes(900)))
    with pytest.raises(BadInputError, match="unpacks to 2 files and 1,800 bytes"):
        verify.run(path)
    monkeypatch.setattr(reader, "MOST_FILES", 1)
    path = _zip(tmp_path / "c.zip", ("a", b""), ("b", b""))
    with pytest.raises(BadInputError, match="at most 1 and"):
        verify.run(path)


def test_a_gzip_that_unpacks_to_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "LARGEST", 1000)
    bomb = gzip.compress(bytes(100_000))
    path = _zip(tmp_path / "a.zip", ("runs/test/bm25.trec.gz", bomb))
    with pytest.raises(BadInputError, match=r"bm25.trec.gz unpacks to more than 1,000 bytes"):
        verify.run(path)


def test_an_entry_that_lies_about_its_size_is_refused(tmp_path: Path) -> None:
    path = _zip(tmp_path / "a.zip", ("results.json", bytes(5000)))
    raw = path.read_bytes()
    path.write_bytes(raw.replace((5000).to_bytes(4, "little"), (10).to_bytes(4, "little")))
    with pytest.raises(BadInputError, match="is not a zip that can be read"):
        verify.run(path)


@pytest.mark.parametrize("cut", [0, 10, 200])
def test_a_broken_zip_is_refused(tmp_path: Path, packed: Path, cut: int) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(packed.read_bytes()[:cut])
    with pytest.raises(BadInputError, match="is not a zip that can be read"):
        verify.run(path)


def test_a_flipped_bit_is_a_broken_zip_or_a_wrong_hash(tmp_path: Path, packed: Path) -> None:
    raw = bytearray(packed.read_bytes())
    raw[len(raw) // 2] ^= 1
    (tmp_path / "a.zip").write_bytes(raw)
    with pytest.raises(BadInputError, match="is not a zip that can be read"):
        verify.run(tmp_path / "a.zip")


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        (b"[", "its manifest.json is damaged"),
        (b"[]", "its manifest.json is damaged"),
        (b'{"schema": 1, "kind": "rabbench bundle", "files": {"a": 1}}', "schema 1"),
        (b'{"schema": 2, "kind": "rabbench bundle", "files": {}}', "schema 2; this rabbench reads"),
        (b"[" * 100_000, "its manifest.json is damaged"),
    ],
)
def test_a_manifest_that_is_none_is_refused(tmp_path: Path, manifest: bytes, message: str) -> None:
    path = _zip(tmp_path / "a.zip", ("manifest.json", manifest), ("results.json", b"{}"))
    with pytest.raises(BadInputError, match=message):
        verify.run(path)


def test_a_zip_that_is_no_bundle_says_what_makes_one(tmp_path: Path, packed: Path) -> None:
    with pytest.raises(BadInputError, match=r"no manifest.json: it is no bundle; 'rabbench bundle"):
        verify.run(_zip(tmp_path / "a.zip", ("results.json", b"{}")))
    with pytest.raises(BadInputError, match="no file"):
        verify.run(tmp_path / "nowhere.zip")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInputError, match=r"no results at .*empty"):
        verify.run(tmp_path / "empty")
