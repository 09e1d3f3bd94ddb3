"""A cache of rows of numbers on disk, written block by block: a killed run loses one at most.

Knows keys (a hash of the texts that a row depends on) and files; the folder's name must say all
else that a row depends on. A file holds one block: keys, values, the seconds they took and the
scorer's counts, so that a resumed run reports the same. Blocks depend on the texts alone, never on
the cache: the same rows are computed together, and come out the same to the last digit.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rabbench.results import write_file
from rabbench.types import Progress, no_progress

Rows = np.ndarray[Any, Any]
"""Scores (n,) or vectors (n, d)."""

KEY_BYTES = 16
BLOCK_ROWS = 256  # at most so many rows in a file
BLOCK_WORDS = 16_384  # or so many words read: under a minute with SmolLM2-135M on two CPU cores

log = logging.getLogger(__name__)


def text_key(*texts: str) -> bytes:
    """The hash of some texts, in order."""
    digest = hashlib.blake2b(digest_size=KEY_BYTES)
    for text in texts:
        data = text.encode()
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.digest()


def blocks(sizes: Iterable[tuple[int, int]]) -> Iterator[range]:
    """Rows of texts in their order, cut into blocks under both limits, or of one text's rows.

    ``sizes`` are rows and words of each text.
    """
    start = end = words = 0
    for more_rows, more_words in sizes:
        full = end + more_rows - start > BLOCK_ROWS or words + more_words > BLOCK_WORDS
        if end > start and full:
            yield range(start, end)
            start, words = end, 0
        end, words = end + more_rows, words + more_words
    if end > start:
        yield range(start, end)


class ScoreCache:
    """The rows of one folder.

    Args:
        folder: None computes all rows and writes none.
        counters: the scorer's running counts, by name; others than whole numbers are ignored.
    """

    def __init__(
        self, folder: Path | None = None, counters: Callable[[], Mapping[str, Any]] = dict
    ) -> None:
        self.folder = folder
        self._counters = counters
        self.seconds = 0.0
        """Time that the rows read from disk once took to compute."""
        self.counts: Counter[str] = Counter()
        """Counts of that time."""

    def rows(
        self,
        keys: Sequence[bytes],
        groups: Sequence[Sequence[int]],
        compute: Callable[[Sequence[int], Progress], Rows],
        *,
        unit: str = "rows",
        progress: Progress = no_progress,
    ) -> Rows:
        """The row of each of N keys (N, …); those not on disk are computed and written by groups.

        ``groups`` are the places 0 … N-1, cut into batches that are computed together; ``compute``
        gives rows of some places, (n, …), and reports its own steps to a progress. ``progress``
        counts rows by the noun ``unit``, within a group and after it.
        """
        cached_rows = self._read(set(keys))
        position = 0
        for group in groups:
            missing = [place for place in group if keys[place] not in cached_rows]
            if missing:

                def within(
                    _: str, step: int, steps: int, start: int = position, count: int = len(missing)
                ) -> None:
                    progress(unit, start + count * step // max(steps, 1), len(keys))

                before, start_s = _whole_numbers(self._counters()), time.perf_counter()
                values = compute(missing, within)
                seconds = time.perf_counter() - start_s
                counts = _whole_numbers(self._counters()) - before
                new_keys = [keys[place] for place in missing]
                self._write(new_keys, values, seconds, counts)
                cached_rows.update(zip(new_keys, values, strict=True))
            position += len(group)
            progress(unit, position, len(keys))
        return np.stack([cached_rows[row_key] for row_key in keys])

    def _read(self, keys: set[bytes]) -> dict[bytes, Rows]:
        """The rows of these keys on disk; seconds and counts of their files are added up."""
        cached_rows: dict[bytes, Rows] = {}
        paths = sorted(self.folder.glob("*.npz")) if self.folder is not None else []
        for path in paths:
            try:
                with path.open("rb") as stream, np.load(stream) as file:
                    rows = dict(zip(map(bytes, file["keys"]), file["values"], strict=True))
                    seconds = float(file["seconds"])
                    counts = json.loads(bytes(file["counts"]))
            except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
                log.warning("%s cannot be read (%s); its rows are computed again", path, error)
                continue
            if not keys.isdisjoint(rows):
                cached_rows |= {row_key: rows[row_key] for row_key in keys & rows.keys()}
                self.seconds += seconds
                self.counts.update(counts)
        return cached_rows

    def _write(
        self, keys: Sequence[bytes], values: Rows, seconds: float, counts: Mapping[str, int]
    ) -> None:
        """One file, whole or not at all."""
        if self.folder is None:
            return
        key_bytes = np.frombuffer(b"".join(keys), dtype=np.uint8).reshape(len(keys), KEY_BYTES)
        path = self.folder / f"{text_key(key_bytes.tobytes().hex()).hex()}.npz"
        counts_json = np.frombuffer(json.dumps(dict(counts)).encode(), dtype=np.uint8)
        stream = io.BytesIO()
        np.savez(stream, keys=key_bytes, values=values, seconds=seconds, counts=counts_json)
        write_file(path, stream.getvalue())


def _whole_numbers(counters: Mapping[str, Any]) -> Counter[str]:
    return Counter({name: value for name, value in counters.items() if type(value) is int})


def text_vectors(
    cache: ScoreCache,
    encode: Callable[[Sequence[str], Progress], Rows],
    texts: Sequence[str],
    *,
    progress: Progress,
) -> Rows:
    """The vector of each text (N, d), short texts first; ``encode`` gives those of n, (n, d)."""
    words = [len(text.split()) for text in texts]
    order = sorted(range(len(texts)), key=lambda i: (words[i], texts[i]))
    groups = [[order[i] for i in block] for block in blocks((1, words[i]) for i in order)]

    def compute(places: Sequence[int], within: Progress) -> Rows:
        return encode([texts[place] for place in places], within)

    keys = [text_key(text) for text in texts]
    return cache.rows(keys, groups, compute, unit="documents", progress=progress)
