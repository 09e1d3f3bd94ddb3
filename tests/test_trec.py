"""TREC files: what is written is read back, and a broken line is refused with its place."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rabbench import trec
from rabbench.types import BadInputError, rank

IDS = st.text(
    st.characters(exclude_categories=["Z", "C"]), min_size=1, max_size=6
).filter(lambda text: text.split() == [text])  # fmt: skip
RUNS = st.dictionaries(
    IDS,
    st.dictionaries(IDS, st.floats(allow_nan=False), min_size=1, max_size=5),
    min_size=1,
    max_size=4,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(run=RUNS, suffix=st.sampled_from(["run.trec", "run.trec.gz"]))
def test_what_is_written_is_read_back(tmp_path: Path, run: trec.Run, suffix: str) -> None:
    path = trec.write_run(tmp_path / suffix, run, "bm25")
    assert trec.read_run(path) == run


def test_lines_are_ranked_from_one_with_ties_by_document_id_descending(tmp_path: Path) -> None:
    path = trec.write_run(tmp_path / "a.trec", {"q": {"a": 1.0, "c": 1.0, "b": 2.5}}, "t")
    assert path.read_text() == "q Q0 b 1 2.5 t\nq Q0 c 2 1.0 t\nq Q0 a 3 1.0 t\n"


def test_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    run = {"q": {"a": 1.0, "b": 2.0}}
    first = trec.write_run(tmp_path / "a.gz", run, "t").read_bytes()
    assert trec.write_run(tmp_path / "b.gz", run, "t").read_bytes() == first
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.gz", "b.gz"]


def test_blank_lines_and_tags_with_spaces_and_wrong_ranks_are_read(tmp_path: Path) -> None:
    path = tmp_path / "run.trec"
    path.write_text("\ufeffq1 Q0 d1 9 0.5 my own tag\n\n  \nq1\tQ0\td2\t1\t1e-3\tx\r\n")
    run = trec.read_run(path)
    assert run == {"q1": {"d1": 0.5, "d2": 0.001}}
    assert [doc_id for doc_id, _ in rank(run["q1"])] == ["d1", "d2"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("q Q0 d 1 0.5 t\nq Q0 d 2\n", r":2: 4 fields in 'q Q0 d 2'; expected 'qid Q0 docid rank"),
        ("q Q0 d 1 high t\n", r":1: score 'high' is not a number; expected 'qid Q0"),
        ("q Q0 d 1 nan t\n", r":1: score 'nan' is not a number"),
        ("q Q0 d 1 2 t\n\nq Q0 d 2 1 t\n", r":3: document 'd' is listed twice for query 'q'"),
        ("\n \n", r"run\.trec is empty; expected lines of 'qid Q0 docid rank score tag'"),
    ],
)
def test_a_broken_run_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "run.trec"
    path.write_text(text)
    with pytest.raises(BadInputError, match=message) as caught:
        trec.read_run(path)
    assert caught.value.exit_code == 4


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"no file .*absent\.trec"):
        trec.read_run(tmp_path / "absent.trec")
    for name, content in [
        ("plain.gz", b"q Q0 d 1 2 t\n"),
        ("cut.gz", gzip.compress(b"q Q0 d 1 2 t\n")[:-9]),
        ("latin.trec", "q Q0 dé 1 2 t\n".encode("latin-1")),
    ]:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(BadInputError, match=rf"{name} cannot be read: "):
            trec.read_run(tmp_path / name)


@pytest.mark.parametrize(
    ("run", "tag", "message"),
    [
        ({"q 1": {"d": 1.0}}, "t", "query id 'q 1' cannot stand in a TREC file"),
        ({"q": {"": 1.0}}, "t", "document id '' cannot stand in a TREC file"),
        ({"q": {"d": 1.0}}, "my tag", "tag 'my tag' cannot stand in a TREC file, whose fields"),
    ],
)
def test_an_id_with_a_space_is_refused_and_nothing_is_written(
    tmp_path: Path, run: trec.Run, tag: str, message: str
) -> None:
    with pytest.raises(BadInputError, match=message):
        trec.write_run(tmp_path / "run.trec", run, tag)
    assert list(tmp_path.iterdir()) == []


def test_judgements_are_read_with_negative_grades(tmp_path: Path) -> None:
    path = tmp_path / "qrels.txt"
    path.write_text("q1 0 d1 2\n\nq1 0 d2 -1\nq2 0 d1 0\nq1 0 d1 2\n")
    assert trec.read_qrels(path) == {"q1": {"d1": 2, "d2": -1}, "q2": {"d1": 0}}


def test_judgements_are_written_and_read_back(tmp_path: Path) -> None:
    qrels = {"q1": {"d1": 2, "d2": -1}, "q2": {"d1": 0}}
    path = trec.write_qrels(tmp_path / "deep" / "qrels.txt.gz", qrels)
    assert trec.read_qrels(path) == qrels
    assert trec.write_qrels(tmp_path / "plain.txt", qrels).read_text().startswith("q1 0 d1 2\n")
    with pytest.raises(BadInputError, match="document id 'd 1' cannot stand in a TREC file"):
        trec.write_qrels(tmp_path / "bad.txt", {"q": {"d 1": 1}})
    with pytest.raises(BadInputError, match="query id '' cannot stand in a TREC file"):
        trec.write_qrels(tmp_path / "bad.txt", {"": {"d": 1}})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("q 0 d\n", r":1: 3 fields in 'q 0 d'; expected 'qid 0 docid grade'"),
        ("q 0 d 1.5\n", r":1: grade '1\.5' is not whole; expected 'qid 0 docid grade'"),
        ("q 0 d 1\nq 0 d 2\n", r":2: document 'd' has grade 2 for query 'q' and had 1 before"),
        ("", r"qrels\.txt is empty; expected lines of 'qid 0 docid grade'"),
    ],
)
def test_broken_judgements_are_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "qrels.txt"
    path.write_text(text)
    with pytest.raises(BadInputError, match=message):
        trec.read_qrels(path)
