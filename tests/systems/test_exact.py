"""Exact search in blocks on disk: the same ranking as in one piece, and memory that is bounded."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rabbench.config.options import Options
from rabbench.environment import home
from rabbench.systems import _exact, _vectors, bm25
from rabbench.systems._encoder import Block, read_counts
from rabbench.systems._exact import ExactSearch, merge_best
from rabbench.systems._reranker import CandidateSet
from rabbench.systems._score_cache import ScoreCache
from rabbench.systems._vectors import select_documents
from rabbench.types import Run, Shape, Workload, no_progress, rank

WIDTH = 8


class Numbers:
    """An encoder whose vectors follow from the digits of a text; it records what it encodes."""

    found_above = -np.inf
    params: Mapping[str, Any] = {"model": "numbers"}

    def __init__(self, *, ragged: bool = False) -> None:
        self.ragged = ragged
        self.encoded: list[int] = []

    def read(self, texts: list[str]) -> dict[str, int]:
        """One token each, all read."""
        return read_counts([1] * len(texts), 1)

    def _vector(self, text: str) -> torch.Tensor:
        generator = torch.Generator().manual_seed(int(text) % 50)  # so that many documents tie
        return torch.randn(WIDTH, generator=generator)

    def documents(self, texts: list[str]) -> Block:
        """One vector a document, or one to three equal ones."""
        self.encoded.append(len(texts))
        vectors = torch.stack([self._vector(text) for text in texts])
        if not self.ragged:
            return {"vectors": vectors}
        lengths = torch.tensor([1 + int(text) % 3 for text in texts])
        return {"vectors": vectors.repeat_interleave(lengths, 0), "lengths": lengths}

    def queries(self, texts: list[str]) -> torch.Tensor:
        """One vector a query."""
        return torch.stack([self._vector(text) for text in texts])

    def scores(self, queries: Any, block: Block) -> np.ndarray[Any, Any]:
        """Products with each document's first vector."""
        firsts = block["vectors"]
        if "lengths" in block:
            firsts = firsts[block["lengths"].cumsum(0) - block["lengths"]]
        return np.round(np.asarray(queries @ firsts.T), 4)

    def workloads(self, name: str, shape: Shape) -> Iterator[Workload]:
        """None."""
        del name, shape
        return iter(())


class Streamed(Mapping[str, str]):
    """Documents that may be read once, in order; a look-up or a list of all is a failure."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.passes = 0

    def __getitem__(self, key: str) -> str:
        raise AssertionError(f"{key} was looked up while indexing")

    def __iter__(self) -> Iterator[str]:
        return (key for key, _ in self.items())

    def __len__(self) -> int:
        return self.count

    def items(self) -> Any:
        """Ids and texts, in one pass."""
        self.passes += 1
        assert self.passes == 1
        return ((f"d{i:05}", str(i)) for i in range(self.count))


def in_one_piece(docs: Mapping[str, str], query: str, k: int) -> list[tuple[str, float]]:
    encoder = Numbers()
    (scores,) = encoder.scores(
        encoder.queries([query]), encoder.documents(list(docs.values()))
    ).tolist()
    return rank(dict(zip(docs, scores, strict=True)), k)


@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("wide", [1, 10**9])
def test_blocks_rank_as_one_piece_does(
    monkeypatch: pytest.MonkeyPatch, ragged: bool, wide: int
) -> None:
    """With many ties across blocks, and blocks searched one by one or joined."""
    monkeypatch.setattr(_vectors, "BLOCK_DOCS", 7)
    monkeypatch.setattr(_vectors.VectorStore.blocks, "__defaults__", (wide,))
    monkeypatch.setattr(_exact, "SEARCH_QUERIES", 2)
    docs = {f"d{i:05}": str(i) for i in range(200)}
    queries = {"a": "3", "b": "7", "c": "11"}
    encoder = Numbers(ragged=ragged)
    system = ExactSearch("numbers", encoder)
    system.index(docs)
    assert max(encoder.encoded) == 7
    for k in (1, 5, 33, 300):
        run = system.search(queries, k)
        for query_id, query in queries.items():
            assert list(run[query_id].items()) == in_one_piece(docs, query, k)
    assert system.search({}, 3) == {}
    candidates = {"a": ["d00003", "d00150"], "b": [], "c": ["d00150"]}
    run = system.scorer.score(CandidateSet(queries, docs, candidates), no_progress)
    everything = {query_id: dict(in_one_piece(docs, q, 200)) for query_id, q in queries.items()}
    expected: Run = {
        query_id: {doc_id: everything[query_id][doc_id] for doc_id in doc_ids}
        for query_id, doc_ids in candidates.items()
    }
    assert run == expected


def test_documents_are_streamed_once_and_never_looked_up() -> None:
    docs = Streamed(3000)
    encoder = Numbers()
    system = ExactSearch("numbers", encoder)
    system.index(docs)
    assert docs.passes == 1
    assert encoder.encoded == [1024, 1024, 952]
    assert len(system.search({"q": "1"}, 10)["q"]) == 10
    assert system.notes["documents_read"] == 3000
    assert system.notes["index_bytes_per_document"] == 4 * WIDTH


def test_bm25_streams_too() -> None:
    docs = Streamed(3000)
    system = bm25.build(Options())
    system.index(docs)
    assert docs.passes == 1
    assert list(system.search({"q": "17"}, 5)["q"]) == ["d00017"]


def test_a_killed_run_finds_its_blocks_again(tmp_path: Path) -> None:
    class Dies(Numbers):
        def documents(self, texts: list[str]) -> Block:
            if len(self.encoded) == 2:
                raise KeyboardInterrupt
            return super().documents(texts)

    docs = {f"d{i:05}": str(i) for i in range(3000)}
    first = ExactSearch("numbers", Dies())
    first.keep = tmp_path
    with pytest.raises(KeyboardInterrupt):
        first.index(docs)
    encoder = Numbers()
    second = ExactSearch("numbers", encoder)
    second.keep = tmp_path
    second.index(docs)
    assert encoder.encoded == [952]
    assert second.notes["kept_index_wall_s"] > 0
    undisturbed = ExactSearch("numbers", Numbers())
    undisturbed.index(docs)
    assert second.search({"q": "1"}, 50) == undisturbed.search({"q": "1"}, 50)
    assert "kept_index_wall_s" not in undisturbed.notes
    scorer = second.scorer
    scorer.cache = ScoreCache(tmp_path / "c")
    for cached in (False, True):
        scorer.score(CandidateSet({"q": "1"}, docs, {"q": ["d00002"]}), no_progress)
        assert ("kept_wall_s" in scorer.notes) is cached
    encoder.encoded.pop()
    changed = ExactSearch("numbers", encoder)
    changed.keep = tmp_path
    changed.index(docs | {"d00001": "2"})
    assert encoder.encoded == [952, 1024]


def test_vectors_without_a_folder_go_with_their_system() -> None:
    def folders() -> set[Path]:
        return set((home() / "vectors").glob("*"))

    gc.collect()
    before = folders() if (home() / "vectors").is_dir() else set()
    system = ExactSearch("numbers", Numbers())
    system.index({"d1": "1"})
    (folder,) = folders() - before
    assert [path.suffix for path in folder.iterdir()] == [".safetensors"]
    del system
    gc.collect()
    assert folders() == before


def test_a_nan_is_not_lost() -> None:
    row = np.array([0.5, np.nan, 0.1])
    with pytest.raises(ValueError, match="NaN score for document 'b'"):
        merge_best({}, row, ["a", "b", "c"], 2, above=-np.inf)
    assert merge_best({}, np.array([0.5, 0.0]), ["a", "b"], 2, above=0.0) == {"a": 0.5}


def test_documents_are_selected_in_the_order_of_the_rows() -> None:
    block = {"vectors": torch.arange(6), "lengths": torch.tensor([1, 3, 2])}
    selected = select_documents(block, [2, 0])
    assert selected["vectors"].tolist() == [4, 5, 0]
    assert selected["lengths"].tolist() == [2, 1]


PEAK = """
import resource, sys
import numpy as np, torch
from safetensors.torch import save_file
from rabbench.systems._exact import ExactSearch
N, WIDTH = int(sys.argv[1]), 512
class Encoder:
    found_above = -np.inf
    params = {}
    def read(self, texts):
        return dict.fromkeys(("documents_read", "tokens_read", "documents_cut", "tokens_cut"), 0)
    def documents(self, texts): return {"vectors": torch.randn(len(texts), WIDTH)}
    def queries(self, texts): return torch.randn(len(texts), WIDTH)
    def scores(self, queries, block): return np.asarray(queries @ block["vectors"].T)
class Docs:
    def __len__(self): return N
    def items(self): return ((str(i), "") for i in range(N))
system = ExactSearch("e", Encoder())
system.index(Docs())
assert len(system.search({"q": ""}, 10)["q"]) == 10
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


@pytest.mark.e2e
def test_memory_does_not_grow_with_the_collection() -> None:
    """Vectors of 400 MiB in all; what a block and the search hold at once is far less."""

    def peak(count: int) -> int:
        environment = {**os.environ, "MALLOC_TRIM_THRESHOLD_": "65536"}
        command = [sys.executable, "-c", PEAK, str(count)]
        process = subprocess.run(
            command, capture_output=True, text=True, check=True, env=environment
        )
        return int(process.stdout)

    many = 200 * 1024
    assert peak(many) - peak(1024) < 0.5 * many * 512 * 4
