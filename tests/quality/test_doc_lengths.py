"""Lengths of relevant documents: which count, and what is left out."""

from __future__ import annotations

from rabbench.quality import doc_lengths
from rabbench.types import Suite


def test_the_mean_is_over_relevant_documents_in_the_collection() -> None:
    suite = Suite(
        name="s",
        docs={"a": "one two three", "b": " one\ttwo \n", "c": "x " * 100, "e": ""},
        queries={},
        qrels={
            "two": {"a": 1, "b": 3, "c": 0},
            "negative": {"a": -1, "c": 1},
            "absent": {"zzz": 1, "b": 1},
            "empty": {"e": 1},
            "none": {"a": 0},
            "unretrievable": {"zzz": 1},
        },
        fingerprint="",
        licence="",
        source="",
    )
    assert doc_lengths.relevant_words(suite) == {"two": 2, "negative": 100, "absent": 2, "empty": 0}
