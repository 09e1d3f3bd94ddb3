"""The built-in rationale data set: documents are found by reasoning, never by shared words.

Knows where the shipped files lie and how their three kinds of lines read (BEIR's layout). Knows
no other suite, no system and no measure, and reads nothing outside the package.
"""

from __future__ import annotations

import csv
import hashlib
import json
from importlib.resources import files

from rabbench.types import Suite, unknown_name_error

TRAIN = {"test": "train"}
"""What is learnt from where a data set is to be trained for."""

_FILES = ("corpus.jsonl", "queries.jsonl", "qrels/{name}.tsv")


def datasets() -> list[str]:
    """The splits, by query; every document is relevant in both. The first is the default."""
    return ["test", "train"]


def load(name: str) -> Suite:
    """One split: all documents, the queries judged in this split, and their judgements.

    The fingerprint is the SHA-256 over the contents of the three files read.

    Raises:
        UsageError: if there is no such split.
    """
    if name not in datasets():
        raise unknown_name_error("demo data set", name, datasets())
    folder = files("rabbench.suites") / "data" / "demo"
    contents = [folder.joinpath(*path.format(name=name).split("/")).read_bytes() for path in _FILES]
    corpus, queries, judgements = (content.decode() for content in contents)

    qrels: dict[str, dict[str, int]] = {}
    for row in csv.DictReader(judgements.splitlines(), delimiter="\t"):
        qrels.setdefault(row["query-id"], {})[row["corpus-id"]] = int(row["score"])
    return Suite(
        name=f"demo/{name}",
        docs=_texts(corpus),
        queries={id_: text for id_, text in _texts(queries).items() if id_ in qrels},
        qrels=qrels,
        fingerprint=hashlib.sha256(b"".join(contents)).hexdigest(),
        licence="CC0-1.0",
        source="built in",
        split=name,
    )


def _texts(lines: str) -> dict[str, str]:
    """``{id: text}`` of a JSON-lines file; titles are empty in this collection."""
    records = map(json.loads, lines.split("\n")[:-1])  # not splitlines(), which cuts at U+2028
    return {record["_id"]: record["text"] for record in records}
