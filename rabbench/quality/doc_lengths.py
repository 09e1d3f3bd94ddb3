"""Lengths of the documents that answer each query, by which a report splits ranking quality.

Knows texts and judgements; a length is the number of words between spaces, so that it means the
same for every system whatever its tokenizer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from statistics import fmean

from rabbench.types import Suite

RELEVANT = 1  # the least grade that counts
LEAST_QUERIES = 10  # in a bucket of document lengths


def relevant_words(suite: Suite) -> dict[str, int]:
    """The mean length in words of each query's relevant documents, rounded: ``{query_id: words}``.

    A query none of whose relevant documents is in the collection is left out.
    """
    words = {}
    for query_id, grades in suite.qrels.items():
        lengths = []
        for doc_id in (doc_id for doc_id, grade in grades.items() if grade >= RELEVANT):
            try:
                lengths.append(len(suite.docs[doc_id].split()))
            except KeyError:  # judged, but not in the collection
                continue
        if lengths:
            words[query_id] = round(fmean(lengths))
    return words


@dataclass(frozen=True)
class Bucket:
    """Queries whose relevant documents have from ``low`` to ``high`` words."""

    low: int
    high: int
    query_ids: tuple[str, ...]


def bucket_queries(words: Mapping[str, int], least: int = LEAST_QUERIES) -> list[Bucket]:
    """Queries by powers of two of their length; small neighbours are joined.

    Within a power they stay in their order, by which resampling goes.
    """

    def power(query: str) -> int:
        return max(words[query] - 1, 0).bit_length()

    groups: list[list[str]] = []
    for _, query_ids in groupby(sorted(words, key=power), key=power):
        if groups and len(groups[-1]) < least:
            groups[-1] += query_ids
        else:
            groups.append(list(query_ids))
    if len(groups) > 1 and len(groups[-1]) < least:
        last = groups.pop()
        groups[-1] += last
    spans = [sorted(map(words.__getitem__, ids)) for ids in groups]
    return [Bucket(span[0], span[-1], tuple(ids)) for span, ids in zip(spans, groups, strict=True)]
