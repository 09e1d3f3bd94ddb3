"""BM25 returns only matching documents and breaks ties by the one rule."""

from __future__ import annotations

import pytest

from rabbench.config.options import Options
from rabbench.models import synthetic
from rabbench.systems import bm25


def test_documents_without_a_shared_term_are_not_found() -> None:
    system = bm25.build(Options())
    system.index({"a": "red apple", "b": "green pear", "c": "blue plum"})
    assert list(system.search({"q": "apples and pears", "none": "the of and"}, 3)["q"]) == [
        "b",
        "a",
    ]
    assert system.search({"none": "the of and", "odd": "xylophone"}, 3) == {"none": {}, "odd": {}}


def test_streaming_scores_as_indexing_in_one_piece_does(monkeypatch: pytest.MonkeyPatch) -> None:
    import bm25s
    import Stemmer

    monkeypatch.setattr(bm25, "BLOCK", 3)
    docs = {f"d{i}": synthetic.text(20 + i, seed=i) for i in range(20)} | {"empty": ""}
    stemmer = Stemmer.Stemmer("english")
    tokens = bm25s.tokenize(list(docs.values()), stopwords="en", stemmer=stemmer)
    whole = bm25s.BM25(k1=bm25.K1, b=bm25.B)
    whole.index(tokens, show_progress=False)
    system = bm25.build(Options())
    system.index(docs)
    query = synthetic.text(3, seed=1)
    (terms,) = bm25s.tokenize([query], stopwords="en", stemmer=stemmer, return_ids=False)
    scores = whole.get_scores([term for term in terms if term in whole.vocab_dict])
    expected = {d: float(s) for d, s in zip(docs, scores, strict=True) if s}
    assert system.search({"q": query}, 99)["q"] == pytest.approx(expected)
    assert len(expected) > 5
    system.index({"a": "", "b": "the of"})
    assert system.search({"q": query}, 9) == {"q": {}}


def test_ties_at_the_cut_go_to_the_larger_id() -> None:
    system = bm25.build(Options())
    docs = {f"d{i}": "apple" for i in range(6)}
    system.index({**docs, "z": "pear"})
    assert list(system.search({"q": "apple"}, 2)["q"]) == ["d5", "d4"]
