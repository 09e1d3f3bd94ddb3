"""The teacher's document-aware states h_T(q|d) of pairs: computed once, stored on disk.

A pair is known by its token ids under one teacher, so every training, control and seed of that
teacher shares them. Several processes divide what is missing and read each other's shards. Knows
token ids and files; knows no ranking and no loss.
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
from rabbench.train.batches import TokenPair
from rabbench.types import Progress, no_progress

SHARD = 256  # new states that are held in memory before they are written
KEY_BYTES = 16
MIN_SHARED = 4  # queries of one document from which on its cache is worth the smaller forwards

Item = TypeVar("Item")
TokensByKey = Mapping[bytes, Sequence[int]]


def states_folder(backbone: Backbone) -> Path:
    """Where a teacher's states lie: named by its weights, so that no others are ever read."""
    checkpoint = backbone.checkpoint
    trained = checkpoint.fingerprint(predictor=False) if checkpoint else "untrained"
    parts = (backbone.location, backbone.revision, backbone.dtype, trained)
    return home() / "states" / hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


@dataclass
class TeacherStates:
    """The teacher's final states after a document part and a query part, in shards in ``folder``.

    ``batch`` pairs make a forward; every process writes shards of its own. ``n_computed`` and
    ``n_reused`` count the pairs so far, by whether the teacher had to run.
    """

    backbone: Backbone
    folder: Path
    batch: int = 32
    progress: Progress = no_progress
    n_computed: int = 0
    n_reused: int = 0
    _states: dict[bytes, torch.Tensor] = field(default_factory=dict)
    _unsaved: list[bytes] = field(default_factory=list)
    _shards: set[Path] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Read the states of earlier trainings."""
        self._read()

    def _read(self) -> None:
        for path in sorted(set(self.folder.glob("*.safetensors")) - self._shards):
            with safe_open(path, framework="pt") as shard:
                keys, states = shard.get_tensor("keys"), shard.get_tensor("states")
            self._states |= zip(map(bytes, keys.tolist()), states, strict=True)
            self._shards.add(path)

    def encode_pairs(self, pairs: Sequence[TokenPair]) -> torch.Tensor:
        """The final hidden state of each of N pairs: (N, d) float32."""
        keys = [_key(document, query) for document, query in pairs]
        missing: dict[tuple[int, ...], dict[bytes, Sequence[int]]] = {}
        for key, (document, query) in zip(keys, pairs, strict=True):
            if key not in self._states:
                missing.setdefault(tuple(document), {})[key] = query
        n_missing = sum(map(len, missing.values()))
        self.n_computed += n_missing
        self.n_reused += len(pairs) - n_missing
        self._divide(list(missing.items()), self._run_pairs)
        return torch.stack([self._states[key] for key in keys])

    def encode_parts(self, parts: Sequence[Sequence[int]]) -> torch.Tensor:
        """The final hidden state after each of N parts by itself: (N, d) float32.

        The student starts from these. They are no pairs and do not count as such.
        """
        keys = [_key((), part) for part in parts]
        missing = {k: part for k, part in zip(keys, parts, strict=True) if k not in self._states}
        self._divide(list(missing.items()), lambda items: self._run(dict(items)))
        return torch.stack([self._states[key] for key in keys])

    def _divide(self, items: list[Item], run: Callable[[Sequence[Item]], None]) -> None:
        """Run the items, each process its share."""
        run(devices.share(items))
        if devices.count() > 1:
            self.flush()
            devices.wait()
            self._read()

    def _run_pairs(self, items: Sequence[tuple[Sequence[int], TokensByKey]]) -> None:
        """Run the queries of each document: over its cache if they are many, else whole."""
        total = sum(len(queries) for _, queries in items)
        whole: dict[bytes, Sequence[int]] = {}
        done = 0
        for document, queries in items:
            if len(queries) < MIN_SHARED:
                whole |= {key: [*document, *query] for key, query in queries.items()}
                continue
            self.progress("asking the teacher", done, total)
            prefix = self.backbone.prefix(document)
            keys = sorted(queries, key=lambda key: len(queries[key]))
            for start in range(0, len(keys), self.batch):
                part = keys[start : start + self.batch]
                self._add(part, self.backbone.hidden([queries[key] for key in part], prefix=prefix))
            done += len(queries)
        self._run(whole)

    def _run(self, sequences: TokensByKey) -> None:
        if tokens := list(sequences.values()):
            states = self.backbone.encode(tokens, batch=self.batch, progress=self.progress)
            self._add(list(sequences), states)

    def _add(self, keys: Sequence[bytes], states: torch.Tensor) -> None:
        self._states |= zip(keys, states.float().cpu(), strict=True)
        self._unsaved += keys
        if len(self._unsaved) >= SHARD:
            self.flush()

    def flush(self) -> None:
        """Write what is new; whole shards only, so that a kill leaves nothing half written."""
        if not self._unsaved:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        keys = torch.tensor([list(key) for key in self._unsaved], dtype=torch.uint8)
        states = torch.stack([self._states[key] for key in self._unsaved])
        name = hashlib.sha256(b"".join(self._unsaved)).hexdigest()[:16]
        partial = self.folder / f"{name}.{os.getpid()}.partial"
        save_file({"keys": keys, "states": states}, partial)
        partial.rename(self.folder / f"{name}.safetensors")
        self._unsaved = []


def _key(document: Sequence[int], query: Sequence[int]) -> bytes:
    text = ",".join(map(str, (*document, -1, *query))).encode()
    return hashlib.blake2b(text, digest_size=KEY_BYTES).digest()
