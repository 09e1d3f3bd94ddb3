"""The teacher's states: right, computed once, and intact after a kill."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from rabbench.models.backbone import Backbone, resolve
from rabbench.train import states
from rabbench.train.states import TeacherStates

PAIRS = [([1, 2, 3], [4, 5]), ([1, 2, 3], [6]), ([7, 8], [4, 5]), ([1, 2, 3], [9, 9, 9])]
MORE = ([1, 2, 3], [5, 4])


@pytest.fixture
def backbone(tiny_model: Path) -> Backbone:
    return resolve(str(tiny_model))


@pytest.mark.parametrize("shared", [1, 3, 99])
def test_states_are_those_of_the_whole_pair(
    backbone: Backbone, tmp_path: Path, shared: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        states, "MIN_SHARED", shared
    )  # over the document's cache, or each pair whole
    encoded = TeacherStates(backbone, tmp_path, batch=2).encode_pairs(PAIRS)
    whole = torch.cat([backbone.hidden([document + query]) for document, query in PAIRS])
    torch.testing.assert_close(encoded, whole, rtol=1e-4, atol=1e-5)


def test_a_pair_is_never_computed_twice(backbone: Backbone, tmp_path: Path) -> None:
    first = TeacherStates(backbone, tmp_path)
    encoded = first.encode_pairs(PAIRS)
    assert torch.equal(first.encode_pairs([*PAIRS, MORE])[:4], encoded)
    assert (first.n_computed, first.n_reused) == (5, 4)
    first.flush()
    later = TeacherStates(backbone, tmp_path)
    assert torch.equal(later.encode_pairs(PAIRS), encoded)
    assert (later.n_computed, later.n_reused) == (0, 4)


def test_a_text_by_itself_is_encoded_once_and_is_no_pair(
    backbone: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = [[1, 2, 3], [4, 5], [1, 2, 3]]
    first = TeacherStates(backbone, tmp_path)
    encoded = first.encode_parts(parts)
    whole = torch.cat([backbone.hidden([part]) for part in parts])
    torch.testing.assert_close(encoded, whole, rtol=1e-4, atol=1e-5)
    assert first.n_computed == 0
    first.flush()
    monkeypatch.setattr(Backbone, "hidden", lambda *_: pytest.fail("encoded again"))
    assert torch.equal(TeacherStates(backbone, tmp_path).encode_parts(parts), encoded)


def test_what_a_kill_left_half_written_is_not_read(
    backbone: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(states, "SHARD", 1)
    TeacherStates(backbone, tmp_path).encode_pairs(PAIRS)
    (tmp_path / "0123456789abcdef.77.partial").write_bytes(b"half")
    resumed = TeacherStates(backbone, tmp_path)
    resumed.encode_pairs(PAIRS)
    assert resumed.n_computed == 0


def test_another_teacher_has_another_folder(backbone: Backbone, teacher_folder: Path) -> None:
    assert states.states_folder(resolve(str(teacher_folder))) != states.states_folder(backbone)
