"""Several results folders as one comparison: read, matched, judged, written as a report.

Every figure is a row, a ratio of rows or a test on rows of the results that it names.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from rabbench.report import HTML, MARKDOWN, warnings
from rabbench.report.comparison import costs, figures, quality, ratios, runs
from rabbench.report.comparison.costs import CostComparison
from rabbench.report.comparison.quality import Change, RankedMetric
from rabbench.report.comparison.ratios import FitsBySide, RatioComparison
from rabbench.report.comparison.runs import LeftOut, Side, load_sides
from rabbench.report.labels import STUDENT, TEACHER, is_cost, name_of
from rabbench.report.page import KeyFigure, Page, Section, Table
from rabbench.report.wording import between, join_words, times
from rabbench.scaling.fits import NOISE_FREE
from rabbench.types import UsageError

DATA = "comparison.json"
TITLE = "Runs side by side"
SENTENCES = 4  # of the findings, that open the page
LISTED = 4  # keys that differ, in a sentence
UNLIKE = ("threads", "config.options.device", "config.options.dtype", "versions.torch")
MODIFIED = "its code had changes that no commit holds, so its commit does not say what ran."
ALL = "Everything that these runs measured was comparable."
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


@dataclass(frozen=True)
class Comparison:
    """Everything that may be said of several results side by side."""

    sides: tuple[Side, ...]

    @property
    def labels(self) -> list[str]:
        """The sides' names, in the order given."""
        return [side.label for side in self.sides]

    @cached_property
    def differences(self) -> dict[str, list[str]]:
        """The keys that differ, with each side's value."""
        return runs.differences(self.sides)

    @cached_property
    def costs(self) -> CostComparison:
        """Costs of the same work."""
        return CostComparison(self.sides)

    @cached_property
    def _ratios(self) -> tuple[list[RatioComparison], list[LeftOut]]:
        return ratios.compare_ratios(self.sides, self.costs)

    @property
    def ratios(self) -> list[RatioComparison]:
        """Teacher over student within each run."""
        return self._ratios[0]

    @cached_property
    def _rankings(self) -> tuple[list[RankedMetric], list[LeftOut]]:
        return quality.compare_rankings(self.sides)

    @property
    def ranked(self) -> list[RankedMetric]:
        """Means over the same queries."""
        return self._rankings[0]

    @cached_property
    def changes(self) -> list[Change]:
        """Each system against itself in another run."""
        return quality.find_changes(self.ranked)

    @property
    def left_out(self) -> list[LeftOut]:
        """What is not compared, with the reasons."""
        return [*self.costs.left_out, *self._ratios[1], *self._rankings[1]]

    @cached_property
    def fits(self) -> FitsBySide:
        """How each cost grows in each run."""
        return ratios.fit_costs(self.sides, self.costs)

    @cached_property
    def orders(self) -> tuple[Table | None, list[str]]:
        """Orders of growth, and sentences on those that differ."""
        return ratios.compare_orders(self.sides, self.fits)


def gather(folders: Sequence[Path]) -> Comparison:
    """Read these folders; errors as :func:`runs.load_sides` has them."""
    return Comparison(tuple(load_sides(folders)))


def write(folders: Sequence[Path], out: Path) -> tuple[list[str], list[Path]]:
    """Write ``report.md``, ``report.html`` and ``comparison.json`` of these folders to ``out``.

    Returns:
        The sentences that open the report, and the files.

    Raises:
        UsageError: if ``out`` is one of the folders, whose own report it would replace.
    """
    from rabbench.report.render.html import render_html
    from rabbench.report.render.markdown import render_markdown
    from rabbench.results import write_file

    if out.resolve() in {folder.resolve() for folder in folders}:
        raise UsageError(f"--out {out} is one of the folders compared; choose another")
    comparison = gather(folders)
    page = build_page(comparison)
    data = json.dumps(comparison_data(comparison, page), indent=1, allow_nan=False)
    texts = {MARKDOWN: render_markdown(page), HTML: render_html(page), DATA: f"{data}\n"}
    for name, text in texts.items():
        write_file(out / name, text)
    return list(page.verdict), [out / name for name in texts]


def comparison_data(comparison: Comparison, page: Page) -> dict[str, Any]:
    """The runs and the page's tables, as ``comparison.json`` has them."""
    from rabbench.report.render.cells import table_data

    sections = {section.id: section for section in page.sections}
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
        "differences": {
            key: dict(zip(comparison.labels, values, strict=True))
            for key, values in comparison.differences.items()
        },
        **{
            name: [table_data(table) for table in sections[id_].tables] if id_ in sections else []
            for name, id_ in JSON_SECTIONS.items()
        },
    }


def build_page(comparison: Comparison, *, draw: bool = True) -> Page:
    """The page of a comparison; ``draw`` leaves the figures out where nobody sees them."""
    slots = {label: i for i, label in enumerate(comparison.labels)}
    drawn = (
        figures.draw(comparison.costs.matched, comparison.fits, comparison.ratios, slots)
        if draw
        else []
    )
    overview = runs.overview(comparison.sides, comparison.differences)
    sentences = findings(comparison)
    sections = [
        Section(id="figures", title="At a glance", figures=drawn, group="Summary", opening=True),
        Section(id="runs", title="What is compared", tables=[overview], group="Summary"),
        *_cost_sections(comparison),
        *_quality_sections(comparison),
        _left_out_section(comparison),
    ]
    return Page(
        title=TITLE,
        subtitle=" · ".join(comparison.labels),
        verdict=sentences[:SENTENCES],
        key_figures=key_figures(comparison),
        warnings=find_warnings(comparison),
        sections=[section for section in sections if not section.empty],
        findings=sentences,
    )


def _cost_sections(comparison: Comparison) -> list[Section]:
    matched = comparison.costs.matched
    counts = costs.summary_tables([cost for cost in matched if cost.exact])
    measured = costs.summary_tables([cost for cost in matched if not cost.exact])
    ratio_tables = ratios.ratio_tables(comparison.ratios)
    orders, _ = comparison.orders
    notes = (costs.DRIFT, *_unlike(comparison))
    lengths = _section("lengths", "Every length", "Cost", costs.length_tables(matched))
    return [
        _section("factors", "Teacher over student", "Cost", ratio_tables, RATIOS),
        _section("orders", "Orders of growth", "Cost", [orders] if orders else []),
        _section("counts", "FLOPs and bytes", "Cost", counts, COUNTS),
        _section("measured", "Time and memory", "Cost", measured, *notes),
        replace(lengths, detail=True),
    ]


def _quality_sections(comparison: Comparison) -> list[Section]:
    means = quality.means_tables(comparison.ranked)
    changes = quality.changes_tables(comparison.changes)
    return [
        _section("quality", "Ranking quality", "Quality", means, quality.RULE),
        _section("changes", "What changed", "Quality", changes, quality.METHOD),
    ]


def _left_out_section(comparison: Comparison) -> Section:
    table = runs.left_out_table(comparison.left_out)
    if table is None:
        return Section(id="left-out", title="Left out", text=(ALL,), group="About")
    return _section("left-out", "Left out", "About", [table], LEFT_OUT)


def _section(id_: str, title: str, group: str, tables: Sequence[Table], *text: str) -> Section:
    """A section of the tables that there are; without any it has no words either."""
    return Section(id=id_, title=title, group=group, tables=tables, text=text if tables else ())


def findings(comparison: Comparison) -> list[str]:
    """What differs, what it does to ratios, quality and counts, and what could not be compared."""
    nothing = not (comparison.costs.matched or comparison.ratios or comparison.ranked)
    return [
        _difference_sentence(comparison),
        *_ratio_sentence(comparison),
        *quality.change_sentences(comparison.changes),
        *_count_sentences(comparison),
        *_machine_sentences(comparison),
        *comparison.orders[1],
        *(["Nothing in these results can be compared: the table of what is left out says why."]
          if nothing else []),
    ]  # fmt: skip


def _difference_sentence(comparison: Comparison) -> str:
    names = join_words(comparison.labels)
    keys = [key.removeprefix("config.").removeprefix("options.") for key in comparison.differences]
    if not keys:
        return f"{names} differ in nothing that their results record: the same run again."
    more = f" and {len(keys) - LISTED} more" if len(keys) > LISTED else ""
    return f"{names} differ in {', '.join(keys[:LISTED])}{more}."


def _main_ratio(comparison: Comparison, measure: str) -> RatioComparison | None:
    """Teacher over student of a cost, at dense counts, with a length that all sides have."""
    for ratio in comparison.ratios:
        same = (ratio.over, ratio.under, ratio.measure) == (TEACHER, STUDENT, measure)
        if same and ratio.pairs != "causal" and ratio.shared:
            return ratio
    return None


def _ratio_sentence(comparison: Comparison) -> list[str]:
    """Teacher over student in every run, in FLOPs and in time."""
    parts, at = [], 0
    for measure, words in (("flops", "FLOPs"), ("latency", "time")):
        compared = _main_ratio(comparison, measure)
        if compared is not None:
            last = compared.shared[-1]
            at = at or last
            where = "" if at == last else f", at {last:,} tokens,"
            by_side = {side: column[last] for side, column in compared.columns.items()}
            factors = [f"{between(r.with_query or r.score)} in {s}" for s, r in by_side.items()]
            parts.append(f"{words}{where} {join_words(factors)}")
    if not parts:
        return []
    return [
        f"At {at:,} tokens, the longest that these runs share, the teacher over the student for a "
        f"pair, its query’s encoding counted in: {'; '.join(parts)}."
    ]


def _count_sentences(comparison: Comparison) -> list[str]:
    counts = [cost for cost in comparison.costs.matched if cost.exact and cost.measured]
    points = sum(len(cost.measured) for cost in counts)
    unequal = [cost.key.name for cost in counts if not cost.equal]
    if not counts:
        return []
    if not unequal:
        return [f"FLOPs and index sizes are equal at all {points:,} points that the runs share."]
    many = len(unequal) > LISTED
    names = f"{len(unequal)} of {len(counts)} costs" if many else join_words(unequal)
    return [f"Counts differ between the runs in {names}: the work itself is another."]


def _machine_sentences(comparison: Comparison) -> list[str]:
    timed = [
        side.label
        for side in comparison.sides
        if any(is_cost(row) and row.measure not in NOISE_FREE for row in side.results.rows)
    ]
    groups = [tuple(s for s in group if s in timed) for group in comparison.costs.groups]
    groups = [group for group in groups if len(group) > 1]
    if len(timed) > 1 and not groups:
        return [
            f"Times and memory of {join_words(timed)} are not set side by side: no two are of one "
            "machine."
        ]
    return [
        f"{join_words(group)} are of one machine: their times and memory are set side by side."
        for group in groups
    ]


def _unlike(comparison: Comparison) -> list[str]:
    """What makes runs on one machine unlike each other, where it is known."""
    sentences = []
    for name in UNLIKE:
        values = comparison.differences.get(name)
        if values is not None:
            pairs = zip(comparison.labels, values, strict=True)
            settings = join_words([f"{value} in {label}" for label, value in pairs])
            sentences.append(f"They also differ in {name.rpartition('.')[2]}: {settings}.")
    return sentences


def key_figures(comparison: Comparison) -> list[KeyFigure]:
    """Teacher over student in each run, at the longest document that all have."""
    compared = _main_ratio(comparison, "flops") or _main_ratio(comparison, "latency")
    if compared is None:
        return []
    at = compared.shared[-1]
    what = f"{name_of(compared.measure)} of a pair at {at:,} tokens, teacher over student"
    return [
        KeyFigure(times((column[at].with_query or column[at].score).value), label, what)
        for label, column in compared.columns.items()
    ]


def find_warnings(comparison: Comparison) -> list[str]:
    """What must be known of each run before its figures are believed."""
    sides: dict[str, list[str]] = {}
    for side in comparison.sides:
        texts = warnings.find_warnings(side.results.rows)
        if side.results.environment.get("modified"):
            texts.append(MODIFIED)
        for text in texts:
            sides.setdefault(text, []).append(side.label)
    return [f"{join_words(labels)}: {text}" for text, labels in sides.items()]
