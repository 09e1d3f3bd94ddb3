"""What a data set's card says beside its name and counts: split, candidates, document lengths."""

from __future__ import annotations

from itertools import islice
from typing import Any

from rabbench.types import Suite

LENGTHS_FROM = 10_000  # documents whose lengths are counted, at most


def details(suite: Suite) -> dict[str, Any]:
    """Split, how candidates are made, and a histogram of document lengths.

    ``doc_words_histogram`` counts documents by words, in doublings: the key is the least number of
    words of a bin that ends before the next power of two, ``"0"`` the empty ones.
    """
    counts: dict[int, int] = {}
    for text in islice(iter(suite.docs.values()), LENGTHS_FROM):
        words = len(text.split())
        least = 1 << (words.bit_length() - 1) if words else 0
        counts[least] = counts.get(least, 0) + 1
    return {
        "split": suite.split,
        "candidates": suite.candidates,
        "doc_words_histogram": {str(least): counts[least] for least in sorted(counts)},
    }
