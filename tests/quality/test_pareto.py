"""Pareto fronts of cost and quality."""

from __future__ import annotations

import numpy as np

from rabbench.quality import pareto


def test_the_front_is_what_nothing_beats() -> None:
    costs = [1.0, 2.0, 2.0, 3.0, 4.0]
    qualities = np.array([0.3, 0.5, 0.4, 0.5, 0.6])
    assert pareto.on_front(costs, qualities).tolist() == [True, True, False, False, True]
    # The same cost and quality: neither dominates.
    assert pareto.on_front([1.0, 1.0], np.array([0.5, 0.5])).tolist() == [True, True]


def test_the_share_on_the_front_is_over_draws() -> None:
    draws = np.array([[0.5, 0.6], [0.5, 0.4], [0.5, 0.5], [0.5, 0.7]])
    assert pareto.shares([1.0, 2.0], draws).tolist() == [1.0, 0.5]
