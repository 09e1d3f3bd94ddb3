"""Composition: depth, first stage, the whole collection, and what truncation reports."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rabbench import registry
from rabbench.config.options import Options
from rabbench.types import UsageError

DOCS = {f"d{i}": f"kettle water number {i} " + "tea " * i for i in range(8)}
QUERY = {"q": "tea from the kettle"}


def test_only_first_stage_candidates_are_scored(options: Options) -> None:
    shallow = replace(options, depth=3)
    first = registry.load("systems", "bm25").build(shallow)
    first.index(DOCS)
    candidates = first.search(QUERY, 3)["q"].keys()
    teacher = registry.load("systems", "teacher").build(shallow)
    teacher.index(DOCS)
    assert teacher.search(QUERY, 8)["q"].keys() == candidates
    assert teacher.notes["candidates"] == "bm25"


def test_a_depth_that_covers_the_collection_needs_no_first_stage(options: Options) -> None:
    teacher = registry.load("systems", "teacher").build(replace(options, depth=8))
    teacher.index(DOCS)
    assert teacher.search({"q": "zzz"}, 8)["q"].keys() == DOCS.keys()
    assert teacher.notes["candidates"] == "all documents"


def test_what_truncation_cut_is_reported(options: Options) -> None:
    for name in ("teacher", "rabtriever"):
        system = registry.load("systems", name).build(replace(options, max_doc_len=5))
        system.index(DOCS)
        system.search(QUERY, 8)
        assert system.notes["documents_cut"] == len(DOCS)
        assert system.notes["tokens_cut"] > 8


def test_the_student_says_that_it_is_untrained(options: Options) -> None:
    assert registry.load("systems", "rabtriever").build(options).params["trained"] is False


def test_an_unknown_first_stage_lists_the_known(options: Options) -> None:
    system = registry.load("systems", "teacher").build(replace(options, first_stage="x", depth=2))
    with pytest.raises(UsageError, match=r"unknown system 'x'; known: bm25, cross-encoder, dense"):
        system.index(DOCS)


def test_an_unknown_dense_model_lists_the_known(options: Options) -> None:
    with pytest.raises(UsageError, match="unknown dense model 'x'; known: all-minilm-l6-v2"):
        registry.load("systems", "dense").build(replace(options, dense_model="x"))
