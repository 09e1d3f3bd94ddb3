"""The teacher's document-aware states h_T(q|d) of asked pairs: computed once, kept on disk.

A pair is known by its token ids under one teacher, so every training, control and seed of that
teacher shares them. Several processes divide what is missing and read from disk what the others
found. Knows token ids and files; knows no ranking and no loss.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from rabbench.environment import home
from rabbench.models.backbone import Backbone
from rabbench.train import devices
from rabbench.types import Progress, no_progress

SHARD = 256  # new states that are kept in memory before they are written
KEY_BYTES = 16
SHARED = 4  # queries of one document from which on its cache is worth the smaller forwards

Job = TypeVar("Job")
Pair = tuple[Sequence[int], Sequence[int]]
"""A document part and a query part, as token ids."""


def folder_of(backbone: Backbone) -> Path:
    """Where a teacher's states lie: named by its weights, so that no others are ever read."""
    trained = (
        backbone.checkpoint.fingerprint(predictor=False) if backbone.checkpoint else "untrained"
    )
    parts = (backbone.location, backbone.revision, backbone.dtype, trained)
    return home() / "states" / hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


@dataclass
class TeacherStates:
    """Answers which state the teacher has after a document part and a query part.

    Attributes:
        backbone: the teacher's.
        folder: shards of states; every process writes its own.
        batch: pairs in one forward.
        progress: told while the teacher works.
        computed, reused: pairs asked so far, by whether the teacher had to run.
    """

    backbone: Backbone
    folder: Path
    batch: int = 32
    progress: Progress = no_progress
    computed: int = 0
    reused: int = 0
    _known: dict[bytes, torch.Tensor] = field(default_factory=dict)
    _new: dict[bytes, torch.Tensor] = field(default_factory=dict)
    _seen: set[Path] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Read what earlier trainings have asked."""
        self._read()

    def _read(self) -> None:
        for path in sorted(set(self.folder.glob("*.safetensors")) - self._seen):
            with safe_open(path, framework="pt") as shard:
                keys, states = shard.get_tensor("keys"), shard.get_tensor("states")
            self._known |= zip(map(bytes, keys.tolist()), states, strict=True)
            self._seen.add(path)

    def ask(self, pairs: Sequence[Pair]) -> torch.Tensor:
        """The final hidden state of each pair.

        Args:
            pairs: N document parts, each with a query part, as token ids.

        Returns:
            (N, d) float32.
        """
        keys = [_key(document, query) for document, query in pairs]
        missing: dict[tuple[int, ...], dict[bytes, Sequence[int]]] = {}
        for key, (document, query) in zip(keys, pairs, strict=True):
            if key not in self:
                missing.setdefault(tuple(document), {})[key] = query
        count = sum(map(len, missing.values()))
        self.computed += count
        self.reused += len(pairs) - count
        self._divided(list(missing.items()), self._ask)
        return self._answers(keys)

    def alone(self, parts: Sequence[Sequence[int]]) -> torch.Tensor:
        """The final hidden state after each part by itself: what the student starts from.

        They are no pairs, and are not counted as asked.

        Args:
            parts: N document or query parts, as token ids.

        Returns:
            (N, d) float32.
        """
        keys = [_key((), part) for part in parts]
        missing = {key: part for key, part in zip(keys, parts, strict=True) if key not in self}
        self._divided(list(missing.items()), lambda jobs: self._run(dict(jobs)))
        return self._answers(keys)

    def _divided(self, jobs: list[Job], run: Callable[[Sequence[Job]], None]) -> None:
        """Run the jobs, each process its share."""
        run(devices.share(devices.agreed(jobs)))
        if devices.count() > 1:
            self.flush()
            devices.wait()
            self._read()

    def _ask(self, jobs: Sequence[tuple[Sequence[int], Mapping[bytes, Sequence[int]]]]) -> None:
        """Run pairs, given by document."""
        count = sum(len(queries) for _, queries in jobs)
        singly: dict[bytes, Sequence[int]] = {}
        done = 0
        for document, queries in jobs:
            if len(queries) < SHARED:
                singly |= {key: [*document, *query] for key, query in queries.items()}
                continue
            self.progress("asking the teacher", done, count)
            self._ask_shared(document, queries)
            done += len(queries)
        self._run(singly)

    def _run(self, sequences: Mapping[bytes, Sequence[int]]) -> None:
        if sequences:
            given = list(sequences.values())
            states = self.backbone.encode(given, batch=self.batch, progress=self.progress)
            self._add(list(sequences), states)

    def _answers(self, keys: Sequence[bytes]) -> torch.Tensor:
        both = self._known | self._new
        return torch.stack([both[key] for key in keys])

    def _ask_shared(self, document: Sequence[int], queries: Mapping[bytes, Sequence[int]]) -> None:
        """Several queries of one document: its part runs once, theirs over its cache."""
        prefix = self.backbone.prefix(document)
        keys = sorted(queries, key=lambda key: len(queries[key]))
        for start in range(0, len(keys), self.batch):
            some = keys[start : start + self.batch]
            self._add(some, self.backbone.hidden([queries[key] for key in some], prefix=prefix))

    def _add(self, keys: Sequence[bytes], states: torch.Tensor) -> None:
        self._new |= zip(keys, states.float().cpu(), strict=True)
        if len(self._new) >= SHARD:
            self.flush()

    def __contains__(self, key: bytes) -> bool:
        return key in self._known or key in self._new

    def flush(self) -> None:
        """Write what is new; whole shards only, so that a kill leaves nothing half written."""
        if not self._new:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        keys = torch.tensor([list(key) for key in self._new], dtype=torch.uint8)
        states = torch.stack(list(self._new.values()))
        name = hashlib.sha256(b"".join(self._new)).hexdigest()[:16]
        partial = self.folder / f"{name}.{os.getpid()}.partial"
        save_file({"keys": keys, "states": states}, partial)
        partial.rename(self.folder / f"{name}.safetensors")
        self._known |= self._new
        self._new = {}


def _key(document: Sequence[int], query: Sequence[int]) -> bytes:
    text = ",".join(map(str, (*document, -1, *query))).encode()
    return hashlib.blake2b(text, digest_size=KEY_BYTES).digest()
