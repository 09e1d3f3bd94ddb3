"""Cached rows: computed once, in the same blocks whatever is cached, and whole on disk or not."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rabbench import registry
from rabbench.config.options import Options
from rabbench.systems import _score_cache
from rabbench.systems._reranker import CandidateSet, pair_scores
from rabbench.systems._score_cache import (
    Rows,
    ScoreCache,
    blocks,
    text_key,
    text_vectors,
)
from rabbench.types import Progress, Run, no_progress

KEYS = [text_key(str(i)) for i in range(7)]
GROUPS = [[0, 1, 2], [3, 4], [5, 6]]


class Worker:
    """Computes squares, counts them, and stops at a group that a test names."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.groups: list[list[int]] = []
        self.stop_at = stop_at

    def __call__(self, places: Sequence[int], progress: Progress) -> Rows:
        """The squares."""
        del progress
        if len(self.groups) == self.stop_at:
            raise KeyboardInterrupt
        self.groups.append(list(places))
        return np.array([place**2 for place in places], dtype=np.float64)

    @property
    def counters(self) -> dict[str, Any]:
        """How many rows were computed; other values are no counts."""
        return {"rows": sum(map(len, self.groups)), "trained": True, "share": 0.5, "name": "x"}


def test_rows_are_computed_in_groups_and_read_again(tmp_path: Path) -> None:
    worker = Worker()
    calls: list[tuple[str, int, int]] = []
    first = ScoreCache(tmp_path / "a", lambda: worker.counters)
    rows = first.rows(KEYS, GROUPS, worker, unit="x", progress=lambda *call: calls.append(call))
    assert rows.tolist() == [0, 1, 4, 9, 16, 25, 36]
    assert worker.groups == GROUPS
    assert calls == [("x", 3, 7), ("x", 5, 7), ("x", 7, 7)]
    assert (first.seconds, dict(first.counts)) == (0.0, {})
    second, idle = ScoreCache(tmp_path / "a"), Worker(stop_at=0)
    assert second.rows(KEYS, GROUPS, idle).tolist() == [0, 1, 4, 9, 16, 25, 36]
    assert second.seconds > 0
    assert dict(second.counts) == {"rows": 7}
    assert not list((tmp_path / "a").glob("*.partial"))


def test_an_interrupted_computation_loses_one_group(tmp_path: Path) -> None:
    cut = Worker(stop_at=1)
    with pytest.raises(KeyboardInterrupt):
        ScoreCache(tmp_path, lambda: cut.counters).rows(KEYS, GROUPS, cut)
    resumed, worker = ScoreCache(tmp_path), Worker()
    assert resumed.rows(KEYS, GROUPS, worker).tolist() == [0, 1, 4, 9, 16, 25, 36]
    assert worker.groups == GROUPS[1:]
    assert dict(resumed.counts) == {"rows": 3}


def test_only_files_with_a_row_of_these_keys_are_counted(tmp_path: Path) -> None:
    stranger, worker = Worker(), Worker()
    strange_keys = [text_key("x"), text_key("y")]
    ScoreCache(tmp_path, lambda: stranger.counters).rows(strange_keys, [[0, 1]], stranger)
    cache = ScoreCache(tmp_path, lambda: worker.counters)
    cache.rows(KEYS, GROUPS, worker)
    assert dict(cache.counts) == {}
    # A row that another group holds already is not computed again.
    mixed = Worker()
    values = ScoreCache(tmp_path, lambda: mixed.counters).rows(
        [KEYS[3], text_key("z")], [[0, 1]], mixed
    )
    assert mixed.groups == [[1]]
    assert values.tolist() == [9.0, 1.0]


def test_without_a_folder_nothing_is_cached() -> None:
    worker = Worker()
    cache = ScoreCache()
    assert cache.rows(KEYS[:2], [[0, 1]], worker).tolist() == [0, 1]
    cache.rows(KEYS[:2], [[0, 1]], worker)
    assert worker.groups == [[0, 1], [0, 1]]


def test_a_damaged_file_is_computed_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ScoreCache(tmp_path).rows(KEYS, GROUPS, Worker())
    damaged, empty, _ = sorted(tmp_path.glob("*.npz"))
    damaged.write_bytes(damaged.read_bytes()[:-40])
    empty.write_bytes(b"")
    worker = Worker()
    with caplog.at_level(logging.WARNING):
        values = ScoreCache(tmp_path).rows(KEYS, GROUPS, worker)
    assert values.tolist() == [0, 1, 4, 9, 16, 25, 36]
    assert len(worker.groups) == 2
    assert "its rows are computed again" in caplog.text


def test_blocks_stay_under_both_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_score_cache, "BLOCK_ROWS", 4)
    monkeypatch.setattr(_score_cache, "BLOCK_WORDS", 100)
    sizes = [(1, 60), (1, 60), (3, 10), (1, 10), (9, 1), (1, 500), (1, 1)]
    ends = [1, 5, 6, 15, 16, 17]
    assert list(blocks(sizes)) == [range(*span) for span in pairwise([0, *ends])]
    assert list(blocks([])) == []


def test_texts_are_not_confused() -> None:
    assert text_key("ab", "c") != text_key("a", "bc")
    assert text_key("a") != text_key("a", "")
    assert text_key("é") == text_key("é")


def score(pool: CandidateSet, _: Progress) -> Run:
    return pool.run(pool.pairs, [float(len(pool.queries[q]) * len(d)) for q, d in pool.pairs])


def test_pairs_come_back_to_their_queries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_score_cache, "BLOCK_ROWS", 2)
    queries = {"q1": "a", "q2": "bb", "q3": "ccc"}
    docs = {"d": "one two", "dd": "one", "ddd": "one two three"}
    pool = CandidateSet(queries, docs, {"q1": ["ddd", "d"], "q2": ["dd"], "q3": []})
    calls: list[tuple[str, int, int]] = []
    cache = ScoreCache(tmp_path)
    run = pair_scores(cache, score, pool, progress=lambda *call: calls.append(call))
    assert run == {"q1": {"ddd": 3.0, "d": 1.0}, "q2": {"dd": 4.0}, "q3": {}}
    assert calls == [("pairs", 2, 3), ("pairs", 3, 3)]
    nothing = pair_scores(cache, score, CandidateSet(queries, docs, {}), progress=no_progress)
    assert nothing == {"q1": {}, "q2": {}, "q3": {}}


def test_vectors_come_back_in_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_score_cache, "BLOCK_ROWS", 2)
    texts = ["one two three", "one", "one two"]
    batches: list[list[str]] = []
    calls: list[tuple[str, int, int]] = []

    def encode(batch: Sequence[str], progress: Progress) -> Rows:
        batches.append(list(batch))
        progress("batch", 1, 2)
        return np.array([[len(text), 1.0] for text in batch], dtype=np.float32)

    for _ in range(2):
        cache = ScoreCache(tmp_path)
        vectors = text_vectors(cache, encode, texts, progress=lambda *call: calls.append(call))
        assert vectors.tolist() == [[13.0, 1.0], [3.0, 1.0], [7.0, 1.0]]
    assert batches == [["one", "one two"], ["one two three"]]
    assert calls[:4] == [("documents", count, 3) for count in (1, 2, 2, 3)]


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
        calls: list[tuple[Any, ...]] = []

        def progress(*call: Any) -> None:
            calls.append(call)
            if len(calls) == stop_at:
                raise KeyboardInterrupt

        system.progress = progress
        system.index(DOCS)
        return system.search(QUERIES, 20), dict(system.notes)

    whole, notes = run(None)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, stop_at=4)
    assert list(tmp_path.rglob("*.npz"))
    resumed, resumed_notes = run(tmp_path)
    assert resumed == whole
    for name in COUNTS:
        assert resumed_notes[name] == notes[name]
    assert resumed_notes["kept_wall_s"] > 0
    assert "kept_wall_s" not in notes
