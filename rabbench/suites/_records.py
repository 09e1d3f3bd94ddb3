"""The texts of a file by id, read from the file when asked for: 16 bytes a record in memory.

Knows where each record starts, under a hash of its id. The format that cuts a file into records
and reads one is given by the caller.
"""

from __future__ import annotations

import hashlib
import json
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from rabbench.suites._collection import StreamedTexts
from rabbench.types import BadInputError


class Format(NamedTuple):
    """A file's cut into records and the reading of a record.

    ``cut`` yields the line number, byte offset and bytes of each record; ``parse`` takes the bytes
    and the place for a message, and returns id and text.
    """

    cut: Callable[[BinaryIO], Iterator[tuple[int, int, bytes]]]
    parse: Callable[[bytes, str], tuple[str, str]]


def cut_lines(stream: BinaryIO) -> Iterator[tuple[int, int, bytes]]:
    """One record a line, without blank lines."""
    offset = stream.tell()
    for number, raw in enumerate(stream, 1):
        if raw.strip():
            yield number, offset, raw
        offset += len(raw)


def parse_object(raw: bytes, where: str, expected: str) -> dict[str, Any]:
    """A record's JSON object, empty for JSON of another type; BadInputError if it is not JSON."""
    try:
        record = json.loads(raw)
    except ValueError as error:  # JSON's and UTF-8's errors
        raise BadInputError(f"{where}: not JSON ({error}); expected {expected}") from None
    return record if isinstance(record, dict) else {}


class Records(StreamedTexts):
    """The texts of a file that is not compressed; ``expected`` describes it where it is absent.

    BadInputError if the file is absent, or a record is broken or repeats an id.
    """

    def __init__(self, path: Path, form: Format, expected: str) -> None:
        self._path = path
        self._format = form
        if not path.is_file():
            raise BadInputError(f"no {path}; {expected}")
        hashes, offsets = array("Q"), array("Q")
        for _, offset, key, _ in self._scan():
            hashes.append(_hash(key))
            offsets.append(offset)
        unsorted = np.array(hashes, dtype=np.uint64)
        order = np.argsort(unsorted, kind="stable")
        self._hashes, self._offsets = unsorted[order], np.array(offsets, dtype=np.uint64)[order]
        if repeated := set(self._hashes[1:][self._hashes[1:] == self._hashes[:-1]].tolist()):
            self._refuse_repeated(repeated)

    def _scan(self) -> Iterator[tuple[int, int, str, str]]:
        """Line number, offset, id and text of each record, streamed."""
        with self._path.open("rb") as stream:
            for number, offset, raw in self._format.cut(stream):
                yield number, offset, *self._format.parse(raw, f"{self._path}:{number}")

    def _refuse_repeated(self, hashes: set[int]) -> None:
        """Refuse an id that stands twice; different ids may share one of these hashes."""
        ids: set[str] = set()
        for number, _, key, _ in self._scan():
            if key in ids:
                raise BadInputError(
                    f"{self._path}:{number}: id {key!r} stands twice; ids are unique"
                )
            if _hash(key) in hashes:
                ids.add(key)

    def __getitem__(self, key: str) -> str:
        """The text of one record."""
        target = np.uint64(_hash(key))
        first, last = (np.searchsorted(self._hashes, target, side) for side in ("left", "right"))
        for offset in self._offsets[first:last].tolist():
            with self._path.open("rb") as stream:
                stream.seek(offset)
                _, _, raw = next(self._format.cut(stream))
            record_id, text = self._format.parse(raw, str(self._path))
            if record_id == key:
                return text
        raise KeyError(key)

    def __len__(self) -> int:
        return len(self._hashes)

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Ids and texts in one pass over the file."""
        return ((key, text) for _, _, key, text in self._scan())


def _hash(key: str) -> int:
    digest = hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little")
