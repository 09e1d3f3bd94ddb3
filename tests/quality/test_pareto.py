"""Pareto fronts of cost and quality."""

from __future__ import annotations

import numpy as np
import pytest

from rabbench.quality import pareto
from rabbench.quality.rankings import first_rankings, means_over_datasets
from rabbench.report.quality.tables import rank_systems
from tests.report.quality.rankings import four_systems


def test_the_front_is_what_nothing_beats() -> None:
    costs = [1.0, 2.0, 2.0, 3.0, 4.0]
    qualities = np.array([0.3, 0.5, 0.4, 0.5, 0.6])
    assert pareto.on_front(costs, qualities).tolist() == [True, True, False, False, True]
    # The same cost and quality: neither dominates.
    assert pareto.on_front([1.0, 1.0], np.array([0.5, 0.5])).tolist() == [True, True]


def test_the_share_on_the_front_is_over_draws() -> None:
    draws = np.array([[0.5, 0.6], [0.5, 0.4], [0.5, 0.5], [0.5, 0.7]])
    assert pareto.shares([1.0, 2.0], draws).tolist() == [1.0, 0.5]


def test_a_beaten_system_is_off_the_front() -> None:
    rows = four_systems()
    dear = rows[0].with_changes(
        system="slow", params={"search_wall_s": 80.0, "flops_per_query": 10**12}
    )
    views = pareto.cost_quality_views(first_rankings(rank_systems([*rows, dear])), [])
    assert {view.kind for view in views} == {"flops", "time"}
    for view in views:
        (slow,) = (point for point in view.points if point.label == "slow")
        assert not slow.on_front
        assert slow.share == 0


def test_the_cost_of_a_mean_is_a_mean_of_costs() -> None:
    dearer = [
        row.with_changes(params={"flops_per_query": 3 * 10**9}) for row in four_systems("b", seed=1)
    ]
    rows = [*four_systems("a"), *dearer]
    rankings = rank_systems(rows)
    means = means_over_datasets(rankings, [])
    views = pareto.cost_quality_views(first_rankings(rankings), means)
    mean = views[0]
    assert (mean.name, mean.kind) == ("mean over 2 data sets", "flops")
    assert {point.label: point.cost for point in mean.points}["dense"] == pytest.approx(2e9)
