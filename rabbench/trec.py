"""Reads and writes TREC runs (``qid Q0 docid rank score tag``) and qrels (``qid 0 docid grade``).

Knows the formats and gzip; knows no metric. Blank lines and tags with spaces are read; a line that
breaks the format is refused with its file and number.
"""

from __future__ import annotations

import gzip
import math
from collections.abc import Iterator, Mapping
from pathlib import Path

from rabbench.results import write_file
from rabbench.types import BadInputError, Qrels, Run, rank

RUN_FORMAT = "'qid Q0 docid rank score tag'"
QRELS_FORMAT = "'qid 0 docid grade', the grade a whole number"


def read_lines(path: Path) -> Iterator[tuple[str, str]]:
    """The lines of a text file that are not blank, each after its place ``file:number``.

    A name that ends in ``.gz`` is read through gzip.

    Raises:
        BadInputError: if the file is absent, not gzip though named so, or not UTF-8.
    """
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as stream:
            for number, raw in enumerate(stream, 1):
                if line := raw.decode("utf-8-sig" if number == 1 else "utf-8").strip():
                    yield f"{path}:{number}", line
    except FileNotFoundError:
        raise BadInputError(f"no file {path}") from None
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise BadInputError(f"{path} cannot be read: {error}") from None


def read_run(path: Path | str) -> Run:
    """Read a run; the order is by score, as in trec_eval, whatever the rank column says.

    Raises:
        BadInputError: for a broken line, a score that is not a number, a document listed twice
            for a query, or a file without any line.
    """
    run: Run = {}
    for where, line in read_lines(Path(path)):
        fields = line.split(maxsplit=5)
        if len(fields) < 6:
            raise BadInputError(
                f"{where}: {len(fields)} fields in {line[:80]!r}; expected {RUN_FORMAT}"
            )
        query_id, _, doc_id, _, text, _ = fields
        try:
            score = float(text)
        except ValueError:
            score = math.nan
        if math.isnan(score):
            raise BadInputError(f"{where}: score {text!r} is not a number; expected {RUN_FORMAT}")
        scores = run.setdefault(query_id, {})
        if doc_id in scores:
            raise BadInputError(
                f"{where}: document {doc_id!r} is listed twice for query {query_id!r}; "
                "a run names each document once"
            )
        scores[doc_id] = score
    if not run:
        raise BadInputError(f"{path} is empty; expected lines of {RUN_FORMAT}")
    return run


def read_qrels(path: Path | str) -> dict[str, dict[str, int]]:
    """Read judgements; grades below 0 remain; BadInputError as :func:`parse_qrels`, or if empty."""
    qrels = parse_qrels(Path(path), columns=4, expected=QRELS_FORMAT)
    if not qrels:
        raise BadInputError(f"{path} is empty; expected lines of {QRELS_FORMAT}")
    return qrels


def parse_qrels(
    path: Path, *, columns: int, expected: str, separator: str | None = None, header: str = ""
) -> dict[str, dict[str, int]]:
    """Judgements of a file whose lines begin with the query and end with document and grade.

    A line has ``columns`` fields with ``separator`` between them (None: any white space), in the
    format that messages call ``expected``. A first line equal to ``header`` is skipped.

    Raises:
        BadInputError: for a broken line, two different grades of one document, or a grade that is
            not a whole number (trec_eval would cut 1.5 to 1 without a word).
    """
    qrels: dict[str, dict[str, int]] = {}
    for number, (where, line) in enumerate(read_lines(path)):
        if number == 0 and line == header:
            continue
        fields = line.split(separator)
        if len(fields) != columns:
            raise BadInputError(
                f"{where}: {len(fields)} fields in {line[:80]!r}; expected {expected}"
            )
        query_id, doc_id, text = fields[0], *fields[-2:]
        try:
            grade = int(text)
        except ValueError:
            raise BadInputError(
                f"{where}: grade {text!r} is not whole; expected {expected}"
            ) from None
        grades = qrels.setdefault(query_id, {})
        if grades.setdefault(doc_id, grade) != grade:
            raise BadInputError(
                f"{where}: document {doc_id!r} has grade {grade} for query {query_id!r} and had "
                f"{grades[doc_id]} before; keep one"
            )
    return qrels


def write_run(path: Path | str, run: Mapping[str, Mapping[str, float]], tag: str) -> Path:
    """Write a run whole or not at all, gzipped where the name ends in ``.gz``.

    In the order of :func:`rabbench.types.rank`. Scores are written in full; trec_eval itself
    compares them in single precision. The same run gives the same bytes. BadInputError if an id
    or the tag is empty or has a space in it.
    """
    _check_field("tag", tag)
    lines: list[str] = []
    for query_id, scores in run.items():
        _check_field("query id", query_id)
        for position, (doc_id, score) in enumerate(rank(scores), 1):
            _check_field("document id", doc_id)
            lines.append(f"{query_id} Q0 {doc_id} {position} {float(score)!r} {tag}\n")
    return _write(Path(path), lines)


def write_qrels(path: Path | str, qrels: Qrels) -> Path:
    """Write judgements as :func:`write_run` writes a run; BadInputError for the same ids."""
    lines: list[str] = []
    for query_id, grades in qrels.items():
        _check_field("query id", query_id)
        for doc_id, grade in grades.items():
            _check_field("document id", doc_id)
            lines.append(f"{query_id} 0 {doc_id} {grade}\n")
    return _write(Path(path), lines)


def _check_field(kind: str, text: str) -> None:
    if not text or text.split() != [text]:
        raise BadInputError(
            f"{kind} {text!r} cannot stand in a TREC file, whose fields are parted by spaces; "
            "rename it without spaces"
        )


def _write(path: Path, lines: list[str]) -> Path:
    data = "".join(lines).encode("utf-8")
    write_file(path, gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
    return path
