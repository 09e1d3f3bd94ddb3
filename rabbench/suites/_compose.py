"""Suites named by their files: ``trec:DOCS,QUERIES,QRELS``, in the formats of TREC's tracks.

Knows three formats of documents and queries, recognised by a file's first character: TREC's tags
(``<DOC>``, ``<top>``), JSON lines, and ``id<tab>text``. A topic's query is its title. Documents
stay on disk; queries and judgements may be gzipped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from rabbench import trec
from rabbench.suites._collection import build_suite
from rabbench.suites._records import Format, Records, cut_lines, parse_object
from rabbench.types import BadInputError, Suite, UsageError, unknown_name_error

TREC = "trec:"
FORM = "trec:DOCS,QUERIES,QRELS"
IDS = ("_id", "id", "docno", "doc_id", "query_id", "qid")
TEXTS = ("text", "contents", "query", "title")
RECORD = f"one of {', '.join(IDS)} and of {', '.join(TEXTS)}, strings"
_NUMBER = re.compile(r"<num>\s*(?:Number:)?\s*([^\s<]+)", re.IGNORECASE)
_TITLE = re.compile(r"<title>\s*(?:Topic:)?(.*?)(?=<(?!/title)|$)", re.IGNORECASE | re.DOTALL)
_DOCNO = re.compile(r"<DOCNO>(.*?)</DOCNO>", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^>]*>")


def is_composed(name: str) -> bool:
    """True for a name of three files."""
    return name.startswith(TREC)


def parse(name: str) -> TrecFiles:
    """The three files of a name; UsageError if not three, BadInputError if one is absent."""
    files = [Path(part.strip()).expanduser() for part in name.removeprefix(TREC).split(",")]
    if len(files) != 3:
        raise UsageError(f"--suite {name}: {len(files)} files; write {FORM}")
    for file in files:
        if not file.is_file():
            raise BadInputError(f"no file {file}; write {FORM}")
    return TrecFiles(*files)


@dataclass(frozen=True)
class TrecFiles:
    """Three files with the interface of a suite's module; the qrels file names the data set."""

    docs: Path
    queries: Path
    qrels: Path

    def datasets(self) -> list[str]:
        """The name of the qrels file, without its endings."""
        return [self.qrels.name.split(".")[0]]

    def load(self, name: str) -> Suite:
        """The documents, the judged queries and their judgements; UsageError for another name.

        BadInputError for a broken record, or if no documents or judged queries are there.
        """
        if name not in self.datasets():
            raise unknown_name_error("data set of these files", name, self.datasets())
        if self.docs.suffix == ".gz":
            raise BadInputError(
                f"{self.docs} is compressed, and documents are looked up by their place; unpack it"
            )
        judgements, texts = trec.read_qrels(self.qrels), dict(_queries(self.queries))
        suite = build_suite(
            Records(self.docs, _format(self.docs), FORM),
            texts,
            judgements,
            name=name,
            licence="not stated: local files",
            source=f"local files {self.docs.name}, {self.queries.name}, {self.qrels.name}",
            split=name,
        )
        if not suite.docs:
            raise BadInputError(f"{self.docs} has no documents")
        if not suite.queries:
            raise BadInputError(
                f"{self.queries} has none of the queries that {self.qrels} judges, such as "
                f"{next(iter(judgements))!r}; it has {', '.join(map(repr, list(texts)[:3]))}"
            )
        return suite


def _format(path: Path) -> Format:
    with path.open("rb") as stream:
        first = stream.read(4096).lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if first == b"<":
        return Format(_cut_documents, _parse_document)
    return Format(cut_lines, _parse_json if first == b"{" else _parse_tabbed)


def _cut_documents(stream: BinaryIO) -> Iterator[tuple[int, int, bytes]]:
    """Everything from ``<DOC>`` to ``</DOC>``, each on a line of its own."""
    offset, record, start = stream.tell(), b"", (0, 0)
    for number, raw in enumerate(stream, 1):
        if raw.strip().upper() == b"<DOC>":
            record, start = raw, (number, offset)
        elif record:
            record += raw
            if raw.strip().upper() == b"</DOC>":
                yield *start, record
                record = b""
        offset += len(raw)


def _decode(raw: bytes) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("latin-1")  # as TREC's older disks are written


def _parse_document(raw: bytes, where: str) -> tuple[str, str]:
    text = _decode(raw)
    doc_id = _DOCNO.search(text)
    if doc_id is None:
        raise BadInputError(f"{where}: a <DOC> without <DOCNO>")
    return doc_id[1].strip(), " ".join(_TAG.sub(" ", _DOCNO.sub("", text)).split())


def _parse_json(raw: bytes, where: str) -> tuple[str, str]:
    record = parse_object(raw, where, RECORD)
    key = next((record[name] for name in IDS if isinstance(record.get(name), str)), None)
    text = next((record[name] for name in TEXTS if isinstance(record.get(name), str)), None)
    if key is None or text is None:
        raise BadInputError(f"{where}: expected {RECORD}")
    title = record.get("title")
    has_title = isinstance(title, str) and title and text != title
    return key, f"{title} {text}" if has_title else text


def _parse_tabbed(raw: bytes, where: str) -> tuple[str, str]:
    key, tab, text = _decode(raw).rstrip("\r\n").partition("\t")
    if not tab or not key.strip():
        raise BadInputError(f"{where}: {key[:60]!r}; expected 'id<tab>text'")
    return key.strip(), text.strip()


def _queries(path: Path) -> Iterator[tuple[str, str]]:
    """Ids and texts of a file of queries or topics."""
    lines = list(trec.read_lines(path))
    first = lines[0][1][:1] if lines else ""
    if first != "<":
        parse = _parse_json if first == "{" else _parse_tabbed
        yield from (parse(line.encode(), where) for where, line in lines)
        return
    topics = re.split(r"<top>", "\n".join(line for _, line in lines), flags=re.IGNORECASE)[1:]
    for topic in topics:
        number, title = _NUMBER.search(topic), _TITLE.search(topic)
        if number is None or title is None:
            raise BadInputError(f"{path}: a <top> without <num> and <title>: {topic[:60]!r}")
        yield number[1], " ".join(_TAG.sub(" ", title[1]).split())
