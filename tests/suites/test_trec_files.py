"""Three TREC files as a suite, and records that are looked up in their file."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from rabbench import quality
from rabbench.quality import QualityConfig
from rabbench.quality.datasets import open_suite
from rabbench.suites import _compose, _records
from rabbench.suites._collection import doc_words_histogram
from rabbench.suites._records import Format, Records, cut_lines
from rabbench.types import BadInputError, UsageError

TREC_DOCS = (
    "<DOC>\n<DOCNO> LA-1 </DOCNO>\n<HEAD>A title</HEAD>\n<TEXT>\nred apples\n</TEXT>\n</DOC>\n"
    "<DOC>\n<DOCNO>LA-2</DOCNO>\n<TEXT>green pears\nand more</TEXT>\n</DOC>\n"
)
TOPICS = (
    "<top>\n<num> Number: 301\n<title> apples & pears\n<desc> Description:\nWhat of them?\n</top>\n"
    "<top>\n<num>302</num>\n<title>Topic: pears</title>\n</top>\n"
)
QRELS = "301 0 LA-2 1\n301 0 LA-1 0\n302 0 LA-2 2\n999 0 LA-1 1\n"
FORMS = {
    "trec": (TREC_DOCS, TOPICS),
    "jsonl": (
        '{"id": "LA-1", "title": "A title", "contents": "red apples"}\n'
        '{"docno": "LA-2", "text": "green pears and more"}\n',
        '{"_id": "301", "text": "apples & pears"}\n{"query_id": "302", "query": "pears"}\n',
    ),
    "tsv": (
        "LA-1\tA title red apples\nLA-2\tgreen pears and more\n",
        "301\tapples & pears\n302\tpears\n",
    ),
}


def write_files(folder: Path, docs: str, queries: str, qrels: str = QRELS) -> str:
    (folder / "docs").write_text(docs, encoding="utf-8")
    (folder / "queries.gz").write_bytes(gzip.compress(queries.encode()))
    (folder / "robust.qrels").write_text(qrels)
    return f"trec:{folder / 'docs'}, {folder / 'queries.gz'},{folder / 'robust.qrels'}"


@pytest.mark.parametrize("form", FORMS)
def test_each_way_of_writing_gives_the_same_suite(tmp_path: Path, form: str) -> None:
    handle = open_suite(write_files(tmp_path, *FORMS[form]))
    assert handle.dataset_names(()) == ["robust"]
    suite = handle.load("robust")
    assert dict(suite.docs.items()) == {
        "LA-1": "A title red apples",
        "LA-2": "green pears and more",
    }
    assert suite.docs["LA-2"] == "green pears and more"
    assert suite.queries == {"301": "apples & pears", "302": "pears"}
    assert suite.qrels == {"301": {"LA-2": 1, "LA-1": 0}, "302": {"LA-2": 2}}
    assert suite.source == "local files docs, queries.gz, robust.qrels"


def test_a_triple_is_evaluated_like_any_suite(tmp_path: Path) -> None:
    config = QualityConfig(
        suite=write_files(tmp_path, *FORMS["trec"]), systems=("bm25",), metrics=("rr",)
    )
    results = quality.run(config)
    assert results.rows[0].samples["302"] == 1.0  # type: ignore[call-overload]
    assert results.suites[0]["name"] == "robust"
    assert results.suites[0]["doc_words_histogram"] == {"4": 2}


@pytest.mark.parametrize(
    ("docs", "queries", "qrels", "message"),
    [
        ("<DOC>\n<TEXT>x</TEXT>\n</DOC>\n", TOPICS, QRELS, r"docs:1: a <DOC> without <DOCNO>"),
        ('{"id": 3}\n', TOPICS, QRELS, r"docs:1: expected one of _id, id, docno"),
        ("{", TOPICS, QRELS, r"docs:1: not JSON"),
        ("LA-1 x\n", TOPICS, QRELS, r"docs:1: 'LA-1 x'; expected 'id<tab>text'"),
        ("LA-1\tx\nLA-1\ty\n", TOPICS, QRELS, r"docs:2: id 'LA-1' stands twice; ids are unique"),
        (TREC_DOCS, "<top>\n<num> 1\n</top>\n", QRELS, r"a <top> without <num> and <title>: "),
        (
            TREC_DOCS,
            "1\tx\n2\ty\n",
            QRELS,
            r"none of the queries that .* judges, such as '301'; it"
            r" has '1', '2'",
        ),
        ("", TOPICS, QRELS, r"docs has no documents"),
        (TREC_DOCS, TOPICS, "301 LA-1 1\n", r"robust\.qrels:1: 3 fields"),
    ],
)
def test_a_broken_triple_is_refused(
    tmp_path: Path, docs: str, queries: str, qrels: str, message: str
) -> None:
    files = _compose.parse(write_files(tmp_path, docs, queries, qrels))
    with pytest.raises(BadInputError, match=message) as caught:
        files.load("robust")
    assert caught.value.exit_code == 4


def test_a_name_that_is_no_triple_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"trec:a,b: 2 files; write trec:DOCS,QUERIES,QRELS"):
        open_suite("trec:a,b")
    with pytest.raises(BadInputError, match=r"no file a; write trec:DOCS,QUERIES,QRELS"):
        open_suite("trec:a,b,c")
    name = write_files(tmp_path, *FORMS["trec"])
    with pytest.raises(UsageError, match=r"unknown data set of these files 'x'; known: robust"):
        open_suite(name).load("x")
    (tmp_path / "docs").rename(tmp_path / "docs.gz")
    with pytest.raises(BadInputError, match=r"docs\.gz is compressed.*; unpack it"):
        open_suite(name.replace("docs,", "docs.gz,")).load("robust")


def test_records_with_equal_hashes_are_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_records, "_hash", lambda key: len(key))
    (tmp_path / "f").write_text("a\tx\nb\ty\ncc\tz\n")
    records = Records(tmp_path / "f", Format(cut_lines, _compose._parse_tabbed), "")
    assert [records[key] for key in ("a", "b", "cc")] == ["x", "y", "z"]
    assert "d" not in records
    assert (list(records), list(records.values()), len(records)) == (["a", "b", "cc"], [*"xyz"], 3)


def test_records_take_sixteen_bytes_each(tmp_path: Path) -> None:
    import tracemalloc

    count = 50_000
    with (tmp_path / "f").open("w") as stream:
        stream.writelines(
            f"a-rather-long-document-id-{i:08}\t{'word ' * 20}\n" for i in range(count)
        )
    tracemalloc.start()
    records = Records(tmp_path / "f", Format(cut_lines, _compose._parse_tabbed), "")
    traced_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(records) == count
    assert traced_bytes < 20 * count
    assert records[f"a-rather-long-document-id-{count - 1:08}"].startswith("word")


def test_a_card_counts_lengths_by_doublings(tmp_path: Path) -> None:
    docs = "\n".join(f"d{i}\t{'w ' * words}" for i, words in enumerate((0, 1, 2, 3, 4, 7, 8)))
    handle = open_suite(write_files(tmp_path, docs, "1\tx\n", "1 0 d1 1\n"))
    suite = handle.load("robust")
    assert doc_words_histogram(suite.docs) == {"0": 1, "1": 1, "2": 2, "4": 2, "8": 1}
    assert (suite.candidates, suite.split) == ("every document of the collection", "robust")
