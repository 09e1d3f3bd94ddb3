"""A folder in BEIR layout as a suite: ``corpus.jsonl``, ``queries.jsonl``, ``qrels/<split>.tsv``.

Given by its path, so it has no name in the registry. Knows the layout and refuses a broken line
with its file and number; the corpus stays on disk.
"""

from __future__ import annotations

from pathlib import Path

from rabbench import trec
from rabbench.suites._collection import build_suite
from rabbench.suites._records import Format, Records, cut_lines, parse_object
from rabbench.types import BadInputError, Suite, unknown_name_error

HEADER = "query-id\tcorpus-id\tscore"
RECORD = '{"_id": …, "text": …} and, where there is one, "title"'
EXPECTED = "a folder in BEIR layout has corpus.jsonl, queries.jsonl and qrels/<split>.tsv"
JUDGEMENT = "'query-id<tab>corpus-id<tab>score', the score a whole number"


def _parse(raw: bytes, where: str) -> tuple[str, str]:
    """The id of a record, and its text after its title, as ir_datasets joins them."""
    record = parse_object(raw, where, RECORD)
    if not all(isinstance(record.get(key), str) for key in ("_id", "text")):
        raise BadInputError(f"{where}: expected {RECORD}, both strings")
    text: str = record["text"]
    return record["_id"], f"{record['title']} {text}" if record.get("title") else text


BEIR = Format(cut_lines, _parse)


def datasets(folder: Path) -> list[str]:
    """The splits that have judgements, ``test`` first; BadInputError if there are none."""
    splits = [path.stem for path in (folder / "qrels").glob("*.tsv")]
    if not splits:
        raise BadInputError(f"{folder} has no qrels/<split>.tsv; {EXPECTED}")
    return sorted(splits, key=lambda split: (split != "test", split))


def load(folder: Path, split: str) -> Suite:
    """Load one split; UsageError for an unknown one.

    BadInputError for a missing file, a broken line, or a data set that is empty.
    """
    if split not in datasets(folder):
        raise unknown_name_error(f"split of {folder}", split, datasets(folder))
    docs = Records(folder / "corpus.jsonl", BEIR, EXPECTED)
    texts = Records(folder / "queries.jsonl", BEIR, EXPECTED)
    qrels = folder / "qrels" / f"{split}.tsv"
    judgements = trec.parse_qrels(
        qrels, columns=3, separator="\t", header=HEADER, expected=JUDGEMENT
    )
    name = folder.resolve().name
    suite = build_suite(
        docs,
        {query_id: text for query_id, text in texts.items() if query_id in judgements},
        judgements,
        name=f"{name}/{split}",
        licence="not stated: a local folder",
        source=f"local folder {name}",
        split=split,
    )
    if not suite.docs or not suite.queries:
        lacking = "queries with judgements" if suite.docs else "documents"
        raise BadInputError(f"{folder} is empty: split {split!r} has no {lacking}")
    return suite
