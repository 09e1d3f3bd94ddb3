"""Ranking quality beside its cost per query, and the systems that no other beats in both.

Reads quality rows: FLOPs per query come from the systems' closed forms, times from the run itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from rabbench.quality import pareto
from rabbench.report.page import Figure, Table, figure_data
from rabbench.report.plots.dots import CostDot, draw_pareto
from rabbench.report.quality.means import Mean
from rabbench.report.quality.tables import datasets, entries
from rabbench.report.wording import amount, percent
from rabbench.stats.intervals import Array, Estimate, paired, percentile_interval, resampled_means
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
    "it. It is one run, so it has no interval. A system is on the front (a filled mark) if none "
    "that costs no more ranks as well; the share says in how many resamples of the queries it is."
)


@dataclass(frozen=True)
class Place:
    """One system's cost and quality; ``on`` the front, and in what share of resamples."""

    label: str
    system: str
    cost: float
    quality: Estimate
    on: bool
    share: float


@dataclass(frozen=True)
class View:
    """The systems of one data set, or of their mean, by one cost, cheapest first."""

    name: str
    metric: str
    cost: str
    places: Sequence[Place] = field(default_factory=tuple)


def cost_of(row: Measurement, kind: str) -> float | None:
    """FLOPs or seconds that one query took, from a row's params; None where it is not known."""
    params = row.params
    if kind == "flops":
        return params.get("flops_per_query")
    wall, queries = params.get("search_wall_s"), params.get("n_queries")
    if wall is None or not queries:
        return None
    return max(float(wall) - float(params.get("documents_wall_s", 0.0)), 0.0) / int(queries)


def views(rows: Sequence[Measurement], found: Sequence[Mean]) -> list[View]:
    """By each cost, a view of the mean over data sets (by the first metric) and of each one."""
    made = []
    for kind in COSTS:
        if found:
            made.append(_of_mean(found[0], kind))
        for dataset, of_dataset in datasets(rows).items():
            ranked = [one for one in entries(of_dataset) if cost_of(one.row, kind) is not None]
            _, matrix = paired(one.scores for one in ranked)
            if len(ranked) < 2 or len(matrix) < 2:
                continue
            named = {one.label: one.row for one in ranked}
            costs = [cost_of(row, kind) or 0.0 for row in named.values()]
            values = [row.value or 0.0 for row in named.values()]
            places = _places(named, costs, values, resampled_means(matrix))
            made.append(View(dataset, of_dataset[0].measure, kind, places))
    return [view for view in made if len(view.places) > 1]


def _of_mean(mean: Mean, kind: str) -> View:
    """Costs averaged over data sets as qualities are."""
    known: dict[str, float] = {}
    for label in mean.labels:
        costs = {name: cost_of(row, kind) for name, row in mean.rows[label].items()}
        if None not in costs.values():
            known[label] = mean.mean({name: cost or 0.0 for name, cost in costs.items()})
    kept = [i for i, label in enumerate(mean.labels) if label in known]
    named = {mean.labels[i]: next(iter(mean.rows[mean.labels[i]].values())) for i in kept}
    values = [float(mean.values[i]) for i in kept]
    name = f"mean over {len(mean.units)} data sets"
    places = _places(named, list(known.values()), values, mean.draws[:, kept]) if kept else []
    return View(name, mean.metric, kind, places)


def _places(
    named: Mapping[str, Measurement], costs: Sequence[float], values: Sequence[float], draws: Array
) -> list[Place]:
    import numpy as np

    on = pareto.on_front(costs, np.asarray(values))
    shares = pareto.shares(costs, draws)
    found = [
        Place(
            label,
            row.system,
            costs[i],
            percentile_interval(values[i], draws[:, i]),
            bool(on[i]),
            shares[i],
        )
        for i, (label, row) in enumerate(named.items())
    ]
    return sorted(found, key=lambda one: (one.cost, -one.quality.value))


def tables(found: Sequence[View]) -> list[Table]:
    """A table per data set, both costs beside the quality."""
    made = []
    for name in dict.fromkeys(view.name for view in found):
        mine = {view.cost: view for view in found if view.name == name}
        places = {
            kind: {place.label: place for place in view.places} for kind, view in mine.items()
        }
        labels = dict.fromkeys(label for some in places.values() for label in some)
        columns = ["system", next(iter(mine.values())).metric]
        for kind in mine:
            columns += [COSTS[kind][0], "on its front"]
        lines = []
        for label in labels:
            seen = next(some[label] for some in places.values() if label in some)
            low, high = seen.quality.low, seen.quality.high
            line = [label, f"{seen.quality.value:.3f} ({low:.3f}–{high:.3f})"]
            for kind in mine:
                line += _cells(places[kind].get(label), kind)
            lines.append(line)
        made.append(
            Table(
                id=f"cost-quality-{name}",
                caption=f"{name}: quality and what a query costs, cheapest first",
                columns=columns,
                rows=lines,
                numeric=frozenset(range(1, len(columns))),
            )
        )
    return made


def _cells(place: Place | None, kind: str) -> list[str]:
    if place is None:
        return ["–", "–"]
    cost = "none" if place.cost == 0 else amount(place.cost, COSTS[kind][1])
    share = "0 %" if place.share == 0 else percent(place.share)
    return [cost, f"{'yes' if place.on else 'no'} ({share} of resamples)"]


def figures(found: Sequence[View], slots: Mapping[str, int]) -> list[Figure]:
    """The mean over data sets, else each data set, by each cost."""
    named = list(dict.fromkeys(view.name for view in found))
    drawn = named[: FIGURES + 1]
    return [_figure(view, slots) for view in found if view.name in drawn]


def _figure(view: View, slots: Mapping[str, int]) -> Figure:
    title, unit = COSTS[view.cost]
    front = [place for place in view.places if place.on]
    said = "; ".join(
        f"{place.label} {place.quality.value:.3f} at "
        f"{'none' if place.cost == 0 else amount(place.cost, unit)}"
        for place in view.places
    )
    id_ = f"fig-pareto-{view.cost}-{_slug(view.name)}"
    alt = (
        f"{view.metric} on {view.name} against {title}, logarithmic. On the front: "
        f"{', '.join(place.label for place in front)}. {said}."
    )
    dots = [
        CostDot(place.label, slots[place.system], place.quality, place.cost, place.on)
        for place in view.places
    ]
    svg = draw_pareto(id_, dots, (title, view.metric), partial(amount, unit=unit), alt)
    data = figure_data(
        [
            ("system", ""), (title, unit), (view.metric, ""), ("low", ""), ("high", ""),
            ("on the front", ""), ("share of resamples on it", ""),
        ],
        [
            [
                place.label, place.cost, place.quality.value, place.quality.low,
                place.quality.high, "yes" if place.on else "no", float(place.share),
            ]
            for place in view.places
        ],
    )  # fmt: skip
    note = "Bars are 95 % intervals; filled marks and the line are the Pareto front."
    return Figure(id_, f"{view.metric} against {title}: {view.name}", alt, svg, data, note)


def _slug(name: str) -> str:
    return "".join(sign if sign.isalnum() else "-" for sign in name)


def sentences(found: Sequence[View]) -> list[str]:
    """The front by FLOPs of the mean over data sets, or of the only one."""
    counted = [view for view in found if view.cost == "flops"] or list(found)
    if not counted:
        return []
    view = counted[0]
    front = [place for place in view.places if place.on]
    unit = COSTS[view.cost][1]
    parts = [
        f"{place.label} ({place.quality.value:.3f}, "
        f"{'none' if place.cost == 0 else amount(place.cost, unit)})"
        for place in front
    ]
    return [
        f"Neither cheaper nor better can be had without losing the other ({view.metric} against "
        f"{COSTS[view.cost][0]}, {view.name}): {', '.join(parts)}."
    ]
