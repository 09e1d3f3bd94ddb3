"""Kept rows: computed once, in the same blocks whatever is there, and whole on disk or not."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rabbench import registry
from rabbench.systems import _score_cache
from rabbench.systems._score_cache import Kept, blocks, key, pairs, vectors
from rabbench.types import Options, Progress, Run, no_progress

KEYS = [key(str(i)) for i in range(7)]
GROUPS = [[0, 1, 2], [3, 4], [5, 6]]


class Worker:
    """Computes squares, counts what it did, and stops where a test tells it to."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.asked: list[list[int]] = []
        self.stop_at = stop_at

    def __call__(self, places: Sequence[int]) -> _score_cache.Array:
        """The squares."""
        if len(self.asked) == self.stop_at:
            raise KeyboardInterrupt
        self.asked.append(list(places))
        return np.array([place**2 for place in places], dtype=np.float64)

    @property
    def counters(self) -> dict[str, Any]:
        """How many rows were made; other values are no counts."""
        return {"made": sum(map(len, self.asked)), "trained": True, "share": 0.5, "name": "x"}


def test_rows_are_computed_in_groups_and_found_again(tmp_path: Path) -> None:
    worker = Worker()
    told: list[int] = []
    first = Kept(tmp_path / "a", lambda: worker.counters)
    assert first.rows(KEYS, GROUPS, worker, progress=told.append).tolist() == [
        0, 1, 4, 9, 16, 25, 36,
    ]  # fmt: skip
    assert worker.asked == GROUPS
    assert told == [3, 5, 7]
    assert (first.seconds, dict(first.counts)) == (0.0, {})
    again, idle = Kept(tmp_path / "a", dict), Worker(stop_at=0)
    assert again.rows(KEYS, GROUPS, idle).tolist() == [0, 1, 4, 9, 16, 25, 36]
    assert again.seconds > 0
    assert dict(again.counts) == {"made": 7}
    assert not list((tmp_path / "a").glob("*.partial"))


def test_an_interrupted_computation_loses_one_group(tmp_path: Path) -> None:
    cut = Worker(stop_at=1)
    with pytest.raises(KeyboardInterrupt):
        Kept(tmp_path, lambda: cut.counters).rows(KEYS, GROUPS, cut)
    resumed, worker = Kept(tmp_path, dict), Worker()
    assert resumed.rows(KEYS, GROUPS, worker).tolist() == [0, 1, 4, 9, 16, 25, 36]
    assert worker.asked == GROUPS[1:]
    assert dict(resumed.counts) == {"made": 3}


def test_only_files_that_hold_a_wanted_row_are_counted(tmp_path: Path) -> None:
    other, worker = Worker(), Worker()
    Kept(tmp_path, lambda: other.counters).rows([key("x"), key("y")], [[0, 1]], other)
    found = Kept(tmp_path, lambda: worker.counters)
    found.rows(KEYS, GROUPS, worker)
    assert dict(found.counts) == {}
    # A row that another group holds already is not computed again.
    mixed = Worker()
    values = Kept(tmp_path, lambda: mixed.counters).rows([KEYS[3], key("z")], [[0, 1]], mixed)
    assert mixed.asked == [[1]]
    assert values.tolist() == [9.0, 1.0]


def test_without_a_folder_nothing_is_kept() -> None:
    worker = Worker()
    kept = Kept(None, dict)
    assert kept.rows(KEYS[:2], [[0, 1]], worker).tolist() == [0, 1]
    kept.rows(KEYS[:2], [[0, 1]], worker)
    assert worker.asked == [[0, 1], [0, 1]]


def test_a_damaged_file_is_computed_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    Kept(tmp_path, dict).rows(KEYS, GROUPS, Worker())
    damaged, empty, _ = sorted(tmp_path.glob("*.npz"))
    damaged.write_bytes(damaged.read_bytes()[:-40])
    empty.write_bytes(b"")
    worker = Worker()
    with caplog.at_level(logging.WARNING):
        values = Kept(tmp_path, dict).rows(KEYS, GROUPS, worker)
    assert values.tolist() == [0, 1, 4, 9, 16, 25, 36]
    assert len(worker.asked) == 2
    assert "its rows are computed again" in caplog.text


def test_blocks_stay_under_both_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_score_cache, "BLOCK_ROWS", 4)
    monkeypatch.setattr(_score_cache, "BLOCK_WORDS", 100)
    sizes = [(1, 60), (1, 60), (3, 10), (1, 10), (9, 1), (1, 500), (1, 1)]
    assert list(blocks(sizes)) == [[0], [1, 2], [3], [4], [5], [6]]
    assert list(blocks([])) == []


def test_texts_are_not_confused() -> None:
    assert key("ab", "c") != key("a", "bc")
    assert key("a") != key("a", "")
    assert key("é") == key("é")


def score(queries: Mapping[str, str], candidates: Mapping[str, Sequence[str]], _: Any) -> Run:
    return {q: {d: float(len(queries[q]) * len(d)) for d in ids} for q, ids in candidates.items()}


def test_pairs_come_back_to_their_queries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_score_cache, "BLOCK_ROWS", 2)
    queries = {"q1": "a", "q2": "bb", "q3": "ccc"}
    docs = {"d": "one two", "dd": "one", "ddd": "one two three"}
    candidates = {"q1": ["ddd", "d"], "q2": ["dd"], "q3": []}
    told: list[tuple[str, int, int]] = []
    kept = Kept(tmp_path, dict)
    found = pairs(kept, score, (queries, docs), candidates, lambda *place: told.append(place))
    assert found == {"q1": {"ddd": 3.0, "d": 1.0}, "q2": {"dd": 4.0}, "q3": {}}
    assert told == [("pairs", 2, 3), ("pairs", 3, 3)]
    assert pairs(kept, score, (queries, docs), {}, no_progress) == {"q1": {}, "q2": {}, "q3": {}}


def test_vectors_come_back_in_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_score_cache, "BLOCK_ROWS", 2)
    texts = ["one two three", "one", "one two"]
    asked: list[list[str]] = []

    told: list[tuple[str, int, int]] = []

    def encode(some: Sequence[str], progress: Progress) -> _score_cache.Array:
        asked.append(list(some))
        progress("batch", 1, 2)
        return np.array([[len(text), 1.0] for text in some], dtype=np.float32)

    for _ in range(2):
        found = vectors(Kept(tmp_path, dict), encode, texts, lambda *place: told.append(place))
        assert found.tolist() == [[13.0, 1.0], [3.0, 1.0], [7.0, 1.0]]
    assert asked == [["one", "one two"], ["one two three"]]
    assert told[:4] == [("documents", done, 3) for done in (1, 2, 2, 3)]


DOCS = {f"d{i}": f"kettle number {i} " + "tea " * (i % 5) for i in range(12)}
QUERIES = {"q1": "tea from the kettle", "q2": "number 3", "q3": "zzz"}
COUNTS = ("documents_cut", "tokens_cut", "documents_read", "tokens_read")


@pytest.mark.parametrize(
    "name", ["teacher", "teacher-cached", "rabtriever", "rabtriever-chunked", "bm25>>teacher"]
)
def test_a_reranker_that_was_cut_off_goes_on_to_the_same_scores(
    options: Options, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_score_cache, "BLOCK_ROWS", 5)

    def run(folder: Path | None, stop_at: int | None = None) -> tuple[Run, dict[str, Any]]:
        system = registry.load("systems", name).build(options)
        system.keep = folder
        told: list[str] = []

        def progress(what: str, done: int, total: int) -> None:
            told.append(what)
            if len(told) == stop_at:
                raise KeyboardInterrupt

        system.progress = progress
        system.index(DOCS)
        return system.search(QUERIES, 20), dict(system.notes)

    whole, told = run(None)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, stop_at=4)
    assert list(tmp_path.rglob("*.npz"))
    resumed, again = run(tmp_path)
    assert resumed == whole
    assert {name: again[name] for name in COUNTS} == {name: told[name] for name in COUNTS}
    assert again["kept_wall_s"] > 0
    assert "kept_wall_s" not in told
