"""Figures of a report: which there are, and what each shows in words.

Decides what is drawn; how it looks is ``plot``'s matter. Every figure carries its numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from rabbench.report.cost.factors import Ratio
from rabbench.report.labels import LONGEST, SEPARATOR, STUDENT, Labels, is_cost, name_of
from rabbench.report.page import Figure, Table, Value, figure_data
from rabbench.report.plots import curves
from rabbench.report.plots import dots as plots_dots
from rabbench.report.plots.curves import Series
from rabbench.report.plots.dots import Dot
from rabbench.report.quality import tables
from rabbench.report.wording import amount, times
from rabbench.scaling.fits import Fit
from rabbench.types import Measurement

DRAWN = (
    ("score", "flops"),
    ("score", "latency"),
    ("score", "working_memory"),
    ("index", "flops"),
    ("index", "latency"),
    ("index", "working_memory"),
)
UNTRAINED = "untrained"
PER = {"index": "per document, offline", "query": "per query", "score": "per pair"}


class Costs:
    """The figures of a sweep: a cost of a phase each, and teacher over student."""

    def __init__(
        self,
        fits: Sequence[Fit],
        ratios: Sequence[Ratio],
        rows: Sequence[Measurement],
        labels: Labels,
        slots: Mapping[str, int],
    ) -> None:
        self._costs: dict[tuple[str, str], Figure] = {}
        for phase, measure in DRAWN:
            of_phase = [fit for fit in fits if (fit.phase, fit.measure) == (phase, measure)]
            of_phase = [fit for fit in of_phase if fit.key.get("pairs", "dense") == "dense"]
            series = [_series(fit, rows, labels, slots) for fit in of_phase]
            series = _distinct([one for one in series if one.points or one.failed])
            if any(one.points for one in series):
                drawn = _cost_figure(phase, measure, of_phase, series, labels)
                self._costs[phase, measure] = drawn
        self._factor = _factor_figure(ratios, slots)

    def opening(self, most: int) -> list[Figure]:
        """The cost of a pair, the most telling first: time where one figure must do."""
        order = ("flops", "latency") if most > 1 else ("latency", "flops")
        found = [self._costs.get(("score", measure)) for measure in order]
        found += [self._costs.get(("index", measure)) for measure in order]
        return [one for one in found if one is not None][:most]

    def of(self, measure: str, shown: Sequence[Figure]) -> list[Figure]:
        """A cost's figures that do not stand elsewhere; the first one's with both sides' factor."""
        found = [figure for (_, of), figure in self._costs.items() if of == measure]
        first = next((of for _, of in self._costs), "")
        if measure == first and self._factor is not None:
            found.append(self._factor)
        held = {figure.id for figure in shown}
        return [figure for figure in found if figure.id not in held]


def _series(
    fit: Fit, rows: Sequence[Measurement], labels: Labels, slots: Mapping[str, int]
) -> Series:
    """One sweep's measured points, its fitted curve, and where nothing was measured."""
    label = labels.of(fit.system, fit.key)
    mine = [
        row
        for row in rows
        if is_cost(row)
        and (row.system, row.phase, row.measure) == (fit.system, fit.phase, fit.measure)
        and all(row.params.get(name) == value for name, value in fit.key.items())
    ]
    points = {int(row.params["doc_len"]): row.value for row in mine if row.value}
    longest = [
        int(row.value)
        for row in rows
        if row.measure == LONGEST and row.value is not None
        and (row.system, row.phase) == (fit.system, fit.phase)
        and all(row.params.get(name, value) == value for name, value in fit.key.items())
    ]  # fmt: skip
    judged = fit.order != "not judged"
    return Series(
        label=label,
        slot=slots[fit.system],
        points=points,
        curve=fit.predict if judged else None,
        band=fit.band if judged and fit.covariance else None,
        fitted=frozenset(fit.lengths),
        failed=fit.failed if points else (),
        longest=min(longest) if longest and fit.failed else None,
        crossover=fit.crossover.value if fit.crossover and judged else None,
    )


def _with(label: str, detail: str) -> str:
    """A label with one more detail."""
    return f"{label}{SEPARATOR}{detail}"


def _distinct(series: Sequence[Series]) -> list[Series]:
    """One line for sweeps of a system that cost the same; hollow marks from its second line on."""
    found: list[Series] = []
    for one in series:
        kin = [i for i, other in enumerate(found) if other.slot == one.slot]
        twin = next((i for i in kin if found[i].points == one.points), None)
        if twin is None:
            found.append(replace(one, hollow=bool(kin), crossover=None if kin else one.crossover))
        else:
            system, *held = found[twin].label.split(SEPARATOR)
            both = dict.fromkeys([*held, *one.label.split(SEPARATOR)[1:]])
            names = ", ".join(detail for detail in both if detail != UNTRAINED)
            details = [names, UNTRAINED if UNTRAINED in both else ""]
            label = SEPARATOR.join(filter(None, [system, *details]))
            found[twin] = replace(found[twin], label=label, failed=found[twin].failed or one.failed)
    return found


def _cost_figure(
    phase: str, measure: str, fits: Sequence[Fit], series: Sequence[Series], labels: Labels
) -> Figure:
    unit = fits[0].unit
    said = []
    for fit in fits:
        if fit.values:
            ends = f"{amount(fit.values[0], unit)} to {amount(fit.values[-1], unit)}"
            said.append(f"{labels.of(fit.system, fit.key)}: {fit.order}, {ends}")
    title = f"{name_of(measure)} {PER[phase]}"
    id_ = f"fig-{measure}-{phase}"
    alt = f"{title} against document length, log–log. {'; '.join(said)}."
    alt += _ends(series)
    drawn = curves.curves(id_, series, unit, alt)
    return Figure(id_, title, alt, drawn, _data(series, unit), _note(series))


def _note(series: Sequence[Series]) -> str:
    """How to read the marks that there are."""
    said = ["Marks are measured"]
    fitted = [one for one in series if one.curve is not None]
    if fitted:
        bands = any(one.band is not None and _wide(one.band(curves.reach(one))) for one in fitted)
        said[0] += f", lines are fits{' with 95 % bands' if bands else ''}"
    if any(one.crossover is not None and one.crossover < curves.reach(one) for one in fitted):
        said.append("L*: from here on the quadratic term is the larger")
    if any(one.failed for one in series):
        said.append("×: nothing measured")
    if any(one.longest is not None for one in series):
        said.append("|: the longest that fits")
    return f"{'; '.join(said)}."


def _wide(band: tuple[float, float]) -> bool:
    """Whether a band has a width; that of an exact count has none."""
    low, high = band
    return high - low > 1e-9 * abs(high)


def _ends(series: Sequence[Series]) -> str:
    """Where lines turn and end, in words."""
    said = []
    for one in series:
        if one.crossover is not None and one.crossover < curves.reach(one):
            said.append(f"{one.label}: L* at {one.crossover:,.0f} tokens")
        said += [f"{one.label}: {status} at {length:,} tokens" for length, status in one.failed]
        if one.longest is not None:
            said.append(f"{one.label}: the longest that fits is {one.longest:,} tokens")
    return f" {'; '.join(said)}." if said else ""


def _data(series: Sequence[Series], unit: str) -> Table:
    """Each point with its curve and band, and the lengths at which nothing was measured."""
    shown = "" if unit == "×" else unit
    rows: list[list[Value]] = []
    for one in series:
        drawn = one.fitted if one.fitted is not None else frozenset(one.points)
        for length in sorted({*one.points, *(at for at, _ in one.failed)}):
            curve = one.curve(length) if one.curve and length in drawn else None
            low, high = one.band(length) if one.band and length in drawn else (None, None)
            status = dict(one.failed).get(length, "ok")
            rows.append([one.label, length, one.points.get(length), curve, low, high, status])
    columns = [
        ("system", ""), ("document tokens", ""), ("value", shown), ("fit", shown),
        ("fit, low", shown), ("fit, high", shown), ("status", ""),
    ]  # fmt: skip
    told = [i for i in range(3, len(columns)) if any(row[i] not in {None, "ok"} for row in rows)]
    kept = [0, 1, 2, *told]
    return figure_data([columns[i] for i in kept], [[row[i] for i in kept] for row in rows])


def _factor_figure(ratios: Sequence[Ratio], slots: Mapping[str, int]) -> Figure | None:
    """Teacher over student against length, as measured and with the query's encoding counted."""
    ratios = [ratio for ratio in ratios if ratio.under_system == STUDENT]
    if not ratios:
        return None
    main = ratios[0].over_system
    dense = [r for r in ratios if r.over_system == main and r.key.get("pairs", "dense") == "dense"]
    first = {ratio.measure: str(ratio.key) for ratio in reversed(dense)}
    series = []
    for measure, word in (("flops", "FLOPs"), ("latency", "time")):
        mine = [r for r in dense if r.measure == measure and str(r.key) == first[measure]]
        if not mine:
            continue
        over, under = slots[mine[0].over_system], slots[mine[0].under_system]
        score = {r.doc_len: r.score.value for r in mine}
        query = {r.doc_len: r.with_query.value for r in mine if r.with_query is not None}
        slot = over if measure == "flops" else under
        series.append(Series(label=word, slot=slot, points=score))
        series.append(Series(label=f"{word} (with query)", slot=slot, points=query, hollow=True))
    series = [one for one in series if one.points]
    if not series:
        return None
    last = "; ".join(f"{one.label} {times(list(one.points.values())[-1])}" for one in series)
    alt = f"Factor teacher over student per pair against document length. At the largest: {last}."
    title = "Teacher over student, per pair"
    svg = curves.curves("fig-factor", series, "×", alt)
    note = "Open marks count the query’s encoding as if each query scored one document."
    return Figure("fig-factor", title, alt, svg, _data(series, "×"), note)


def quality(rows: Sequence[Measurement], slots: Mapping[str, int]) -> list[Figure]:
    """Each data set's first metric, a dot a system with its interval."""
    found: list[Figure] = []
    for dataset, of_dataset in tables.datasets(rows).items():
        metric, labels = of_dataset[0].measure, Labels(of_dataset)
        dots = []
        for row in of_dataset:
            estimate = tables.estimate(row) if row.measure == metric else None
            if estimate is None:
                continue
            label = labels.of(row.system, row.params)
            label = _with(label, UNTRAINED) if row.system in labels.untrained else label
            dots.append(Dot(label, slots[row.system], estimate.value, estimate.low, estimate.high))
        if not dots:
            continue
        dots.sort(key=lambda dot: dot.value)
        said = ", ".join(f"{dot.label} {dot.value:.3f}" for dot in reversed(dots))
        title = f"{metric} on {dataset}"
        id_ = f"fig-quality-{len(found)}"
        alt = f"{title}, mean over queries with 95 % bootstrap interval: {said}."
        data = figure_data(
            [("system", ""), (metric, ""), ("low", ""), ("high", "")],
            [[dot.label, dot.value, dot.low, dot.high] for dot in reversed(dots)],
        )
        note = "Means over queries with 95 % bootstrap intervals."
        found.append(Figure(id_, title, alt, plots_dots.dots(id_, dots, alt), data, note))
    return found
