"""Figures of a sweep: a cost of a phase each, and teacher over student.

Decides which there are, and what each shows in words and numbers; ``plots`` draws them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import product

from rabbench.report.cost.tables import Ratio
from rabbench.report.labels import LONGEST, SEPARATOR, STUDENT, Labels, is_cost, name_of
from rabbench.report.page import Figure, Table, Value, figure_data
from rabbench.report.plots.curves import Series, draw_curves
from rabbench.report.wording import amount, times
from rabbench.scaling.fits import Fit
from rabbench.types import Measurement

PHASES = {"score": "per pair", "index": "per document, offline"}
MEASURES = ("flops", "latency", "working_memory")
UNTRAINED = "untrained"


def cost_figures(
    fits: Iterable[Fit],
    ratios: Iterable[Ratio],
    rows: Sequence[Measurement],
    labels: Labels,
    slots: Mapping[str, int],
) -> dict[tuple[str, str], Figure]:
    """By phase and measure; the factor stands as a phase of the first measure, at the end."""
    figures: dict[tuple[str, str], Figure] = {}
    dense = [fit for fit in fits if fit.key.get("pairs", "dense") == "dense"]
    for phase, measure in product(PHASES, MEASURES):
        of_phase = [fit for fit in dense if (fit.phase, fit.measure) == (phase, measure)]
        series = [_series(fit, rows, labels, slots) for fit in of_phase]
        series = merge_series([line for line in series if line.points or line.failed])
        if any(line.points for line in series):
            figures[phase, measure] = _cost_figure(phase, measure, of_phase, series, labels)
    factor = _factor_figure(ratios, slots)
    if factor is not None and figures:
        figures["factor", next(iter(figures))[1]] = factor
    return figures


def _series(
    fit: Fit, rows: Sequence[Measurement], labels: Labels, slots: Mapping[str, int]
) -> Series:
    """One sweep's measured points, its fitted curve, and the lengths without a value."""
    points = {
        int(row.params["doc_len"]): row.value
        for row in rows
        if is_cost(row)
        and row.value
        and (row.system, row.phase, row.measure) == (fit.system, fit.phase, fit.measure)
        and all(row.params.get(name) == value for name, value in fit.key.items())
    }
    longest = [
        int(row.value)
        for row in rows
        if row.measure == LONGEST and row.value is not None
        and (row.system, row.phase) == (fit.system, fit.phase)
        and all(row.params.get(name, value) == value for name, value in fit.key.items())
    ]  # fmt: skip
    judged = fit.order != "not judged"
    return Series(
        label=labels.of(fit.system, fit.key),
        slot=slots[fit.system],
        points=points,
        curve=fit.predict if judged else None,
        band=fit.band if judged and fit.covariance else None,
        fitted=frozenset(fit.lengths),
        failed=fit.failed if points else (),
        longest=min(longest) if longest and fit.failed else None,
        crossover=fit.crossover.value if fit.crossover and judged else None,
    )


def merge_series(series: Sequence[Series]) -> list[Series]:
    """One line for sweeps of a system that cost the same; hollow marks from its second line on."""
    merged: list[Series] = []
    for line in series:
        kin = [i for i, earlier in enumerate(merged) if earlier.slot == line.slot]
        twin = next((i for i in kin if merged[i].points == line.points), None)
        if twin is None:
            crossover = None if kin else line.crossover
            merged.append(replace(line, hollow=bool(kin), crossover=crossover))
            continue
        system, *details = merged[twin].label.split(SEPARATOR)
        details = [*details, *line.label.split(SEPARATOR)[1:]]
        names = ", ".join(name for name in dict.fromkeys(details) if name != UNTRAINED)
        parts = [system, names, UNTRAINED if UNTRAINED in details else ""]
        label, failed = SEPARATOR.join(filter(None, parts)), merged[twin].failed or line.failed
        merged[twin] = replace(merged[twin], label=label, failed=failed)
    return merged


def _cost_figure(
    phase: str, measure: str, fits: Sequence[Fit], series: Sequence[Series], labels: Labels
) -> Figure:
    unit = fits[0].unit
    sweeps = [
        f"{labels.of(fit.system, fit.key)}: {fit.order}, {amount(fit.values[0], unit)} to "
        f"{amount(fit.values[-1], unit)}"
        for fit in fits
        if fit.values
    ]
    title = f"{name_of(measure)} {PHASES[phase]}"
    id_ = f"fig-{measure}-{phase}"
    alt = f"{title} against document length, log–log. {'; '.join(sweeps)}.{_ends(series)}"
    svg = draw_curves(id_, series, unit, alt)
    return Figure(id_, title, alt, svg, _data(series, unit), _note(series))


def _turns(line: Series) -> bool:
    return line.crossover is not None and line.crossover < line.reach


def _note(series: Sequence[Series]) -> str:
    """The legend of the marks that there are."""
    parts = ["Marks are measured"]
    fitted = [line for line in series if line.curve is not None]
    if fitted:
        bands = [line.band(line.reach) for line in fitted if line.band is not None]
        wide = any(high - low > 1e-9 * abs(high) for low, high in bands)  # an exact count has none
        parts[0] += f", lines are fits{' with 95 % bands' if wide else ''}"
    if any(map(_turns, fitted)):
        parts.append("L*: from here on the quadratic term is the larger")
    if any(line.failed for line in series):
        parts.append("×: nothing measured")
    if any(line.longest is not None for line in series):
        parts.append("|: the longest that fits")
    return f"{'; '.join(parts)}."


def _ends(series: Sequence[Series]) -> str:
    """Turns and ends of the lines in words."""
    parts = []
    for line in series:
        if _turns(line):
            parts.append(f"{line.label}: L* at {line.crossover:,.0f} tokens")
        parts += [f"{line.label}: {status} at {length:,} tokens" for length, status in line.failed]
        if line.longest is not None:
            parts.append(f"{line.label}: the longest that fits is {line.longest:,} tokens")
    return f" {'; '.join(parts)}." if parts else ""


def _data(series: Sequence[Series], unit: str) -> Table:
    """Each point with its curve and band, and the lengths at which nothing was measured."""
    rows: list[list[Value]] = []
    for line in series:
        fitted = line.fitted if line.fitted is not None else frozenset(line.points)
        for length in sorted({*line.points, *(at for at, _ in line.failed)}):
            curve = line.curve(length) if line.curve and length in fitted else None
            low, high = line.band(length) if line.band and length in fitted else (None, None)
            status = dict(line.failed).get(length, "ok")
            rows.append([line.label, length, line.points.get(length), curve, low, high, status])
    unit = "" if unit == "×" else unit
    names = ("value", "fit", "fit, low", "fit, high")
    columns = [("system", ""), ("document tokens", ""), *((n, unit) for n in names), ("status", "")]
    filled = [i for i in range(3, len(columns)) if any(row[i] not in {None, "ok"} for row in rows)]
    columns = [columns[i] for i in (0, 1, 2, *filled)]
    return figure_data(columns, [[*row[:3], *(row[i] for i in filled)] for row in rows])


def _factor_figure(ratios: Iterable[Ratio], slots: Mapping[str, int]) -> Figure | None:
    """Teacher over student against length, as measured and with the query's encoding counted."""
    ratios = [ratio for ratio in ratios if ratio.under_system == STUDENT]
    dense = [
        ratio
        for ratio in ratios
        if ratio.over_system == ratios[0].over_system and ratio.key.get("pairs", "dense") == "dense"
    ]
    sweeps = {ratio.measure: str(ratio.key) for ratio in reversed(dense)}
    series = []
    for measure, word in (("flops", "FLOPs"), ("latency", "time")):
        sweep = [r for r in dense if (r.measure, str(r.key)) == (measure, sweeps.get(measure))]
        if not sweep:
            continue
        slot = slots[sweep[0].over_system if measure == "flops" else STUDENT]
        score = {r.doc_len: r.score.value for r in sweep}
        query = {r.doc_len: r.with_query.value for r in sweep if r.with_query is not None}
        series.append(Series(label=word, slot=slot, points=score))
        series.append(Series(label=f"{word} (with query)", slot=slot, points=query, hollow=True))
    series = [line for line in series if line.points]
    if not series:
        return None
    ends = "; ".join(f"{line.label} {times(list(line.points.values())[-1])}" for line in series)
    alt = f"Factor teacher over student per pair against document length. At the largest: {ends}."
    svg = draw_curves("fig-factor", series, "×", alt)
    note = "Open marks count the query’s encoding as if each query scored one document."
    title = "Teacher over student, per pair"
    return Figure("fig-factor", title, alt, svg, _data(series, "×"), note)
