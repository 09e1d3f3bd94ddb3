"""Rank tests and measures of noise on cases counted by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rabbench.stats import ranks


def test_five_samples_all_above_are_one_arrangement_in_252() -> None:
    base = np.array([1.0, 1.1, 1.2, 1.3, 1.4])
    assert ranks.mann_whitney(base, base * 3, 1.1).above == pytest.approx(1 / 252)
    assert ranks.mann_whitney(base, base / 3, 1.1).below == pytest.approx(1 / 252)


def test_seven_lengths_of_one_sign_are_one_pattern_in_128() -> None:
    assert ranks.signed_rank([2.0] * 7, 1.1).above == pytest.approx(1 / 128)
    assert ranks.signed_rank([1.0] * 7, 1.1).below == pytest.approx(1 / 128)
    assert ranks.signed_rank([1.1] * 7, 1.1) == ranks.OneSidedTests(1.0, 1.0)


def test_superiority_counts_ties_half() -> None:
    base = np.array([1.0, 2.0])
    assert ranks.superiority(base, base) == pytest.approx(0.5)
    assert ranks.superiority(base, base + 0.5) == pytest.approx(0.75)


def test_noise_is_what_equal_things_show() -> None:
    assert ranks.within_runs([np.array([1.0, 1.0, 2.0, 2.0])]) == [pytest.approx(math.log(0.5))]
    assert ranks.within_runs([np.ones(3)]) == []
    assert ranks.between_runs([np.ones(3), 2 * np.ones(3)]) == [pytest.approx(math.log(0.5))]
    tilted = [1.0, 2.0, 4.0, 8.0]
    assert ranks.between_lengths(tilted) == pytest.approx([0.0, 0.0])
    assert ranks.between_lengths([1.0, 2.0, 1.0]) == pytest.approx([-2 * math.log(2) / 6**0.5])


def test_three_sigma_of_normal_noise() -> None:
    noise = np.random.default_rng(0).normal(0, 0.02, 20_000)
    assert ranks.three_sigma(noise.tolist()) == pytest.approx(0.06, rel=0.03)
    assert ranks.three_sigma([]) == 0.0
