"""The Pareto front of cost per query and quality, and how sure it is.

Reads rankings: FLOPs per query come from the systems' closed forms, times from the run itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from rabbench.quality.rankings import MeanOverDatasets, Ranking, SystemRow
from rabbench.stats.intervals import Array, Estimate, paired, resampled_means
from rabbench.types import Measurement

CostKind = Literal["flops", "time"]
COST_KINDS: tuple[CostKind, ...] = ("flops", "time")
Point = tuple[SystemRow, float, Estimate]
"""A system, its cost and its quality."""


@dataclass(frozen=True)
class ParetoPoint:
    """One system's cost and quality; ``share`` of resamples in which it is on the front."""

    label: str
    system: str
    cost: float
    quality: Estimate
    on_front: bool
    share: float


@dataclass(frozen=True)
class CostQualityView:
    """The systems of one data set, or of their mean, by one cost, cheapest first."""

    name: str
    metric: str
    kind: CostKind
    points: Sequence[ParetoPoint]

    @property
    def front(self) -> list[ParetoPoint]:
        """The points on the Pareto front."""
        return [point for point in self.points if point.on_front]


def on_front(costs: Sequence[float], qualities: Array) -> Any:
    """Whether each system is on the front: none costs no more, is no worse, and better in one.

    Args:
        costs: (S,) of each system; less is better.
        qualities: (…, S) of each system; more is better.

    Returns:
        (…, S), booleans.
    """
    cost = np.asarray(costs, dtype=float)
    # [..., i, j]: j dominates i
    no_dearer, cheaper = cost[None, :] <= cost[:, None], cost[None, :] < cost[:, None]
    quality_i, quality_j = qualities[..., :, None], qualities[..., None, :]
    dominated = no_dearer & (quality_j >= quality_i) & (cheaper | (quality_j > quality_i))
    return ~dominated.any(axis=-1)


def shares(costs: Sequence[float], draws: Array) -> Array:
    """The share of query resamples in which each system is on the front: (draws, S) → (S,)."""
    front_shares: Array = on_front(costs, draws).mean(axis=0)
    return front_shares


def query_cost(row: Measurement, kind: CostKind) -> float | None:
    """FLOPs or seconds that one query took, from a row's params; None where it is not known."""
    params = row.params
    if kind == "flops":
        return params.get("flops_per_query")
    wall_s, queries = params.get("search_wall_s"), params.get("n_queries")
    if wall_s is None or not queries:
        return None
    return max(float(wall_s) - float(params.get("documents_wall_s", 0.0)), 0.0) / int(queries)


def cost_quality_views(
    rankings: Sequence[Ranking], means: Sequence[MeanOverDatasets]
) -> list[CostQualityView]:
    """By each cost, a view of the mean over data sets (by the first metric) and of each one."""
    views = []
    for kind in COST_KINDS:
        views += [_mean_view(mean, kind) for mean in means[:1]]
        views += [_dataset_view(ranking, kind) for ranking in rankings]
    return [view for view in views if len(view.points) > 1]


def _dataset_view(ranking: Ranking, kind: CostKind) -> CostQualityView:
    """The systems whose cost is known; none where they share fewer than two queries."""
    costs = [(system, query_cost(system.row, kind)) for system in ranking.systems]
    priced = [(system, cost) for system, cost in costs if cost is not None]
    _, scores = paired(system.scores for system, _ in priced)
    if len(scores) < 2:
        return CostQualityView(ranking.dataset, ranking.metric, kind, ())
    points = [(system, cost, system.estimate) for system, cost in priced]
    return _view(ranking.dataset, ranking.metric, kind, points, resampled_means(scores))


def _mean_view(mean: MeanOverDatasets, kind: CostKind) -> CostQualityView:
    """Costs averaged over data sets as qualities are."""
    points: list[Point] = []
    for label in mean.labels:
        systems = mean.systems[label]
        costs = [query_cost(system.row, kind) for system in systems]
        priced = [cost for cost in costs if cost is not None]
        if len(priced) == len(systems):
            points.append((systems[0], mean.average(priced), mean.estimate(label)))
    labels = [system.label for system, *_ in points]
    draws = mean.draws[:, [label in labels for label in mean.labels]]
    return _view(f"mean over {len(mean.groups)} data sets", mean.metric, kind, points, draws)


def _view(
    name: str, metric: str, kind: CostKind, points: Sequence[Point], draws: Array
) -> CostQualityView:
    """A view of some systems; ``draws`` (draws, S) are resamples of their qualities."""
    costs = [cost for _, cost, _ in points]
    fronts = on_front(costs, np.array([quality.value for *_, quality in points]))
    pareto_points = [
        ParetoPoint(system.label, system.row.system, cost, quality, is_on, share)
        for (system, cost, quality), is_on, share in zip(
            points, fronts.tolist(), shares(costs, draws).tolist(), strict=True
        )
    ]
    pareto_points.sort(key=lambda point: (point.cost, -point.quality.value))
    return CostQualityView(name, metric, kind, pareto_points)
