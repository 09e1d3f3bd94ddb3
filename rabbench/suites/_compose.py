"""Suites named by their files: ``trec:DOCS,QUERIES,QRELS``, three files as TREC's tracks have them.

Knows three ways to write documents and queries, told apart by the file's first sign: TREC's tags
(``<DOC>``, ``<top>``), JSON lines, and ``id<tab>text``. A topic's query is its title. Documents
stay on disk; queries and judgements may be gzipped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from rabbench import trec
from rabbench.suites._fingerprint import fingerprint
from rabbench.suites._records import Format, Records, lines
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
    """Whether a suite's name is one of the forms read here."""
    return name.startswith(TREC)


def parse(name: str) -> TrecFiles:
    """The three files of a name.

    Raises:
        UsageError: if there are not three.
        BadInputError: if one of them is absent.
    """
    files = [Path(part.strip()).expanduser() for part in name.removeprefix(TREC).split(",")]
    if len(files) != 3:
        raise UsageError(f"--suite {name}: {len(files)} files; write {FORM}")
    for file in files:
        if not file.is_file():
            raise BadInputError(f"no file {file}; write {FORM}")
    return TrecFiles(*files)


@dataclass(frozen=True)
class TrecFiles:
    """Three files with the face of a suite's module; its data set is named by the judgements."""

    docs: Path
    queries: Path
    qrels: Path

    def datasets(self) -> list[str]:
        """The name of the file of judgements, without its endings."""
        return [self.qrels.name.split(".")[0]]

    def load(self, name: str) -> Suite:
        """The documents, the judged queries and their judgements.

        Raises:
            UsageError: for another name.
            BadInputError: for a broken record, or if nothing fits together.
        """
        if name not in self.datasets():
            raise unknown_name_error("data set of these files", name, self.datasets())
        if self.docs.suffix == ".gz":
            raise BadInputError(
                f"{self.docs} is compressed, and documents are looked up by their place; unpack it"
            )
        docs = Records(self.docs, _format(self.docs), FORM)
        judged = trec.read_qrels(self.qrels)
        texts = dict(_queries(self.queries))
        queries = {query_id: texts[query_id] for query_id in judged if query_id in texts}
        if not docs or not queries:
            lacking = f"{self.docs} has no documents"
            if docs:
                lacking = (
                    f"{self.queries} has none of the queries that {self.qrels} judges, such as "
                    f"{next(iter(judged))!r}; it has {', '.join(map(repr, list(texts)[:3]))}"
                )
            raise BadInputError(lacking)
        qrels = {query_id: judged[query_id] for query_id in queries}
        return Suite(
            name=name,
            docs=docs,
            queries=queries,
            qrels=qrels,
            fingerprint=fingerprint(docs, queries, qrels),
            licence="not stated: local files",
            source=f"local files {self.docs.name}, {self.queries.name}, {self.qrels.name}",
            split=name,
        )


def _format(path: Path) -> Format:
    with path.open("rb") as stream:
        start = stream.read(4096).lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    return {b"<": Format(_tagged, _document), b"{": Format(lines, _json)}.get(
        start, Format(lines, _tabbed)
    )


def _tagged(stream: BinaryIO) -> Iterator[tuple[int, int, bytes]]:
    """Everything from ``<DOC>`` to ``</DOC>``, each on a line of its own."""
    place, held, start = stream.tell(), b"", (0, 0)
    for number, raw in enumerate(stream, 1):
        if raw.strip().upper() == b"<DOC>":
            held, start = raw, (number, place)
        elif held:
            held += raw
            if raw.strip().upper() == b"</DOC>":
                yield *start, held
                held = b""
        place += len(raw)


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("latin-1")  # as TREC's older disks are written


def _document(raw: bytes, where: str) -> tuple[str, str]:
    text = _text(raw)
    found = _DOCNO.search(text)
    if found is None:
        raise BadInputError(f"{where}: a <DOC> without <DOCNO>")
    return found[1].strip(), " ".join(_TAG.sub(" ", _DOCNO.sub("", text)).split())


def _json(raw: bytes, where: str) -> tuple[str, str]:
    try:
        record: Any = json.loads(raw)
    except ValueError as error:
        raise BadInputError(f"{where}: not JSON ({error}); expected {RECORD}") from None
    names = record if isinstance(record, dict) else {}
    key = next((names[name] for name in IDS if isinstance(names.get(name), str)), None)
    text = next((names[name] for name in TEXTS if isinstance(names.get(name), str)), None)
    if key is None or text is None:
        raise BadInputError(f"{where}: expected {RECORD}")
    title = names.get("title")
    whole = f"{title} {text}" if isinstance(title, str) and title and text != title else text
    return key, whole


def _tabbed(raw: bytes, where: str) -> tuple[str, str]:
    key, tab, text = _text(raw).rstrip("\r\n").partition("\t")
    if not tab or not key.strip():
        raise BadInputError(f"{where}: {key[:60]!r}; expected 'id<tab>text'")
    return key.strip(), text.strip()


def _queries(path: Path) -> Iterator[tuple[str, str]]:
    """Ids and texts of a file of queries or topics."""
    found = list(trec.lines(path))
    if found and found[0][1].startswith("<"):
        whole = "\n".join(line for _, line in found)
        for topic in re.split(r"<top>", whole, flags=re.IGNORECASE)[1:]:
            number, title = _NUMBER.search(topic), _TITLE.search(topic)
            if number is None or title is None:
                raise BadInputError(f"{path}: a <top> without <num> and <title>: {topic[:60]!r}")
            yield number[1], " ".join(_TAG.sub(" ", title[1]).split())
        return
    parse_line = _json if found and found[0][1].startswith("{") else _tabbed
    for where, line in found:
        yield parse_line(line.encode(), where)
