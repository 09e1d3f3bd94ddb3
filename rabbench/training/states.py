"""The teacher's document-aware states h_T(q|d) of asked pairs: computed once, kept on disk.

A pair is known by its token ids under one teacher, so every training, control and seed of that
teacher shares them. Knows token ids and files; knows no ranking and no loss.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from rabbench.environment import home
from rabbench.models.backbone import Backbone
from rabbench.records import Progress, silent

SHARD = 256  # new states that are kept in memory before they are written
KEY_BYTES = 16
SHARED = 4  # queries of one document from which on its cache is worth the smaller forwards

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
    progress: Progress = silent
    computed: int = 0
    reused: int = 0
    _known: dict[bytes, torch.Tensor] = field(default_factory=dict)
    _new: dict[bytes, torch.Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Read what earlier trainings have asked."""
        for path in sorted(self.folder.glob("*.safetensors")):
            with safe_open(path, framework="pt") as shard:
                keys, states = shard.get_tensor("keys"), shard.get_tensor("states")
            self._known |= zip(map(bytes, keys.tolist()), states, strict=True)

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
        singly: dict[bytes, list[int]] = {}
        done = 0
        for document, queries in missing.items():
            if len(queries) < SHARED:
                singly |= {key: [*document, *query] for key, query in queries.items()}
                continue
            self.progress("asking the teacher", done, count)
            self._ask_shared(document, queries)
            done += len(queries)
        return self._answered(keys, singly)

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
        return self._answered(keys, missing)

    def _answered(
        self, keys: Sequence[bytes], missing: Mapping[bytes, Sequence[int]]
    ) -> torch.Tensor:
        """The states of ``keys``, after running the sequences that are ``missing``."""
        if missing:
            sequences = list(missing.values())
            states = self.backbone.encode(sequences, batch=self.batch, progress=self.progress)
            self._add(list(missing), states)
        both = self._known | self._new
        return torch.stack([both[key] for key in keys])

    def _ask_shared(self, document: Sequence[int], queries: Mapping[bytes, Sequence[int]]) -> None:
        """Several queries of one document: its part runs once, theirs over its cache."""
        prefix = self.backbone.prefix(document)
        keys = sorted(queries, key=lambda key: len(queries[key]))
        for start in range(0, len(keys), self.batch):
            some = keys[start : start + self.batch]
            self._add(some, self.backbone.continued(prefix, [queries[key] for key in some]))

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
