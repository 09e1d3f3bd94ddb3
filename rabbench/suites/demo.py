"""The built-in rationale data set: documents are found by reasoning, never by shared words.

Knows the place of its files, a folder in BEIR layout; reads nothing outside the package.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from rabbench.suites import _folder
from rabbench.types import Suite, unknown_name_error

FOLDER = Path(__file__).parent / "data" / "demo"

TRAIN = {"test": "train"}
"""The split to learn from for each split to be tested on."""


def datasets() -> list[str]:
    """The splits, by query; every document is relevant in both. The first is the default."""
    return ["test", "train"]


def load(name: str) -> Suite:
    """One split: all documents, the queries judged in this split, and their judgements.

    The fingerprint is the SHA-256 over the contents of the three files read. UsageError if there
    is no such split.
    """
    if name not in datasets():
        raise unknown_name_error("demo data set", name, datasets())
    paths = (FOLDER / "corpus.jsonl", FOLDER / "queries.jsonl", FOLDER / "qrels" / f"{name}.tsv")
    suite = _folder.load(FOLDER, name)
    return replace(
        suite,
        name=f"demo/{name}",
        docs=dict(suite.docs),
        fingerprint=hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest(),
        licence="CC0-1.0",
        source="built in",
    )
