"""Ranking quality against its cost per query, and the Pareto front of both.

Reads quality rows: FLOPs per query come from the systems' closed forms, times from the run itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from rabbench.quality import pareto
from rabbench.report.page import Cell, Column, Figure, Table, Value, figure_data
from rabbench.report.plots.dots import CostDot, draw_pareto
from rabbench.report.quality.rankings import MeanOverDatasets, rankings, row_estimate
from rabbench.report.wording import amount
from rabbench.stats.intervals import UNKNOWN, Array, Estimate, paired, resampled_means
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
    def unit(self) -> str:
        """The unit of the cost."""
        return COSTS[self.kind][1]

    @property
    def front(self) -> list[ParetoPoint]:
        """The points on the Pareto front."""
        return [point for point in self.points if point.on_front]

    @property
    def axes(self) -> str:
        """Both axes and the data: “mrr against FLOPs per query, esconv”."""
        return f"{self.metric} against {COSTS[self.kind][0]}, {self.name}"

    def cost_text(self, point: ParetoPoint) -> str:
        """A point's cost in words."""
        return amount(point.cost, self.unit) if point.cost else "none"


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
            if len(systems) < 2 or len(scores) < 2:
                continue
            points = _points(
                [system.label for system in systems],
                [system.row.system for system in systems],
                [costs[system.label] or 0.0 for system in systems],
                [row_estimate(system.row) or UNKNOWN for system in systems],
                resampled_means(scores),
            )
            views.append(CostQualityView(dataset, systems[0].row.measure, kind, points))
    return [view for view in views if len(view.points) > 1]


def _mean_view(mean: MeanOverDatasets, kind: str) -> CostQualityView:
    """Costs averaged over data sets as qualities are."""
    costs: dict[str, float] = {}
    for label in mean.labels:
        per_dataset = {name: query_cost(row, kind) for name, row in mean.rows[label].items()}
        if None not in per_dataset.values():
            costs[label] = mean.average({name: cost or 0.0 for name, cost in per_dataset.items()})
    points = _points(
        list(costs),
        [next(iter(mean.rows[label].values())).system for label in costs],
        list(costs.values()),
        [mean.estimate(label) for label in costs],
        mean.draws[:, [i for i, label in enumerate(mean.labels) if label in costs]],
    )
    name = f"mean over {len(mean.groups)} data sets"
    return CostQualityView(name, mean.metric, kind, points)


def _points(
    labels: Sequence[str],
    systems: Sequence[str],
    costs: Sequence[float],
    qualities: Sequence[Estimate],
    draws: Array,
) -> list[ParetoPoint]:
    """The systems of a view; ``draws`` (draws, S) are resamples of their qualities."""
    if not labels:
        return []
    on_front = pareto.on_front(costs, np.array([quality.value for quality in qualities]))
    shares = pareto.shares(costs, draws).tolist()
    columns = (labels, systems, costs, qualities, on_front.tolist(), shares)
    points = [ParetoPoint(*values) for values in zip(*columns, strict=True)]
    return sorted(points, key=lambda point: (point.cost, -point.quality.value))


def cost_tables(views: Sequence[CostQualityView]) -> list[Table]:
    """A table per data set, both costs beside the quality."""
    tables = []
    for name in dict.fromkeys(view.name for view in views):
        by_kind = {view.kind: view for view in views if view.name == name}
        points = {
            kind: {point.label: point for point in view.points} for kind, view in by_kind.items()
        }
        metric = next(iter(by_kind.values())).metric
        columns: list[Column | str] = ["system", Column(metric, "score")]
        for kind in by_kind:
            cost, unit = COSTS[kind]
            word = cost.partition(" ")[0]
            columns += [Column(cost, unit=unit), f"{word} front"]
            columns += [Column(f"{word} front in resamples", "share")]
        lines: list[list[Cell | Value]] = []
        for label in dict.fromkeys(label for by_label in points.values() for label in by_label):
            of_system = [by_label.get(label) for by_label in points.values()]
            quality = next(point.quality for point in of_system if point is not None)
            line: list[Cell | Value] = [label, Cell.estimate(quality, "score")]
            for kind, point in zip(by_kind, of_system, strict=True):
                line += [None] * 3 if point is None else _point_cells(point, COSTS[kind][1])
            lines.append(line)
        caption = f"{name}: quality and what a query costs, cheapest first"
        tables.append(Table(f"cost-quality-{name}", caption, columns, lines))
    return tables


def _point_cells(point: ParetoPoint, unit: str) -> list[Cell | Value]:
    cost = Cell(value=point.cost, role="amount", unit=unit, words="" if point.cost else "none")
    return [cost, "yes" if point.on_front else "no", point.share]


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
    data = figure_data(
        [
            ("system", ""), (cost, unit), (view.metric, ""), ("low", ""), ("high", ""),
            ("on the front", ""), ("share of resamples on it", ""),
        ],
        [
            [
                point.label, point.cost, point.quality.value, point.quality.low,
                point.quality.high, "yes" if point.on_front else "no", point.share,
            ]
            for point in view.points
        ],
    )  # fmt: skip
    note = "Bars are 95 % intervals; filled marks and the line are the Pareto front."
    return Figure(id_, f"{view.metric} against {cost}: {view.name}", alt, svg, data, note)


def main_view(views: Iterable[CostQualityView]) -> CostQualityView | None:
    """The view that a sentence is about: of the mean over data sets or the first, by FLOPs."""
    return min(views, key=lambda view: view.kind != "flops", default=None)


def front_sentences(views: Sequence[CostQualityView]) -> list[str]:
    """The Pareto front of the view that tells most."""
    view = main_view(views)
    if view is None:
        return []
    points = ", ".join(
        f"{point.label} ({point.quality.value:.3f}, {view.cost_text(point)})"
        for point in view.front
    )
    return [f"On the Pareto front of {view.axes}: {points}."]
