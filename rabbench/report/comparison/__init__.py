"""Several results folders as one comparison: matched, judged, and set out as a page.

Every figure is a row, a ratio of rows or a test on rows of the results that it names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from rabbench.quality.matching import RankedMetric, find_changes, match_rankings
from rabbench.report.comparison import costs, quality, ratios, runs
from rabbench.report.cost.text import DECIDING
from rabbench.report.page import Figure, Page, Row, Section, Table, figure_data
from rabbench.report.plots.curves import Series, draw_curves
from rabbench.report.render import table_data
from rabbench.report.wording import amount, times
from rabbench.scaling.fits import Fit
from rabbench.scaling.labels import (
    SEPARATOR,
    STUDENT,
    TEACHER,
    Labels,
    group_by,
    join_words,
    name_of,
    rank,
)
from rabbench.scaling.matching import (
    DISTINCT,
    MatchedCost,
    RatioComparison,
    fit_costs,
    match_costs,
    match_ratios,
)
from rabbench.scaling.sides import LeftOut, Side
from rabbench.types import Measurement

TITLE = "Runs side by side"
SENTENCES = 4  # of the findings, that open the page
MARGIN = 12  # characters of a name in a figure's margin
ALL = "Everything that these runs measured was comparable."
NOTHING = "Nothing in these results can be compared: the table of what is left out says why."
LEFT_OUT = "What cannot be set side by side, or was not measured in every run, with the reason."
RATIOS = (
    "How many times the student’s cost the teacher’s is, within each run: both were measured in "
    "turns on one machine, so these ratios may be compared between machines."
)
COUNTS = (
    "Counts hold on any machine. The factor sets each run over the first one, at the longest "
    "document that all have and over all common lengths."
)
JSON_SECTIONS = {
    "costs": "lengths", "ratios": "factors", "quality": "quality", "changes": "changes",
    "left_out": "left-out",
}  # fmt: skip
"""The sections whose tables are the parts of ``comparison.json``."""


class Comparison:
    """Everything that may be said of several results side by side, and what may not."""

    def __init__(self, sides: Sequence[Side]) -> None:
        """Match and test what these results hold; each reason stands once for what it concerns."""
        labels = Labels(*(side.costs for side in sides), names=DISTINCT)
        matches: list[MatchedCost | RatioComparison | RankedMetric | LeftOut] = [
            *match_costs(sides, labels),
            *match_ratios(sides, labels),
            *match_rankings(sides),
        ]
        self.sides, self.slots = sides, {side.label: slot for slot, side in enumerate(sides)}
        self.differences = runs.find_differences(sides)
        self.costs = [match for match in matches if isinstance(match, MatchedCost)]
        self.ratios = [match for match in matches if isinstance(match, RatioComparison)]
        self.ranked = [match for match in matches if isinstance(match, RankedMetric)]
        self.changes = find_changes(self.ranked)
        self.fits = fit_costs(sides, labels)
        self.left_out = list(dict.fromkeys(m for m in matches if isinstance(m, LeftOut)))


def comparison_data(comparison: Comparison, page: Page) -> dict[str, Any]:
    """The runs and the page's tables, as ``comparison.json`` has them."""
    tables = {section.id: section.tables for section in page.sections}
    return {
        "runs": [
            {
                "run": side.label,
                "folder": str(side.path),
                "machine": side.machine,
                "commit": side.results.environment.get("commit"),
                "sha256": side.sha256,
            }
            for side in comparison.sides
        ],
        "differences": comparison.differences,
        **{
            name: [table_data(table) for table in tables.get(id_, ())]
            for name, id_ in JSON_SECTIONS.items()
        },
    }


def build_page(comparison: Comparison, *, draw: bool = True) -> Page:
    """The page of a comparison; ``draw`` leaves the figures out where nobody sees them."""
    orders, order_sentences = ratios.compare_orders(comparison.sides, comparison.fits)
    main = ratios.main_ratios(comparison.ratios)
    sentences = [
        runs.difference_sentence(comparison.sides, comparison.differences),
        *ratios.ratio_sentences(main),
        *quality.change_sentences(comparison.changes),
        *costs.count_sentences(comparison.costs),
        *costs.machine_sentences(comparison.sides),
        *order_sentences,
    ]
    if not (comparison.costs or comparison.ratios or comparison.ranked):
        sentences.append(NOTHING)
    return Page(
        title=TITLE,
        subtitle=" · ".join(comparison.slots),
        verdict=sentences[:SENTENCES],
        key_figures=ratios.key_figures(main),
        warnings=runs.find_warnings(comparison.sides),
        sections=_sections(comparison, orders, draw=draw),
        findings=sentences,
    )


def _sections(comparison: Comparison, orders: Table, *, draw: bool) -> list[Section]:
    """The sections of the tables that there are; without any a section has no words either."""
    matched = comparison.costs
    counts, measured = (
        costs.summary_tables([cost for cost in matched if cost.key.exact is exact])
        for exact in (True, False)
    )
    figures = _figures(comparison) if draw else ()
    left_out = runs.left_out_table(comparison.left_out)
    overview = runs.overview(comparison.sides, comparison.differences)
    notes = [costs.DRIFT, *runs.unlike_sentences(comparison.differences)]
    ratio_tables = ratios.ratio_tables(comparison.ratios)
    lengths = _section("lengths", "Every length", "Cost", costs.length_tables(matched))
    means = quality.means_tables(comparison.ranked)
    changes = quality.changes_tables(comparison.changes)
    sections = [
        Section("figures", "At a glance", figures=figures, group="Summary", opening=True),
        _section("runs", "What is compared", "Summary", [overview]),
        _section("factors", "Teacher over student", "Cost", ratio_tables, RATIOS),
        _section("orders", "Orders of growth", "Cost", [orders]),
        _section("counts", "FLOPs and bytes", "Cost", counts, COUNTS),
        _section("measured", "Time and memory", "Cost", measured, *notes),
        replace(lengths, detail=True),
        _section("quality", "Ranking quality", "Quality", means, quality.RULE),
        _section("changes", "What changed", "Quality", changes, quality.METHOD),
        _section("left-out", "Left out", "About", [left_out], LEFT_OUT)
        if left_out.rows
        else Section("left-out", "Left out", [ALL], group="About"),
    ]
    return [section for section in sections if not section.empty]


def _section(id_: str, title: str, group: str, tables: Sequence[Table], *text: str) -> Section:
    tables = [table for table in tables if table.rows]
    return Section(id=id_, title=title, group=group, tables=tables, text=text if tables else ())


def _figures(comparison: Comparison) -> list[Figure]:
    """The cost of a pair for each set of runs that may share axes, then the factors.

    A colour stands for a run; only what may be compared is drawn together.
    """
    scores = [
        cost
        for measure in DECIDING
        for cost in comparison.costs
        if (cost.key.measure, cost.key.phase) == (measure, "score")
        if cost.key.pairs != "causal" and cost.factors
    ]
    groups = group_by(scores, lambda cost: (cost.key.measure, cost.sides)).values()
    main = [
        ratio
        for ratio in comparison.ratios
        if (ratio.over.split(SEPARATOR)[0], ratio.under) == (TEACHER, STUDENT)
        if ratio.pairs != "causal" and ratio.measure in DECIDING
    ]
    return [
        *(_cost_figure(group, comparison, number) for number, group in enumerate(groups)),
        *(_ratio_figure(ratio, comparison, number) for number, ratio in enumerate(main)),
    ]


def _cost_figure(costs: Sequence[MatchedCost], comparison: Comparison, number: int) -> Figure:
    measure, sides = costs[0].key.measure, costs[0].sides
    id_, title = f"fig-{measure}-{number}", f"{name_of(measure)} of a pair, {join_words(sides)}"
    costs = [cost for cost in costs if cost.key.system in {TEACHER, STUDENT}] or costs
    series: list[Series] = []
    rows: list[Row] = []
    for cost in sorted(costs, key=lambda cost: rank(cost.key.system)):
        label, sweeps = cost.key.label, cost.sweeps.items()
        fits = comparison.fits.get((label, measure, "score"), {})
        lines = [_cost_line(sweep, fits.get(s), s, comparison.slots[s]) for s, sweep in sweeps]
        rows += [(label, side, n, sweep[n].value) for side, sweep in sweeps for n in sorted(sweep)]
        merged = _merge_equal(line for line in lines if line.points)
        series += [replace(line, label=f"{label}{SEPARATOR}{line.label}") for line in merged]
    unit = next(iter(costs[0].sweeps[sides[0]].values())).unit
    ends = [
        f"{line.label}: {amount(line.points[min(line.points)], unit)} to "
        f"{amount(line.points[max(line.points)], unit)}"
        for line in series
    ]
    alt = f"{title}, against document length, log–log. {'; '.join(ends)}."
    columns = (("system", ""), ("run", ""), ("document tokens", ""), ("cost", unit))
    svg = draw_curves(id_, series, unit, alt)
    return Figure(id_, title, alt, svg, figure_data(columns, rows))


def _cost_line(sweep: Mapping[int, Measurement], fit: Fit | None, side: str, slot: int) -> Series:
    """A run's values of a cost, with the curve of its fit."""
    judged = fit if fit is not None and fit.order != "not judged" else None
    return Series(
        label=_narrow(side),
        slot=slot,
        points={length: row.value for length, row in sweep.items() if row.value},
        failed=[(length, row.status) for length, row in sweep.items() if row.value is None],
        curve=judged.predict if judged else None,
        band=judged.band if judged and judged.covariance else None,
    )


def _ratio_figure(ratio: RatioComparison, comparison: Comparison, number: int) -> Figure:
    """Teacher over student of a cost, a line a run; the query is counted in where it adds up."""
    series: list[Series] = []
    rows: list[Row] = []
    factors_with_query = ratio.factors(with_query=True)
    for side, alone in ratio.factors(with_query=False).items():
        whole = factors_with_query[side]
        points = {length: factor.value for length, factor in (whole or alone).items()}
        series.append(Series(label=_narrow(side), slot=comparison.slots[side], points=points))
        rows += [
            (side, n, alone[n].value, whole[n].value if n in whole else None) for n in sorted(alone)
        ]
    series = _merge_equal(series)
    title = f"{name_of(ratio.measure)}: {ratio.over} over {ratio.under}, its query encoded"
    id_, over = f"fig-factor-{ratio.measure}-{number}", ratio.over.partition(SEPARATOR)[2]
    series = [replace(s, label=SEPARATOR.join(filter(None, [over, s.label]))) for s in series]
    ends = [f"{line.label} {times(line.points[max(line.points)])}" for line in series]
    alt = f"{title}, against document length. At the largest: {'; '.join(ends)}."
    columns = (("run", ""), ("document tokens", ""), ("factor", "×"), ("with query", "×"))
    svg = draw_curves(id_, series, "×", alt)
    return Figure(id_, title, alt, svg, figure_data(columns, rows))


def _narrow(name: str) -> str:
    """A run's name as wide as a figure's margin: its beginning and its end."""
    return name if len(name) <= MARGIN else f"{name[:4]}…{name[-(MARGIN - 5) :]}"


def _merge_equal(series: Iterable[Series]) -> list[Series]:
    """One line for runs whose costs are the same at every length that both have."""
    merged: list[Series] = []
    for line in series:
        for i, earlier in enumerate(merged):
            shared = earlier.points.keys() & line.points.keys()
            if shared and all(earlier.points[n] == line.points[n] for n in shared):
                merged[i] = replace(
                    max(earlier, line, key=lambda line: max(line.points)),
                    label=f"{earlier.label}, {line.label}",
                    slot=earlier.slot,
                    points={**earlier.points, **line.points},
                )
                break
        else:
            merged.append(line)
    return merged
