"""The losses by hand-made numbers."""

from __future__ import annotations

import math

import pytest
import torch

from rabbench.models import losses


def test_sft_is_cross_entropy_on_the_right_answer() -> None:
    logits = torch.tensor([[2.0, 0.0, 1.0], [0.0, 3.0, 1.0]])
    loss = losses.sft(logits, torch.tensor([True, False]), answers=(0, 1))
    first = -math.log(math.exp(2) / (math.exp(2) + 1 + math.e))
    second = -math.log(math.exp(3) / (math.exp(3) + 1 + math.e))
    assert float(loss) == pytest.approx((first + second) / 2)


def test_dpo_starts_at_log_two_and_falls_in_the_right_direction() -> None:
    before = torch.tensor([0.3, -0.2])
    relevant = torch.tensor([True, False])
    assert float(losses.dpo(before, before, relevant, 0.1)) == pytest.approx(math.log(2))
    better = losses.dpo(before + torch.tensor([1.0, -1.0]), before, relevant, 0.1)
    assert float(better) == pytest.approx(math.log(1 + math.exp(-0.1)))


def test_listwise_ignores_empty_places_and_divides_by_the_temperature() -> None:
    scores = torch.tensor([[1.0, 0.0, -torch.inf]])
    assert float(losses.listwise(scores)) == pytest.approx(math.log(1 + math.exp(-1)))
    assert float(losses.listwise(scores, 0.5)) == pytest.approx(math.log(1 + math.exp(-2)))


def test_mse_is_a_sum_over_dimensions() -> None:
    assert losses.mse(torch.ones(2, 3, 5), torch.zeros(2, 3, 5)).tolist() == [[5.0] * 3] * 2


def test_reverse_kl_is_the_expectation_under_the_student() -> None:
    student, teacher = torch.tensor([0.9, 0.1]), torch.tensor([0.5, 0.5])
    divergence = losses.reverse_kl(student.log(), teacher.log())
    expected = 0.9 * math.log(0.9 / 0.5) + 0.1 * math.log(0.1 / 0.5)
    assert float(divergence) == pytest.approx(expected, rel=1e-5)
    assert float(losses.reverse_kl(teacher.log(), student.log())) != pytest.approx(expected)
    assert float(losses.reverse_kl(student.log() + 3, student.log())) == pytest.approx(0, abs=1e-6)


def test_contrastive_leaves_barred_documents_out_and_reads_the_relevant_column() -> None:
    scores = torch.tensor([[1.0, 9.0, 0.5], [0.2, 0.4, 0.1]])
    barred = torch.tensor([[False, True, False], [False, False, False]])
    loss, hits = losses.contrastive(scores, torch.tensor([0, 2]), barred, 0.5)
    first = math.log(1 + math.exp((0.5 - 1.0) / 0.5))  # the barred 9.0 is no negative
    second = math.log(1 + math.exp((0.2 - 0.1) / 0.5) + math.exp((0.4 - 0.1) / 0.5))
    assert float(loss) == pytest.approx((first + second) / 2)
    assert hits.tolist() == [True, False]
