"""The texts of a file by id, read from the file when asked for: 16 bytes a record in memory.

Knows how a file is cut into records and how one is read through a format that it is given; keeps
where each record starts, under a hash of its id, and streams the file for anything in order.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Callable, ItemsView, Iterator, Mapping, ValuesView
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from rabbench.types import BadInputError


class Format(NamedTuple):
    """How a file is read.

    ``cut`` yields the number of the line where each record starts, its place, and its bytes;
    ``parse`` gives id and text of one, told where it stands.
    """

    cut: Callable[[BinaryIO], Iterator[tuple[int, int, bytes]]]
    parse: Callable[[bytes, str], tuple[str, str]]


def lines(stream: BinaryIO) -> Iterator[tuple[int, int, bytes]]:
    """A record a line; blank lines are none."""
    place = stream.tell()
    for number, raw in enumerate(stream, 1):
        if raw.strip():
            yield number, place, raw
        place += len(raw)


class Records(Mapping[str, str]):
    """The texts of a file.

    Args:
        path: of the file, not compressed.
        form: its format.
        expected: what belongs there, for the message if it is absent.

    Raises:
        BadInputError: if the file is absent, or a record is broken or repeats an id.
    """

    def __init__(self, path: Path, form: Format, expected: str) -> None:
        self._path = path
        self._format = form
        if not path.is_file():
            raise BadInputError(f"no {path}; {expected}")
        hashes, places = array("Q"), array("Q")
        for _, place, key, _ in self._all():
            hashes.append(_hash(key))
            places.append(place)
        found = np.array(hashes, dtype=np.uint64)
        order = np.argsort(found, kind="stable")
        self._hashes, self._places = found[order], np.array(places, dtype=np.uint64)[order]
        if len(found) and (self._hashes[1:] == self._hashes[:-1]).any():
            self._refuse_repeated()

    def _all(self) -> Iterator[tuple[int, int, str, str]]:
        """Line, place, id and text of each record, streamed."""
        with self._path.open("rb") as stream:
            for number, place, raw in self._format.cut(stream):
                yield number, place, *self._format.parse(raw, f"{self._path}:{number}")

    def _refuse_repeated(self) -> None:
        seen: set[str] = set()
        doubtful = set(self._hashes[1:][self._hashes[1:] == self._hashes[:-1]].tolist())
        for number, _, key, _ in self._all():
            if key in seen:
                raise BadInputError(
                    f"{self._path}:{number}: id {key!r} stands twice; ids are unique"
                )
            if _hash(key) in doubtful:
                seen.add(key)

    def __getitem__(self, key: str) -> str:
        """The text of one record."""
        wanted = np.uint64(_hash(key))
        first = int(np.searchsorted(self._hashes, wanted, side="left"))
        last = int(np.searchsorted(self._hashes, wanted, side="right"))
        for place in self._places[first:last].tolist():
            with self._path.open("rb") as stream:
                stream.seek(place)
                _, _, raw = next(self._format.cut(stream))
            found, text = self._format.parse(raw, str(self._path))
            if found == key:
                return text
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return (key for _, _, key, _ in self._all())

    def __len__(self) -> int:
        return len(self._hashes)

    def items(self) -> ItemsView[str, str]:
        """Ids and texts, streamed in the file's order."""
        return _Items(self)

    def values(self) -> ValuesView[str]:
        """The texts, streamed in the file's order."""
        return _Values(self)

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Ids and texts in one pass over the file."""
        return ((key, text) for _, _, key, text in self._all())


class _Items(ItemsView[str, str]):
    def __init__(self, records: Records) -> None:
        super().__init__(records)
        self._records = records

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return self._records.pairs()


class _Values(ValuesView[str]):
    def __init__(self, records: Records) -> None:
        super().__init__(records)
        self._records = records

    def __iter__(self) -> Iterator[str]:
        return (text for _, text in self._records.pairs())


def _hash(key: str) -> int:
    digest = hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little")
