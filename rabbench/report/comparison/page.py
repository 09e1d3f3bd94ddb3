"""A comparison as a page: which sections and tables there are, in which order.

Every figure on it is a row, a ratio of rows or a test on rows of the results that it names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rabbench.report.comparison import factors
from rabbench.report.comparison import figures as comparison_figures
from rabbench.report.comparison import runs as comparison_runs
from rabbench.report.comparison import text as comparison_text
from rabbench.report.comparison.compare import Comparison
from rabbench.report.comparison.cost_tables import by_length, summaries
from rabbench.report.comparison.costs import DRIFT
from rabbench.report.comparison.quality_tables import METHOD, RULE, changes_tables, means_tables
from rabbench.report.page import Page, Section, Table

TITLE = "Runs side by side"
SENTENCES = 4  # of the findings, that open the page
ALL = "Everything that these runs measured was comparable."
RATIOS = (
    "How many times the student’s cost the teacher’s is, within each run: both were measured in "
    "turns on one machine, so these ratios may be compared between machines."
)
COUNTS = (
    "Counts hold on any machine. The factor sets each run over the first one, at the longest "
    "document that all have and over all common lengths."
)


def build_page(found: Comparison, *, draw: bool = True) -> Page:
    """The page of a comparison; ``draw`` leaves the figures out where nobody sees them."""
    slots = {label: i for i, label in enumerate(found.labels)}
    figures = comparison_figures.draw(found, slots) if draw else []
    runs = comparison_runs.overview(found.sides, found.differences)
    said = comparison_text.findings(found)
    sections = [
        Section(id="figures", title="At a glance", figures=figures, group="Summary", opening=True),
        Section(id="runs", title="What is compared", tables=[runs], group="Summary"),
        *_cost_sections(found),
        *_quality_sections(found),
        _left_out(found),
    ]
    return Page(
        title=TITLE,
        subtitle=" · ".join(found.labels),
        verdict=said[:SENTENCES],
        key_figures=comparison_text.key_figures(found),
        warnings=comparison_text.warnings(found),
        sections=[one for one in sections if not one.empty],
        findings=said,
    )


def _cost_sections(found: Comparison) -> list[Section]:
    matched = found.costs.matched
    counts = [one for one in matched if one.exact]
    timed = [one for one in matched if not one.exact]
    ratios = factors.tables(found.factors)
    orders, _ = found.orders
    drift = (DRIFT, *comparison_text.unlike(found))
    return [
        _section("factors", "Teacher over student", "Cost", ratios, RATIOS),
        _section("orders", "Orders of growth", "Cost", [orders] if orders else []),
        _section("counts", "FLOPs and bytes", "Cost", summaries(counts), COUNTS),
        _section("measured", "Time and memory", "Cost", summaries(timed), *drift),
        replace(_section("lengths", "Every length", "Cost", by_length(matched)), detail=True),
    ]


def _quality_sections(found: Comparison) -> list[Section]:
    means, changed = means_tables(found.ranked), changes_tables(found.changes)
    return [
        _section("quality", "Ranking quality", "Quality", means, RULE),
        _section("changes", "What changed", "Quality", changed, METHOD),
    ]


def _left_out(found: Comparison) -> Section:
    table = comparison_runs.left_out_table(found.left_out)
    text = "What cannot be set side by side, or was not measured in every run, with the reason."
    if table is None:
        return Section(id="left-out", title="Left out", text=(ALL,), group="About")
    return _section("left-out", "Left out", "About", [table], text)


def _section(id_: str, title: str, group: str, tables: Sequence[Table], *text: str) -> Section:
    """A section of the tables that there are; without any it has no words either."""
    return Section(id=id_, title=title, group=group, tables=tables, text=text if tables else ())
