"""Vectors of a collection in blocks on disk: memory does not grow with the collection.

Documents are streamed once, encoded some at a time, and each block is written as safetensors under
a hash of its ids and texts. In a folder that is kept, a run that was killed finds its blocks again;
what else the vectors depend on, the folder's name must say. Without one the blocks lie in the cache
and go with the index.

Knows an encoder by its protocol only: a dense bi-encoder, a sparse one and a late-interaction one
are stored alike. A block's tensors have a row for each document, or ``lengths`` says how many.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, pairwise
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Protocol

import numpy as np
import torch

from rabbench.environment import home
from rabbench.types import Progress, Shape, Workload

BLOCK_DOCS = 1024  # documents encoded and stored together
SEARCH_BYTES = 64 << 20  # blocks up to this size are searched at once
COUNTED = (
    "documents_read", "tokens_read", "documents_cut", "tokens_cut", "stored_bytes", "entries",
)  # fmt: skip
"""Whole numbers that a block's file tells; ``entries`` are rows of its tensors."""

Block = dict[str, torch.Tensor]
"""Vectors of some documents: tensors whose first dimension is documents, or Σ ``lengths``."""


@dataclass(frozen=True)
class Read:
    """How much of some documents was read: tokens read, documents cut, tokens cut."""

    tokens_read: int
    documents_cut: int
    tokens_cut: int


class Encoder(Protocol):
    """What a search asks of a model."""

    found_above: float
    """A search finds documents with a score above this; −inf finds all."""

    @property
    def params(self) -> Mapping[str, Any]:
        """What identifies the model in a row."""

    def read(self, texts: list[str]) -> Read:
        """How much of these documents the model reads."""

    def documents(self, texts: list[str]) -> Block:
        """The documents' vectors, on the CPU."""

    def queries(self, texts: list[str]) -> Sequence[Any]:
        """The queries' vectors; a slice of them is what ``scores`` takes."""

    def scores(self, queries: Any, block: Block) -> np.ndarray[Any, Any]:
        """Each query's score of each document, (B, n)."""

    def workloads(self, name: str, shape: Shape) -> Iterator[Workload]:
        """One workload per phase."""


@dataclass
class Stored:
    """A collection's blocks, in its order, and what became of its texts.

    ``folder`` keeps the blocks for another run; None lets them go.
    """

    encoder: Encoder
    folder: Path | None = None
    files: list[Path] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    kept_s: float = 0.0
    """Seconds that blocks found on disk once took to encode."""

    def take_in(self, docs: Iterable[tuple[str, str]], total: int, progress: Progress) -> None:
        """Encode a stream of documents, but for the blocks that are there."""
        self.files, self.counts, self.kept_s = [], {}, 0.0
        folder = self.folder or self._fleeting()
        done = 0
        stream = iter(docs)
        while some := list(islice(stream, BLOCK_DOCS)):
            progress("documents encoded", done, total)
            path = folder / f"{_digest(some)}.safetensors"
            there = path.is_file()
            if not there:
                self._write(path, [doc_id for doc_id, _ in some], [text for _, text in some])
            self.files.append(path)
            self._count(path, there=there)
            done += len(some)

    def _fleeting(self) -> Path:
        """An empty folder that goes with this object."""
        (home() / "vectors").mkdir(parents=True, exist_ok=True)
        folder = mkdtemp(dir=home() / "vectors")
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return Path(folder)

    def _write(self, path: Path, doc_ids: list[str], texts: list[str]) -> None:
        """Encode one block; the file appears whole or not at all."""
        from safetensors.torch import save_file

        start = time.perf_counter()
        block = self.encoder.documents(texts)
        told = {
            "seconds": time.perf_counter() - start,
            "documents_read": len(texts),
            **vars(self.encoder.read(texts)),
            "stored_bytes": sum(tensor.nbytes for tensor in block.values()),
            "entries": next(len(tensor) for name, tensor in block.items() if name != "lengths"),
        }
        metadata = {name: str(value) for name, value in told.items()}
        metadata["doc_ids"] = json.dumps(doc_ids)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
        save_file({name: tensor.contiguous() for name, tensor in block.items()}, partial, metadata)
        partial.replace(path)

    def _count(self, path: Path, *, there: bool) -> None:
        from safetensors import safe_open

        with safe_open(path, framework="pt") as file:
            told = file.metadata()
        if there:
            self.kept_s += float(told["seconds"])
        for name in COUNTED:
            self.counts[name] = self.counts.get(name, 0) + int(told[name])

    @property
    def notes(self) -> dict[str, Any]:
        """What was read and cut, and what is kept of a document."""
        n_docs = self.counts.get("documents_read", 0)
        if not n_docs:
            return {}
        found: dict[str, Any] = {name: self.counts[name] for name in COUNTED[:-2]}
        found["index_bytes_per_document"] = self.counts["stored_bytes"] / n_docs
        found["entries_per_document"] = self.counts["entries"] / n_docs
        return found | ({"kept_index_wall_s": self.kept_s} if self.kept_s else {})

    def blocks(self, most_bytes: int = SEARCH_BYTES) -> Iterator[tuple[list[str], Block]]:
        """Ids and vectors, small blocks joined up to ``most_bytes``."""
        held: list[tuple[list[str], Block]] = []
        size = 0
        for path in self.files:
            doc_ids, block = _read(path)
            more = sum(tensor.nbytes for tensor in block.values())
            if held and size + more > most_bytes:
                yield _joined(held)
                held, size = [], 0
            held.append((doc_ids, block))
            size += more
        if held:
            yield _joined(held)


def taken(block: Block, rows: Sequence[int]) -> Block:
    """Some documents of a block, in the order given."""
    if "lengths" not in block:
        index = torch.tensor(rows)
        return {name: tensor[index] for name, tensor in block.items()}
    spans = list(pairwise([0, *block["lengths"].cumsum(0).tolist()]))
    index = torch.cat([torch.arange(*spans[row]) for row in rows])
    found = {name: tensor[index] for name, tensor in block.items() if name != "lengths"}
    return {**found, "lengths": block["lengths"][torch.tensor(rows)]}


def _joined(held: Sequence[tuple[list[str], Block]]) -> tuple[list[str], Block]:
    doc_ids = [doc_id for ids, _ in held for doc_id in ids]
    if len(held) == 1:
        return doc_ids, held[0][1]
    names = held[0][1]
    return doc_ids, {name: torch.cat([block[name] for _, block in held]) for name in names}


def _read(path: Path) -> tuple[list[str], Block]:
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        told = file.metadata()
        block = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    return json.loads(told["doc_ids"]), block


def _digest(docs: Sequence[tuple[str, str]]) -> str:
    digest = hashlib.sha256()
    for doc_id, text in docs:
        digest.update(f"{doc_id}\x1f{text}\x1e".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()[:32]
