"""What a contrastive training remembers of documents."""

from __future__ import annotations

from pathlib import Path

import torch

from rabbench.training.memory import Latents


def _of(*values: float) -> torch.Tensor:
    return torch.tensor([[value, -value] for value in values])


def test_the_latest_latent_of_each_document_is_kept() -> None:
    memory = Latents(10)
    memory.remember(torch.tensor([3, 5, 3]), _of(1.0, 2.0, 3.0))
    memory.remember(torch.tensor([7, 5]), _of(4.0, 5.0))
    rows, states = memory.besides(torch.tensor([7]))
    assert dict(zip(rows.tolist(), states[:, 0].tolist(), strict=True)) == {3: 3.0, 5: 5.0}


def test_the_document_seen_longest_ago_goes_first() -> None:
    memory = Latents(2)
    memory.remember(torch.tensor([1, 2]), _of(1.0, 2.0))
    memory.remember(torch.tensor([1]), _of(3.0))
    memory.remember(torch.tensor([4]), _of(4.0))
    assert set(memory.rows.tolist()) == {1, 4}


def test_nothing_is_remembered_where_the_size_is_zero() -> None:
    memory = Latents(0)
    memory.remember(torch.tensor([1]), _of(1.0))
    rows, states = memory.besides(torch.tensor([2]))
    assert len(rows) == len(states) == 0


def test_no_gradient_flows_into_what_is_remembered() -> None:
    memory = Latents(4)
    memory.remember(torch.tensor([1]), _of(1.0).requires_grad_())
    assert not memory.states.requires_grad


def test_what_is_remembered_survives_on_disk(tmp_path: Path) -> None:
    memory, again = Latents(4), Latents(4)
    memory.remember(torch.tensor([1, 2]), _of(1.0, 2.0))
    memory.save(tmp_path)
    again.load(tmp_path)
    assert torch.equal(memory.rows, again.rows)
    assert torch.equal(memory.states, again.states)
