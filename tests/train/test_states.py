"""The teacher's states: right, asked once, and kept through a kill."""

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
    monkeypatch.setattr(states, "SHARED", shared)  # over the document's cache, or each pair whole
    found = TeacherStates(backbone, tmp_path, batch=2).ask(PAIRS)
    whole = torch.cat([backbone.hidden([document + query]) for document, query in PAIRS])
    torch.testing.assert_close(found, whole, rtol=1e-4, atol=1e-5)


def test_a_pair_is_never_computed_twice(backbone: Backbone, tmp_path: Path) -> None:
    first = TeacherStates(backbone, tmp_path)
    once = first.ask(PAIRS)
    assert torch.equal(first.ask([*PAIRS, MORE])[:4], once)
    assert (first.computed, first.reused) == (5, 4)
    first.flush()
    later = TeacherStates(backbone, tmp_path)
    assert torch.equal(later.ask(PAIRS), once)
    assert (later.computed, later.reused) == (0, 4)


def test_a_text_by_itself_is_encoded_once_and_is_no_pair(
    backbone: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = [[1, 2, 3], [4, 5], [1, 2, 3]]
    first = TeacherStates(backbone, tmp_path)
    once = first.alone(parts)
    whole = torch.cat([backbone.hidden([part]) for part in parts])
    torch.testing.assert_close(once, whole, rtol=1e-4, atol=1e-5)
    assert first.computed == 0
    first.flush()
    monkeypatch.setattr(Backbone, "hidden", lambda *_: pytest.fail("encoded again"))
    assert torch.equal(TeacherStates(backbone, tmp_path).alone(parts), once)


def test_what_a_kill_left_half_written_is_not_read(
    backbone: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(states, "SHARD", 1)
    TeacherStates(backbone, tmp_path).ask(PAIRS)
    (tmp_path / "0123456789abcdef.77.partial").write_bytes(b"half")
    again = TeacherStates(backbone, tmp_path)
    again.ask(PAIRS)
    assert again.computed == 0


def test_another_teacher_has_another_folder(backbone: Backbone, teacher_folder: Path) -> None:
    assert states.folder_of(resolve(str(teacher_folder))) != states.folder_of(backbone)
