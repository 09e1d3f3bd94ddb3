"""Lengths of relevant documents: which count, what is left out, and buckets of them."""

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


def test_buckets_are_powers_of_two_joined_until_each_is_large_enough() -> None:
    words = {f"q{i}": n for i, n in enumerate([3] * 4 + [5] * 12 + [8, 9] + [64] * 10 + [65, 500])}
    buckets = doc_lengths.bucket_queries(words, least=10)
    spans = [(bucket.low, bucket.high, len(bucket.query_ids)) for bucket in buckets]
    assert spans == [(3, 8, 17), (9, 500, 13)]
    assert sorted(query for bucket in buckets for query in bucket.query_ids) == sorted(words)
    assert doc_lengths.bucket_queries({"q": 1}) == [doc_lengths.Bucket(1, 1, ("q",))]
    assert doc_lengths.bucket_queries({}) == []
