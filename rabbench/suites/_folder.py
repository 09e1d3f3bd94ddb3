"""A folder in BEIR layout as a suite: ``corpus.jsonl``, ``queries.jsonl``, ``qrels/<split>.tsv``.

Given by its path, so it has no name in the registry. Knows the layout and refuses a broken line
with its file and number; the corpus stays on disk.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rabbench import trec
from rabbench.suites._fingerprint import fingerprint
from rabbench.suites._records import Format, Records, lines
from rabbench.types import BadInputError, Suite, unknown_name_error

HEADER = ("query-id", "corpus-id", "score")
RECORD = '{"_id": …, "text": …} and, where there is one, "title"'
EXPECTED = "a folder in BEIR layout has corpus.jsonl, queries.jsonl and qrels/<split>.tsv"
JUDGEMENT = "'query-id<tab>corpus-id<tab>score', the score a whole number"


def _parse(raw: bytes, where: str) -> tuple[str, str]:
    """The id of one record, and its text after its title, as ir_datasets gives it.

    Raises:
        BadInputError: if the line is not such a record.
    """
    try:
        record: Any = json.loads(raw)
    except ValueError as error:  # JSON's and UTF-8's errors
        raise BadInputError(f"{where}: not JSON ({error}); expected {RECORD}") from None
    if not isinstance(record, dict) or not all(
        isinstance(record.get(key), str) for key in ("_id", "text")
    ):
        raise BadInputError(f"{where}: expected {RECORD}, both strings")
    text: str = record["text"]
    return record["_id"], f"{record['title']} {text}" if record.get("title") else text


BEIR = Format(lines, _parse)


def _judgements(path: Path) -> dict[str, dict[str, int]]:
    qrels: dict[str, dict[str, int]] = {}
    for number, (where, line) in enumerate(trec.lines(path)):
        fields = line.split("\t")
        if number == 0 and tuple(fields) == HEADER:
            continue
        if len(fields) != 3:
            raise BadInputError(
                f"{where}: {len(fields)} fields in {line[:80]!r}; expected {JUDGEMENT}"
            )
        trec.judge(qrels, fields[0], fields[1], trec.whole(fields[2], where, JUDGEMENT), where)
    return qrels


def datasets(folder: Path) -> list[str]:
    """The splits that have judgements, ``test`` first.

    Raises:
        BadInputError: if there are none.
    """
    found = sorted(path.stem for path in (folder / "qrels").glob("*.tsv"))
    if not found:
        raise BadInputError(f"{folder} has no qrels/<split>.tsv; {EXPECTED}")
    return sorted(found, key=lambda split: (split != "test", split))


def load(folder: Path, split: str) -> Suite:
    """Load one split.

    Raises:
        UsageError: for an unknown split.
        BadInputError: for a missing file, a broken line, or a data set that is empty.
    """
    if split not in datasets(folder):
        raise unknown_name_error(f"split of {folder}", split, datasets(folder))
    docs = Records(folder / "corpus.jsonl", BEIR, EXPECTED)
    texts = Records(folder / "queries.jsonl", BEIR, EXPECTED)
    judged = _judgements(folder / "qrels" / f"{split}.tsv")
    queries = {query_id: texts[query_id] for query_id in judged if query_id in texts}
    if not docs or not queries:
        lacking = "documents" if not docs else "queries with judgements"
        raise BadInputError(f"{folder} is empty: split {split!r} has no {lacking}")
    qrels = {query_id: judged[query_id] for query_id in queries}
    return Suite(
        name=f"{folder.resolve().name}/{split}",
        docs=docs,
        queries=queries,
        qrels=qrels,
        fingerprint=fingerprint(docs, queries, qrels),
        licence="not stated: a local folder",
        source=f"local folder {folder.resolve().name}",
        split=split,
    )
