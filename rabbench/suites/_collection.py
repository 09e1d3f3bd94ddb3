"""A test collection from its parts: streamed texts, judged queries, content hash, length counts.

Knows how documents, queries and judgements become a ``Suite``; knows no file format and no data
set's rules.
"""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections import Counter
from collections.abc import ItemsView, Iterator, Mapping, ValuesView
from itertools import chain, islice
from typing import Any

from rabbench.types import Qrels, Suite

HASHED_DOCS = 100_000
"""Documents that a fingerprint covers; of a larger collection it has the count and the first."""

COUNTED_DOCS = 10_000  # documents whose lengths are counted, at most


class StreamedTexts(Mapping[str, str]):
    """Texts by id, read on access; ``items()`` and ``values()`` hold none of them."""

    @abstractmethod
    def pairs(self) -> Iterator[tuple[str, str]]:
        """Ids and texts in one pass over the collection."""

    def __iter__(self) -> Iterator[str]:
        return (key for key, _ in self.pairs())

    def items(self) -> ItemsView[str, str]:
        """Ids and texts, streamed in the collection's order."""
        return _StreamedItems(self)

    def values(self) -> ValuesView[str]:
        """The texts, streamed in the collection's order."""
        return _StreamedValues(self)


class _StreamedItems(ItemsView[str, str]):
    _mapping: StreamedTexts

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return self._mapping.pairs()


class _StreamedValues(ValuesView[str]):
    _mapping: StreamedTexts

    def __iter__(self) -> Iterator[str]:
        return (text for _, text in self._mapping.pairs())


def build_suite(
    docs: Mapping[str, str], texts: Mapping[str, str], judgements: Qrels, **card: Any
) -> Suite:
    """The suite of all judged queries that have a text, in the order of their judgements.

    ``texts`` are those of queries, judged or not; ``card`` has a suite's other fields.
    """
    queries = {query_id: texts[query_id] for query_id in judgements if query_id in texts}
    qrels = {query_id: judgements[query_id] for query_id in queries}
    print_ = fingerprint(docs, queries, qrels)
    return Suite(docs=docs, queries=queries, qrels=qrels, fingerprint=print_, **card)


def build_label_suite(
    definitions: Mapping[str, str], labelled: Mapping[str, tuple[str, str]], **card: Any
) -> Suite:
    """The suite whose documents are strategies, one of them relevant to each query.

    ``definitions`` has a sentence for each strategy; the document of ``Direct Guidance`` is
    ``direct-guidance``. ``labelled`` has text and strategy of each query by id.
    """
    ids = {name: name.lower().replace(" ", "-") for name in definitions}
    return build_suite(
        {ids[name]: f"{name}: {definition}" for name, definition in definitions.items()},
        {query_id: text for query_id, (text, _) in labelled.items()},
        {query_id: {ids[strategy]: 1} for query_id, (_, strategy) in labelled.items()},
        candidates=f"all {len(ids)} strategies",
        **card,
    )


def fingerprint(docs: Mapping[str, str], queries: Mapping[str, str], qrels: Qrels) -> str:
    """``sha256:`` and the hash of documents, queries and judgements in their order."""
    digest = hashlib.sha256(f"{len(docs)} {len(queries)}\x1d".encode())
    judgements = (
        (query_id, f"{doc_id}\x1f{grade}")
        for query_id, grades in qrels.items()
        for doc_id, grade in grades.items()
    )
    for key, text in chain(islice(docs.items(), HASHED_DOCS), queries.items(), judgements):
        digest.update(f"{key}\x1f{text}\x1e".encode())
    return f"sha256:{digest.hexdigest()}"


def doc_words_histogram(docs: Mapping[str, str]) -> dict[str, int]:
    """Documents by their number of words, in doublings.

    A key is the least number of words of a bin, which ends before the next power of two; ``"0"``
    is the bin of empty documents. The first ``COUNTED_DOCS`` are counted.
    """
    words = [len(text.split()) for text in islice(iter(docs.values()), COUNTED_DOCS)]
    bins = Counter(1 << (count.bit_length() - 1) if count else 0 for count in words)
    return {str(least): bins[least] for least in sorted(bins)}
