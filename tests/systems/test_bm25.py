"""BM25 returns only matching documents and breaks ties by the one rule."""

from __future__ import annotations

from rabbench.records import Options
from rabbench.systems import bm25


def test_documents_without_a_shared_term_are_not_found() -> None:
    system = bm25.build(Options())
    system.index({"a": "red apple", "b": "green pear", "c": "blue plum"})
    assert list(system.search({"q": "apples and pears", "none": "the of and"}, 3)["q"]) == [
        "b",
        "a",
    ]
    assert system.search({"none": "the of and", "odd": "xylophone"}, 3) == {"none": {}, "odd": {}}


def test_ties_at_the_cut_go_to_the_larger_id() -> None:
    system = bm25.build(Options())
    docs = {f"d{i}": "apple" for i in range(6)}
    system.index({**docs, "z": "pear"})
    assert list(system.search({"q": "apple"}, 2)["q"]) == ["d5", "d4"]
