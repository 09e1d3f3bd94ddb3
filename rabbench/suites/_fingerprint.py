"""The content hash of a test collection, so that two results can be told to be on the same data."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from itertools import islice

from rabbench.types import Qrels

WHOLE = 100_000
"""Up to this many documents all are hashed; of a larger collection the count and the first ones."""


def _feed(digest: hashlib._Hash, pairs: Iterable[tuple[str, str]]) -> None:
    for key, text in pairs:
        digest.update(f"{key}\x1f{text}\x1e".encode())


def fingerprint(docs: Mapping[str, str], queries: Mapping[str, str], qrels: Qrels) -> str:
    """``sha256:`` and the hash of documents, queries and judgements, in the order given."""
    digest = hashlib.sha256(f"{len(docs)} {len(queries)}\x1d".encode())
    _feed(digest, islice(docs.items(), WHOLE))
    _feed(digest, queries.items())
    for query_id, grades in qrels.items():
        _feed(digest, ((query_id, f"{doc_id}\x1f{grade}") for doc_id, grade in grades.items()))
    return f"sha256:{digest.hexdigest()}"
