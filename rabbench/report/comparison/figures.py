"""Figures of several runs in one: cost of a pair, and teacher over student, against length.

A colour stands for a run. Decides what is drawn; how it looks is ``plots``' matter. Only what
``costs`` and ``ratios`` have matched is drawn together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from rabbench.report.comparison.costs import MatchedCost
from rabbench.report.comparison.ratios import FitsBySide, RatioComparison
from rabbench.report.labels import SEPARATOR, STUDENT, TEACHER, name_of, rank
from rabbench.report.page import Figure, figure_data
from rabbench.report.plots.curves import Series, draw_curves
from rabbench.report.wording import amount, join_words, times

DRAWN = ("flops", "latency")
MARGIN = 12  # characters of a name in a figure's margin


def draw(
    matched: Sequence[MatchedCost],
    fits: FitsBySide,
    ratios: Sequence[RatioComparison],
    slots: Mapping[str, int],
) -> list[Figure]:
    """The cost of a pair for each set of runs that may share axes, then the factors."""
    figures: list[Figure] = []
    for measure in DRAWN:
        scores = [
            cost
            for cost in matched
            if (cost.key.measure, cost.key.phase) == (measure, "score")
            and cost.key.pairs in {"", "dense"}
            and cost.measured
        ]
        for sides in dict.fromkeys(cost.sides for cost in scores):
            group = [cost for cost in scores if cost.sides == sides]
            figures.append(_cost_figure(group, fits, slots, f"fig-{measure}-{len(figures)}"))
    main = [ratio for ratio in ratios if ratio.pairs != "causal" and ratio.measure in DRAWN]
    main = [r for r in main if (r.over.split(SEPARATOR)[0], r.under) == (TEACHER, STUDENT)]
    return [
        *figures,
        *(_ratio_figure(r, slots, f"fig-factor-{r.measure}-{i}") for i, r in enumerate(main)),
    ]


def _cost_figure(
    costs: Sequence[MatchedCost], fits: FitsBySide, slots: Mapping[str, int], id_: str
) -> Figure:
    title = f"{name_of(costs[0].key.measure)} of a pair, {join_words(costs[0].sides)}"
    costs = [cost for cost in costs if cost.key.system in {TEACHER, STUDENT}] or costs
    unit = next(iter(costs[0].sweeps[0].values())).unit
    series: list[Series] = []
    rows: list[tuple[str | float | int | None, ...]] = []
    for cost in sorted(costs, key=lambda cost: rank(cost.key.system)):
        key = cost.key
        for side, sweep in zip(cost.sides, cost.sweeps, strict=True):
            points = {n: row.value for n, row in sweep.items() if row.value}
            fit = fits.get((key.label, key.measure, key.phase), {}).get(side)
            judged = fit if fit is not None and fit.order != "not judged" else None
            line = Series(
                label=f"{key.label}{SEPARATOR}{_narrow(side)}",
                slot=slots[side],
                points=points,
                failed=[(n, row.status) for n, row in sweep.items() if row.value is None],
                fitted=frozenset(points),
                curve=judged.predict if judged else None,
                band=judged.band if judged and judged.covariance else None,
            )
            series = _merge_equal(series, line, key.label)
            rows += [(key.label, side, n, row.value) for n, row in sorted(sweep.items())]
    series = [line for line in series if line.points]
    ends = [
        f"{line.label}: {amount(line.points[min(line.points)], unit)} to "
        f"{amount(line.points[max(line.points)], unit)}"
        for line in series
    ]
    alt = f"{title}, against document length, log–log. {'; '.join(ends)}."
    columns = (("system", ""), ("run", ""), ("document tokens", ""), ("cost", unit))
    svg = draw_curves(id_, series, unit, alt)
    return Figure(id_, title, alt, svg, figure_data(columns, rows))


def _narrow(name: str) -> str:
    """A run's name as wide as the margin has room for: its beginning and its end."""
    return name if len(name) <= MARGIN else f"{name[:4]}…{name[-(MARGIN - 5) :]}"


def _merge_equal(series: list[Series], new: Series, name: str) -> list[Series]:
    """One line for runs whose costs are the same at every length that both have."""
    for i, old in enumerate(series):
        shared = old.points.keys() & new.points.keys()
        same = shared and all(old.points[n] == new.points[n] for n in shared)
        if same and old.label.startswith(f"{name}{SEPARATOR}"):
            points = {**old.points, **new.points}
            merged = replace(
                max(old, new, key=lambda line: max(line.points)),
                label=f"{old.label}, {new.label.removeprefix(f'{name}{SEPARATOR}')}",
                slot=old.slot,
                points=points,
                fitted=frozenset(points),
            )
            return [*series[:i], merged, *series[i + 1 :]]
    return [*series, new]


def _ratio_figure(ratio: RatioComparison, slots: Mapping[str, int], id_: str) -> Figure:
    """Teacher over student of a cost, a line a run; the query is counted in where it adds up."""
    series: list[Series] = []
    rows: list[tuple[str | float | int | None, ...]] = []
    for side, column in ratio.columns.items():
        whole = {n: r.with_query.value for n, r in column.items() if r.with_query is not None}
        points = whole or {n: r.score.value for n, r in column.items()}
        label = f"{ratio.over}{SEPARATOR}{_narrow(side)}"
        line = Series(label=label, slot=slots[side], points=points)
        series = _merge_equal(series, line, ratio.over)
        rows += [(side, n, r.score.value, whole.get(n)) for n, r in sorted(column.items())]
    series = [replace(line, label=line.label.partition(SEPARATOR)[2]) for line in series]
    title = f"{name_of(ratio.measure)}: {ratio.over} over {ratio.under}, its query encoded"
    ends = [f"{line.label} {times(line.points[max(line.points)])}" for line in series]
    alt = f"{title}, against document length. At the largest: {'; '.join(ends)}."
    columns = (("run", ""), ("document tokens", ""), ("factor", "×"), ("with query", "×"))
    svg = draw_curves(id_, series, "×", alt)
    return Figure(id_, title, alt, svg, figure_data(columns, rows))
