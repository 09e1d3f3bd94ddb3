"""Vectors of a collection in blocks on disk: memory does not grow with the collection.

Documents are streamed once and encoded a block at a time; a block is a safetensors file, named by a
hash of its ids and texts. In a lasting folder a killed run finds its blocks again, and the folder's
name must say all else that they depend on; without one they go with the index. Dense, sparse and
late-interaction vectors are stored alike: a tensor has a row for each document, or ``lengths`` says
how many.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
import weakref
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice, pairwise
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from rabbench.environment import home
from rabbench.systems._encoder import Block, TextEncoder
from rabbench.types import Progress

BLOCK_DOCS = 1024  # documents encoded and stored together
SEARCH_BYTES = 64 << 20  # blocks up to this size are searched at once
READ_COUNTS = ("documents_read", "tokens_read", "documents_cut", "tokens_cut")
COUNTS = (*READ_COUNTS, "stored_bytes", "entries")
"""Whole numbers in a block file's metadata; ``entries`` are rows of its tensors."""


@dataclass
class VectorStore:
    """A collection's blocks, in its order, and counts of its texts."""

    encoder: TextEncoder
    folder: Path | None = None
    """Of blocks that another run may use; those of None are removed with this object."""
    files: list[Path] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    cached_s: float = 0.0
    """Seconds that blocks read from disk once took to encode."""

    def add(self, docs: Iterable[tuple[str, str]], *, total: int, progress: Progress) -> None:
        """Encode a stream of documents in place of any earlier one, but for blocks on disk."""
        self.files, self.counts, self.cached_s = [], Counter(), 0.0
        folder = self.folder
        if folder is None:  # an empty one that goes with this object
            (home() / "vectors").mkdir(parents=True, exist_ok=True)
            folder = Path(mkdtemp(dir=home() / "vectors"))
            weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        stream, position = iter(docs), 0
        while documents := list(islice(stream, BLOCK_DOCS)):
            progress("documents encoded", position, total)
            path = folder / f"{_digest(documents)}.safetensors"
            cached = path.is_file()
            if not cached:
                self._write(path, [doc_id for doc_id, _ in documents], [t for _, t in documents])
            self.files.append(path)
            with safe_open(path, framework="pt") as file:
                metadata = file.metadata()
            self.cached_s += float(metadata["seconds"]) if cached else 0.0
            self.counts.update({name: int(metadata[name]) for name in COUNTS})
            position += len(documents)

    def _write(self, path: Path, doc_ids: list[str], texts: list[str]) -> None:
        """Encode one block; the file appears whole or not at all."""
        start = time.perf_counter()
        block = self.encoder.documents(texts)
        about = {
            "seconds": time.perf_counter() - start,
            **self.encoder.read(texts),
            "stored_bytes": sum(tensor.nbytes for tensor in block.values()),
            "entries": next(len(tensor) for name, tensor in block.items() if name != "lengths"),
        }
        metadata = {name: str(value) for name, value in about.items()}
        metadata["doc_ids"] = json.dumps(doc_ids)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
        save_file({name: tensor.contiguous() for name, tensor in block.items()}, partial, metadata)
        partial.replace(path)

    @property
    def notes(self) -> dict[str, Any]:
        """Counts of documents and tokens read and cut, and a document's size in the index."""
        n_docs = self.counts["documents_read"]
        if not n_docs:
            return {}
        notes: dict[str, Any] = {name: self.counts[name] for name in READ_COUNTS}
        notes["index_bytes_per_document"] = self.counts["stored_bytes"] / n_docs
        notes["entries_per_document"] = self.counts["entries"] / n_docs
        return notes | ({"kept_index_wall_s": self.cached_s} if self.cached_s else {})

    def blocks(self, most_bytes: int = SEARCH_BYTES) -> Iterator[tuple[list[str], Block]]:
        """Ids and vectors, small blocks joined up to ``most_bytes``."""
        parts: list[tuple[list[str], Block]] = []
        size = 0
        for path in self.files:
            doc_ids, block = _read(path)
            more = sum(tensor.nbytes for tensor in block.values())
            if parts and size + more > most_bytes:
                yield _concatenate(parts)
                parts, size = [], 0
            parts.append((doc_ids, block))
            size += more
        if parts:
            yield _concatenate(parts)


def select_documents(block: Block, rows: Sequence[int]) -> Block:
    """Some documents of a block, in the order given."""
    index = torch.tensor(rows)
    if "lengths" not in block:
        return {name: tensor[index] for name, tensor in block.items()}
    spans = list(pairwise([0, *block["lengths"].cumsum(0).tolist()]))
    entries = torch.cat([torch.arange(*spans[row]) for row in rows])
    return {name: tensor[index if name == "lengths" else entries] for name, tensor in block.items()}


def _concatenate(parts: Sequence[tuple[list[str], Block]]) -> tuple[list[str], Block]:
    if len(parts) == 1:
        return parts[0]
    doc_ids = [doc_id for ids, _ in parts for doc_id in ids]
    return doc_ids, {name: torch.cat([block[name] for _, block in parts]) for name in parts[0][1]}


def _read(path: Path) -> tuple[list[str], Block]:
    with safe_open(path, framework="pt") as file:
        doc_ids = json.loads(file.metadata()["doc_ids"])
        return doc_ids, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def _digest(docs: Sequence[tuple[str, str]]) -> str:
    digest = hashlib.sha256()
    for doc_id, text in docs:
        digest.update(f"{doc_id}\x1f{text}\x1e".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()[:32]
