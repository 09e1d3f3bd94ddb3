"""Figures of several runs in one: cost of a pair, and teacher over student, against length.

A colour stands for a run. Decides what is drawn; how it looks is ``plot``'s matter. Only what
``compare_costs`` and ``compare_factors`` have matched is drawn together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from rabbench.report.comparison.compare import Comparison
from rabbench.report.comparison.costs import Matched
from rabbench.report.comparison.factors import Compared, Grown
from rabbench.report.labels import SEPARATOR, STUDENT, TEACHER, name_of, rank
from rabbench.report.page import Figure, figure_data
from rabbench.report.plots.curves import Series, draw_curves
from rabbench.report.wording import amount, join_words, times

DRAWN = ("flops", "latency")
ROOM = 12  # characters of a name in a figure's margin


def draw(compared: Comparison, slots: Mapping[str, int]) -> list[Figure]:
    """The cost of a pair for each set of runs that may share axes, then the factors."""
    matched, grown = compared.costs.matched, compared.grown
    found: list[Figure] = []
    for measure in DRAWN:
        mine = [
            one
            for one in matched
            if (one.work.measure, one.work.phase) == (measure, "score")
            and one.work.pairs in {"", "dense"}
            and one.measured
        ]
        for sides in dict.fromkeys(one.sides for one in mine):
            group = [one for one in mine if one.sides == sides]
            found.append(_costs(group, grown, slots, len(found)))
    return [*found, *_factors(compared.factors, slots)]


def _costs(mine: Sequence[Matched], grown: Grown, slots: Mapping[str, int], number: int) -> Figure:
    first = mine[0]
    mine = [one for one in mine if one.work.system in {TEACHER, STUDENT}] or mine
    series: list[Series] = []
    rows: list[tuple[str | float | int | None, ...]] = []
    unit = ""
    for one in sorted(mine, key=lambda m: rank(m.work.system)):
        for side, sweep in zip(one.sides, one.sweeps, strict=True):
            points = {n: row.value for n, row in sweep.items() if row.value}
            unit = next(iter(sweep.values())).unit
            lost = [(n, row.status) for n, row in sweep.items() if row.value is None]
            label = f"{one.work.label}{SEPARATOR}{_narrow(side)}"
            fit = grown.get((one.work.label, one.work.measure, one.work.phase), {}).get(side)
            judged = fit if fit is not None and fit.order != "not judged" else None
            drawn = Series(
                label=label,
                slot=slots[side],
                points=points,
                failed=lost,
                fitted=frozenset(points),
                curve=judged.predict if judged else None,
                band=judged.band if judged and judged.covariance else None,
            )
            series = _joined(series, drawn, one.work.label)
            rows += [(one.work.label, side, n, row.value) for n, row in sorted(sweep.items())]
    title = f"{name_of(first.work.measure)} of a pair, {join_words(first.sides)}"
    said = [
        f"{one.label}: {amount(one.points[min(one.points)], unit)} to "
        f"{amount(one.points[max(one.points)], unit)}"
        for one in series
        if one.points
    ]
    alt = f"{title}, against document length, log–log. {'; '.join(said)}."
    id_ = f"fig-{first.work.measure}-{number}"
    columns = (("system", ""), ("run", ""), ("document tokens", ""), ("cost", unit))
    series = [one for one in series if one.points]
    return Figure(id_, title, alt, draw_curves(id_, series, unit, alt), figure_data(columns, rows))


def _narrow(name: str) -> str:
    """A run's name as wide as the margin has room for: its beginning and its end."""
    return name if len(name) <= ROOM else f"{name[:4]}…{name[-(ROOM - 5) :]}"


def _joined(series: list[Series], new: Series, name: str) -> list[Series]:
    """One line for runs whose costs are the same at every length that both have."""
    for i, old in enumerate(series):
        shared = old.points.keys() & new.points.keys()
        same = shared and all(old.points[n] == new.points[n] for n in shared)
        if same and old.label.startswith(f"{name}{SEPARATOR}"):
            both = f"{old.label}, {new.label.removeprefix(f'{name}{SEPARATOR}')}"
            longer = max(old, new, key=lambda one: max(one.points))
            points = {**old.points, **new.points}
            joined = replace(
                longer, label=both, slot=old.slot, points=points, fitted=frozenset(points)
            )
            return [*series[:i], joined, *series[i + 1 :]]
    return [*series, new]


def _factors(found: Sequence[Compared], slots: Mapping[str, int]) -> list[Figure]:
    """Teacher over student of each cost, a line a run; full marks where the query is counted."""
    made: list[Figure] = []
    for one in found:
        main = (one.over.split(SEPARATOR)[0], one.under) == (TEACHER, STUDENT)
        if not main or one.pairs == "causal" or one.measure not in {"flops", "latency"}:
            continue
        series: list[Series] = []
        rows: list[tuple[str | float | int | None, ...]] = []
        for side, column in one.columns.items():
            counted = {n: r.with_query.value for n, r in column.items() if r.with_query is not None}
            points = counted or {n: r.score.value for n, r in column.items()}
            drawn = Series(
                label=f"{one.over}{SEPARATOR}{_narrow(side)}", slot=slots[side], points=points
            )
            series = _joined(series, drawn, one.over)
            rows += [(side, n, r.score.value, counted.get(n)) for n, r in sorted(column.items())]
        series = [
            Series(label=s.label.partition(SEPARATOR)[2], slot=s.slot, points=s.points)
            for s in series
        ]
        title = f"{name_of(one.measure)}: {one.over} over {one.under}, its query encoded"
        ends = [f"{s.label} {times(s.points[max(s.points)])}" for s in series]
        alt = f"{title}, against document length. At the largest: {'; '.join(ends)}."
        id_ = f"fig-factor-{one.measure}-{len(made)}"
        columns = (("run", ""), ("document tokens", ""), ("factor", "×"), ("with query", "×"))
        svg = draw_curves(id_, series, "×", alt)
        made.append(Figure(id_, title, alt, svg, figure_data(columns, rows)))
    return made
