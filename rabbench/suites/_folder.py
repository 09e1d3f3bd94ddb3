"""A folder in BEIR layout as a suite: ``corpus.jsonl``, ``queries.jsonl``, ``qrels/<split>.tsv``.

Given by its path, so it has no name in the registry. Knows the layout and refuses a broken line
with its file and number; the corpus stays on disk, only where each document starts is kept.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rabbench import trec
from rabbench.records import BadInputError, Suite, known
from rabbench.suites._fingerprint import fingerprint

HEADER = ("query-id", "corpus-id", "score")
RECORD = '{"_id": …, "text": …} and, where there is one, "title"'
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


class Records(Mapping[str, str]):
    """The texts of a JSON-lines file by id, read from the file when asked for.

    Raises:
        BadInputError: if the file is absent, or a line is broken or repeats an id.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._start: dict[str, int] = {}
        if not path.is_file():
            raise BadInputError(f"no {path}; a folder in BEIR layout has corpus.jsonl, "
                                "queries.jsonl and qrels/<split>.tsv")  # fmt: skip
        with path.open("rb") as stream:
            offset = 0
            for number, raw in enumerate(stream, 1):
                if raw.strip():
                    where = f"{path}:{number}"
                    key, _ = _parse(raw, where)
                    if self._start.setdefault(key, offset) != offset:
                        raise BadInputError(f"{where}: id {key!r} stands twice; ids are unique")
                offset += len(raw)

    def __getitem__(self, key: str) -> str:
        """The text of one record."""
        start = self._start[key]
        with self._path.open("rb") as stream:
            stream.seek(start)
            return _parse(stream.readline(), str(self._path))[1]

    def __iter__(self) -> Iterator[str]:
        return iter(self._start)

    def __len__(self) -> int:
        return len(self._start)


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
        raise BadInputError(
            f"{folder} has no qrels/<split>.tsv; a folder in BEIR layout has corpus.jsonl, "
            "queries.jsonl and qrels/<split>.tsv"
        )
    return sorted(found, key=lambda split: (split != "test", split))


def load(folder: Path, split: str) -> Suite:
    """Load one split.

    Raises:
        UsageError: for an unknown split.
        BadInputError: for a missing file, a broken line, or a data set that is empty.
    """
    if split not in datasets(folder):
        raise known(f"split of {folder}", split, datasets(folder))
    docs = Records(folder / "corpus.jsonl")
    texts = Records(folder / "queries.jsonl")
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
    )
