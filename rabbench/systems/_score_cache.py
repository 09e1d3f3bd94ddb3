"""Rows of numbers kept on disk as they are computed, so that a killed run loses at most a block.

Knows keys (a hash of the texts that a row depends on) and files; what else a row depends on, the
folder's name must say. A file holds one block: keys, values, the seconds they took and what the
scorer counted meanwhile, so that a resumed run reports what an undisturbed one would. Blocks are
fixed by the texts alone, never by what is already there: the same rows are computed together in
either case, and come out the same to the last digit.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rabbench.types import Progress, Run

Array = np.ndarray[Any, Any]

KEY_BYTES = 16
BLOCK_ROWS = 256  # at most so many rows in a file
BLOCK_WORDS = 16_384  # or so many words read: under a minute with SmolLM2-135M on two CPU cores

log = logging.getLogger(__name__)


def key(*texts: str) -> bytes:
    """The hash of some texts, in order."""
    digest = hashlib.blake2b(digest_size=KEY_BYTES)
    for text in texts:
        data = text.encode()
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.digest()


def blocks(sizes: Sequence[tuple[int, int]]) -> Iterator[list[int]]:
    """Places in a list cut into blocks that stay under both limits, or hold one place.

    Args:
        sizes: rows and words of each place.
    """
    block: list[int] = []
    rows = words = 0
    for place, (more_rows, more_words) in enumerate(sizes):
        full = rows + more_rows > BLOCK_ROWS or words + more_words > BLOCK_WORDS
        if block and full:
            yield block
            block, rows, words = [], 0, 0
        block.append(place)
        rows, words = rows + more_rows, words + more_words
    if block:
        yield block


class Kept:
    """The rows of one folder.

    Args:
        folder: None computes all and keeps nothing.
        counters: the scorer's running counts, by name; others than whole numbers are ignored.
    """

    def __init__(self, folder: Path | None, counters: Callable[[], Mapping[str, Any]]) -> None:
        self.folder = folder
        self._counters = counters
        self.seconds = 0.0
        """What the rows found on disk once took to compute."""
        self.counts: Counter[str] = Counter()
        """What was counted while they were."""

    def rows(
        self,
        keys: Sequence[bytes],
        groups: Sequence[Sequence[int]],
        compute: Callable[[Sequence[int]], Array],
        *,
        progress: Callable[[int], None] = lambda _: None,
    ) -> Array:
        """The row of each key; those not on disk are computed a group at a time and kept.

        Args:
            keys: N of them.
            groups: the places 0 … N-1, cut into what is computed together.
            compute: rows of some places, (n, …).
            progress: told after each group how many rows are there.

        Returns:
            (N, …).
        """
        known = self._found(set(keys))
        done = 0
        for group in groups:
            missing = [place for place in group if keys[place] not in known]
            if missing:
                before, start = _whole(self._counters()), time.perf_counter()
                values = compute(missing)
                took = time.perf_counter() - start
                counted = _whole(self._counters()) - before
                self._write([keys[place] for place in missing], values, took, counted)
                known.update(zip((keys[place] for place in missing), values, strict=True))
            done += len(group)
            progress(done)
        return np.stack([known[one] for one in keys])

    def _found(self, wanted: set[bytes]) -> dict[bytes, Array]:
        """The rows on disk among the wanted; their files' seconds and counts are added up."""
        known: dict[bytes, Array] = {}
        paths = sorted(self.folder.glob("*.npz")) if self.folder is not None else []
        for path in paths:
            try:
                with path.open("rb") as stream, np.load(stream) as stored:
                    keys, values = stored["keys"], stored["values"]
                    seconds = float(stored["seconds"])
                    counts = json.loads(bytes(stored["counts"]))
            except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
                log.warning("%s cannot be read (%s); its rows are computed again", path, error)
                continue
            mine = {bytes(one): row for one, row in zip(keys, values, strict=True)}
            if not wanted.isdisjoint(mine):
                known |= {one: row for one, row in mine.items() if one in wanted}
                self.seconds += seconds
                self.counts.update(counts)
        return known

    def _write(
        self, keys: Sequence[bytes], values: Array, seconds: float, counts: Mapping[str, int]
    ) -> None:
        """One file, whole or not at all."""
        if self.folder is None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        named = np.frombuffer(b"".join(keys), dtype=np.uint8).reshape(len(keys), KEY_BYTES)
        path = self.folder / f"{key(named.tobytes().hex()).hex()}.npz"
        partial = path.with_suffix(".partial")
        told = np.frombuffer(json.dumps(dict(counts)).encode(), dtype=np.uint8)
        with partial.open("wb") as stream:
            np.savez(stream, keys=named, values=values, seconds=seconds, counts=told)
        partial.replace(path)


def _whole(counters: Mapping[str, Any]) -> Counter[str]:
    return Counter(
        {
            name: value
            for name, value in counters.items()
            if isinstance(value, int) and not isinstance(value, bool)
        }
    )


Score = Callable[[Mapping[str, str], Mapping[str, Sequence[str]], Progress], Run]


def pairs(
    kept: Kept,
    score: Score,
    texts: tuple[Mapping[str, str], Mapping[str, str]],
    candidates: Mapping[str, Sequence[str]],
    progress: Progress,
) -> Run:
    """Score every query's candidates, a document's queries together, short documents first.

    Args:
        kept: where scores are kept.
        score: of given queries' candidates, as a scorer has it.
        texts: of the queries and of the documents, by id.
        candidates: documents of each query.
        progress: told the pairs done.
    """
    queries, docs = texts
    asked: dict[str, list[str]] = {}
    for query_id, doc_ids in candidates.items():
        for doc_id in doc_ids:
            asked.setdefault(doc_id, []).append(query_id)
    words = {doc_id: len(docs[doc_id].split()) for doc_id in asked}
    order = sorted(asked, key=lambda doc_id: (words[doc_id], doc_id))
    flat = [(query_id, doc_id) for doc_id in order for query_id in asked[doc_id]]
    groups = _flattened(order, asked, words)
    keys = [key(queries[query_id], docs[doc_id]) for query_id, doc_id in flat]

    at = 0

    def tell(done: int) -> None:
        nonlocal at
        at = done
        progress("pairs", done, len(flat))

    def compute(places: Sequence[int]) -> Array:
        some: dict[str, list[str]] = {}
        for place in places:
            some.setdefault(flat[place][0], []).append(flat[place][1])

        def within(_: str, done: int, total: int) -> None:
            progress("pairs", at + len(places) * done // max(total, 1), len(flat))

        run = score({query_id: queries[query_id] for query_id in some}, some, within)
        return np.array([run[flat[place][0]][flat[place][1]] for place in places])

    run: Run = {query_id: {} for query_id in queries}
    if flat:
        values = kept.rows(keys, groups, compute, progress=tell)
        for (query_id, doc_id), value in zip(flat, values.tolist(), strict=True):
            run[query_id][doc_id] = value
    return run


def vectors(
    kept: Kept,
    encode: Callable[[Sequence[str], Progress], Array],
    texts: Sequence[str],
    progress: Progress,
) -> Array:
    """The vector of each text, short texts first.

    Args:
        kept: where vectors are kept.
        encode: vectors of some texts, (n, d); told where it is by a progress of its own.
        texts: N of them.
        progress: told the texts done.

    Returns:
        (N, d).
    """
    words = [len(text.split()) for text in texts]
    order = sorted(range(len(texts)), key=lambda i: (words[i], texts[i]))
    groups = [[order[place] for place in block] for block in blocks([(1, words[i]) for i in order])]
    at = 0

    def tell(done: int) -> None:
        nonlocal at
        at = done
        progress("documents", done, len(texts))

    def compute(places: Sequence[int]) -> Array:
        def within(_: str, done: int, total: int) -> None:
            progress("documents", at + len(places) * done // max(total, 1), len(texts))

        return encode([texts[place] for place in places], within)

    return kept.rows([key(text) for text in texts], groups, compute, progress=tell)


def _flattened(
    order: Sequence[str], asked: Mapping[str, Sequence[str]], words: Mapping[str, int]
) -> list[list[int]]:
    """Blocks of whole documents as places in the list of their pairs."""
    sizes = [(len(asked[doc_id]), words[doc_id] * len(asked[doc_id])) for doc_id in order]
    groups, start = [], 0
    for block in blocks(sizes):
        count = sum(sizes[place][0] for place in block)
        groups.append(list(range(start, start + count)))
        start += count
    return groups
