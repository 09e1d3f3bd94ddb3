"""Ranking quality against its cost per query, and the Pareto front of both.

Reads quality rows: FLOPs per query come from the systems' closed forms, times from the run itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from rabbench.quality import pareto
from rabbench.report.page import Cell, Column, Figure, Record, Table, Value
from rabbench.report.plots.dots import CostDot, draw_pareto
from rabbench.report.quality.rankings import MeanOverDatasets, rankings
from rabbench.report.wording import amount
from rabbench.stats.intervals import Array, Estimate, paired, resampled_means
from rabbench.types import Measurement

FIGURES = 4  # data sets drawn at most
COSTS: Mapping[str, tuple[str, str]] = {
    "flops": ("FLOPs per query", "FLOP"),
    "time": ("time per query", "s"),
}
"""What a cost is called, and its unit."""

RULE = (
    "Cost is what one query costs online, once documents are indexed. FLOPs are matrix products "
    "by closed form at the data set’s mean lengths: the query’s encoding, every candidate’s "
    "score, and the first stage; dense pairs, a multiply-accumulate counted as two. BM25 runs "
    "none. Time is the wall time of the whole search on this machine over the number of queries, "
    "first stage and batching included; what a student spends there on reading documents for the "
    "first time is index work and left out, while a teacher over cached documents is charged for "
    "it. It is one run, so it has no interval. A system is on the Pareto front (a filled mark) if "
    "none that costs no more ranks as well; the share says in how many resamples of the queries "
    "it is."
)


Point = tuple[str, str, float, Estimate]
"""A label, its system, its cost and its quality."""


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
    kind: str
    points: Sequence[ParetoPoint]

    @property
    def front(self) -> list[ParetoPoint]:
        """The points on the Pareto front."""
        return [point for point in self.points if point.on_front]

    def cost_text(self, point: ParetoPoint) -> str:
        """A point's cost in words."""
        return amount(point.cost, COSTS[self.kind][1]) if point.cost else "none"

    def record(self, label: str) -> Record:
        """A system in a table: its cost, whether it is on the front, and how sure that is."""
        point = next((point for point in self.points if point.label == label), None)
        cost, unit = COSTS[self.kind]
        word = cost.partition(" ")[0]
        record: dict[Column | str, Cell | Value] = dict.fromkeys(
            (cost, f"{word} front", f"{word} front in resamples")
        )
        if point is not None:
            words = "" if point.cost else "none"
            record[cost] = Cell(value=point.cost, role="amount", unit=unit, words=words)
            record[f"{word} front"] = "yes" if point.on_front else "no"
            record[f"{word} front in resamples"] = Cell(value=point.share, role="share")
        return record


def query_cost(row: Measurement, kind: str) -> float | None:
    """FLOPs or seconds that one query took, from a row's params; None where it is not known."""
    params = row.params
    if kind == "flops":
        return params.get("flops_per_query")
    wall_s, queries = params.get("search_wall_s"), params.get("n_queries")
    if wall_s is None or not queries:
        return None
    return max(float(wall_s) - float(params.get("documents_wall_s", 0.0)), 0.0) / int(queries)


def cost_quality_views(
    rows: Sequence[Measurement], means: Sequence[MeanOverDatasets]
) -> list[CostQualityView]:
    """By each cost, a view of the mean over data sets (by the first metric) and of each one."""
    views = []
    for kind in COSTS:
        views += [_mean_view(mean, kind) for mean in means[:1]]
        for dataset, systems in rankings(rows).items():
            costs = {system.label: query_cost(system.row, kind) for system in systems}
            systems = [system for system in systems if costs[system.label] is not None]
            _, scores = paired(system.scores for system in systems)
            if len(scores) > 1:
                points: list[Point] = [
                    (system.label, system.row.system, costs[system.label] or 0.0, system.estimate)
                    for system in systems
                ]
                metric = systems[0].row.measure
                views.append(_view(dataset, metric, kind, points, resampled_means(scores)))
    return [view for view in views if len(view.points) > 1]


def _mean_view(mean: MeanOverDatasets, kind: str) -> CostQualityView:
    """Costs averaged over data sets as qualities are."""
    points: list[Point] = []
    for label in mean.labels:
        costs = {dataset: query_cost(row, kind) for dataset, row in mean.rows[label].items()}
        if None not in costs.values():
            system = next(iter(mean.rows[label].values())).system
            cost = mean.average({dataset: cost or 0.0 for dataset, cost in costs.items()})
            points.append((label, system, cost, mean.estimate(label)))
    labels = [label for label, *_ in points]
    draws = mean.draws[:, [label in labels for label in mean.labels]]
    return _view(f"mean over {len(mean.groups)} data sets", mean.metric, kind, points, draws)


def _view(
    name: str, metric: str, kind: str, points: Sequence[Point], draws: Array
) -> CostQualityView:
    """A view of some systems; ``draws`` (draws, S) are resamples of their qualities."""
    costs = [cost for _, _, cost, _ in points]
    on_front = pareto.on_front(costs, np.array([quality.value for *_, quality in points]))
    judged = zip(points, on_front.tolist(), pareto.shares(costs, draws).tolist(), strict=True)
    front = [ParetoPoint(*point, is_on, share) for point, is_on, share in judged]
    front.sort(key=lambda point: (point.cost, -point.quality.value))
    return CostQualityView(name, metric, kind, front)


def cost_tables(views: Sequence[CostQualityView]) -> list[Table]:
    """A table per data set, both costs beside the quality."""
    tables = []
    for name in dict.fromkeys(view.name for view in views):
        of_name = [view for view in views if view.name == name]
        estimates = {point.label: point.quality for view in of_name for point in view.points}
        records = []
        for label, quality in estimates.items():
            record: Record = {"system": label, of_name[0].metric: Cell.estimate(quality, "score")}
            for view in of_name:
                record = {**record, **view.record(label)}
            records.append(record)
        caption = f"{name}: quality and what a query costs, cheapest first"
        tables.append(Table.from_records(f"cost-quality-{name}", caption, records))
    return tables


def pareto_figures(views: Sequence[CostQualityView], slots: Mapping[str, int]) -> list[Figure]:
    """The mean over data sets, else each data set, by each cost."""
    names = list(dict.fromkeys(view.name for view in views))[: FIGURES + 1]
    return [_pareto_figure(view, slots) for view in views if view.name in names]


def _pareto_figure(view: CostQualityView, slots: Mapping[str, int]) -> Figure:
    cost, unit = COSTS[view.kind]
    slug = "".join(sign if sign.isalnum() else "-" for sign in view.name)
    id_ = f"fig-pareto-{view.kind}-{slug}"
    points = "; ".join(
        f"{point.label} {point.quality.value:.3f} at {view.cost_text(point)}"
        for point in view.points
    )
    alt = (
        f"{view.metric} on {view.name} against {cost}, logarithmic. On the front: "
        f"{', '.join(point.label for point in view.front)}. {points}."
    )
    dots = [
        CostDot(point.label, slots[point.system], point.quality, point.cost, point.on_front)
        for point in view.points
    ]
    svg = draw_pareto(id_, dots, (cost, view.metric), partial(amount, unit=unit), alt)
    (data,) = cost_tables([view])
    note = "Bars are 95 % intervals; filled marks and the line are the Pareto front."
    return Figure(id_, f"{view.metric} against {cost}: {view.name}", alt, svg, data, note)


def front_sentences(views: Sequence[CostQualityView]) -> list[str]:
    """The Pareto front of one view: of the mean over data sets or of the first, by FLOPs."""
    view = min(views, key=lambda view: view.kind != "flops", default=None)
    if view is None:
        return []
    points = ", ".join(
        f"{point.label} ({point.quality.value:.3f}, {view.cost_text(point)})"
        for point in view.front
    )
    cost = f"{view.metric} against {COSTS[view.kind][0]}, {view.name}"
    return [f"On the Pareto front of {cost}: {points}."]
