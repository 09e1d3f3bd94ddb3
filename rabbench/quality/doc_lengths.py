"""Lengths of the documents that answer each query, by which a report splits ranking quality.

Knows texts and judgements; a length is the number of words between spaces, so that it means the
same for every system whatever its tokenizer.
"""

from __future__ import annotations

from statistics import fmean

from rabbench.types import Suite

RELEVANT = 1  # the least grade that counts


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
