"""A folder in BEIR layout: what is read, and how a broken one is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from rabbench.suites import _folder
from rabbench.types import BadInputError, UsageError

HEADER = "query-id\tcorpus-id\tscore\n"
CORPUS = (
    '{"_id": "d1", "title": "A title", "text": "and text", "metadata": {}}\n'
    "\n"
    '{"_id": "d 2", "title": "", "text": "caf\u00e9\\nnext"}\n'
)
QUERIES = '{"_id": "q1", "text": "one"}\n{"_id": "q2", "text": "two"}\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "qrels").mkdir()
    (tmp_path / "corpus.jsonl").write_text(CORPUS, encoding="utf-8")
    (tmp_path / "queries.jsonl").write_text(QUERIES)
    (tmp_path / "qrels" / "dev.tsv").write_text(HEADER + "q2\td1\t1\n")
    (tmp_path / "qrels" / "test.tsv").write_text(HEADER + "q1\td 2\t2\nq1\td1\t0\n\nq9\td1\t1\n")
    return tmp_path


def test_a_split_has_its_judged_queries_and_all_documents(folder: Path) -> None:
    suite = _folder.load(folder, "test")
    assert suite.name == f"{folder.name}/test"
    assert dict(suite.docs) == {"d1": "A title and text", "d 2": "café\nnext"}
    assert list(suite.docs.values()) == ["A title and text", "café\nnext"]
    assert suite.queries == {"q1": "one"}
    assert suite.qrels == {"q1": {"d 2": 2, "d1": 0}}
    assert suite.licence == "not stated: a local folder"
    assert _folder.datasets(folder) == ["test", "dev"]


def test_the_fingerprint_follows_the_content(folder: Path) -> None:
    before = _folder.load(folder, "test").fingerprint
    assert _folder.load(folder, "test").fingerprint == before
    (folder / "corpus.jsonl").write_text(CORPUS.replace("title", "titel", 1), encoding="utf-8")
    changed = (folder / "corpus.jsonl").read_text(encoding="utf-8")
    (folder / "corpus.jsonl").write_text(changed.replace("and", "or"), encoding="utf-8")
    assert _folder.load(folder, "test").fingerprint != before


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("corpus.jsonl", '{"_id": "d1", "text": "x"}\n{"_id"\n', r"corpus\.jsonl:2: not JSON \("),
        ("corpus.jsonl", '{"_id": 1, "text": "x"}\n', r"corpus\.jsonl:1: expected \{\"_id\": …"),
        ("corpus.jsonl", "[]\n", r"corpus\.jsonl:1: expected .*both strings"),
        ("queries.jsonl", '{"_id": "q1"}\n', r"queries\.jsonl:1: expected"),
        (
            "queries.jsonl",
            '{"_id": "q1", "text": "x"}\n{"_id": "q1", "text": "y"}\n',
            r"queries\.jsonl:2: id 'q1' stands twice; ids are unique",
        ),
        ("qrels/test.tsv", HEADER + "q1 d1 1\n", r"test\.tsv:2: 1 fields in 'q1 d1 1'; expected '"),
        ("qrels/test.tsv", HEADER + "q1\td1\t0.5\n", r"test\.tsv:2: grade '0\.5' is not whole"),
        ("corpus.jsonl", "\n", r"is empty: split 'test' has no documents"),
        ("qrels/test.tsv", HEADER, r"is empty: split 'test' has no queries with judgements"),
    ],
)
def test_a_broken_folder_is_refused(folder: Path, file: str, text: str, message: str) -> None:
    (folder / file).write_text(text)
    with pytest.raises(BadInputError, match=message) as caught:
        _folder.load(folder, "test")
    assert caught.value.exit_code == 4


def test_what_is_not_there_is_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"unknown split of .* 'train'; known: dev, test"):
        _folder.load(folder, "train")
    (folder / "queries.jsonl").unlink()
    with pytest.raises(BadInputError, match=r"no .*queries\.jsonl; a folder in BEIR layout has"):
        _folder.load(folder, "test")
    with pytest.raises(BadInputError, match=r"has no qrels/<split>\.tsv; a folder in BEIR layout"):
        _folder.datasets(tmp_path / "qrels")
