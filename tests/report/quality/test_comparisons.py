"""Paired tests between systems, retention, and quality against cost."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from rabbench.quality import pareto
from rabbench.quality.retention import retentions
from rabbench.report.quality import comparisons
from rabbench.report.quality.tables import rank_systems
from rabbench.report.render import cell_text
from rabbench.stats.intervals import mean_ratio
from tests.report.pages import section
from tests.report.quality.rankings import (
    COST,
    MEANS,
    column,
    four_systems,
    only_table,
    quality_row,
    report_page,
    values,
)


def test_the_best_is_set_against_the_others_with_its_tests() -> None:
    rows = four_systems()
    report = report_page(rows)
    table = only_table(report, "significance")
    assert [line[:2] for line in values(table)] == [
        ["teacher", "rabtriever"], ["teacher", "dense"], ["teacher", "bm25"],
    ]  # fmt: skip
    best, student = (np.array(list(row.samples.values())) for row in rows[2:])  # type: ignore[union-attr]
    counts = [column(table, name)[0].value for name in ("wins", "ties", "losses")]
    assert counts == [(best > student).sum(), 0, (best < student).sum()]
    difference = column(table, "difference (95 %)")[0]
    assert difference.value == pytest.approx((best - student).mean())
    assert difference.interval is not None
    assert column(table, "significant")[2].value == "yes"
    assert len(section(report, "pairs").tables[0].rows) == 6
    assert section(report, "pairs").detail


def test_the_verdict_says_who_is_tied_with_the_best_and_what_could_be_shown() -> None:
    rows = four_systems()
    findings = report_page(rows).findings
    power = r"; the 40 queries show a difference of 0\.0\d\d with 80 % power"
    best = r"On esconv teacher ranks best by mrr, 0\.\d{3} \(95 % interval 0\.\d{3} to 0\.\d{3}\)"
    tied = best + "; not significantly different: rabtriever" + power
    assert any(re.match(tied, sentence) for sentence in findings)
    alone = best + ", significantly better than every other system" + power
    assert any(re.match(alone, sentence) for sentence in report_page(rows[:3]).findings)
    twin = replace(rows[2], system="twin")
    findings = report_page([*rows, twin]).findings
    assert any("not significantly different: twin, rabtriever" in sentence for sentence in findings)


def test_one_system_or_one_query_makes_no_comparison() -> None:
    assert not [
        s for s in report_page(four_systems()[:1]).sections if s.id in {"significance", "pairs"}
    ]
    short = [quality_row(system, "d", [0.5], **COST[system]) for system in MEANS]
    ids = {s.id for s in report_page(short).sections}
    assert "quality" in ids
    assert not ids & {"significance", "pairs", "cost-quality", "means", "retention"}


def test_a_student_is_set_over_its_own_teacher() -> None:
    rows = four_systems()
    report = report_page(rows)
    table = only_table(report, "retention")
    teacher, student = (dict(row.samples) for row in rows[2:])  # type: ignore[arg-type]
    share = mean_ratio(student, teacher)
    assert share is not None
    assert values(table)[0][:4] == ["esconv", "mrr", "rabtriever", "teacher"]
    (cell,) = column(table, "retention")
    assert (cell.value, cell.low, cell.high) == (share.value, share.low, share.high)
    assert column(table, "the paper")[0].words == "94–95 %"
    low, high = 100 * share.low, 100 * share.high
    text = f"{100 * share.value:.1f} % (95 % interval {low:.1f} to {high:.1f} %)"
    assert (
        f"On esconv the student retains {text} of its teacher’s mrr; the paper’s retains 94–95 %."
        in report.findings
    )


def test_the_papers_own_figure_stands_beside_its_metric() -> None:
    for dataset in ("esconv", "esconv/dev"):
        rows = [replace(row, measure="hit_rate@1") for row in four_systems(dataset)]
        (cell,) = column(only_table(report_page(rows), "retention"), "the paper")
        assert (cell.value, cell.note) == (32.8 / 34.4, "(32.8 over 34.4)")


def test_an_untrained_student_is_tabled_and_not_boasted_of() -> None:
    rows = four_systems()
    rows[3] = rows[3].with_changes(params={"trained": False})
    report = report_page(rows)
    assert values(only_table(report, "retention"))[0][2] == "rabtriever (untrained)"
    assert not [sentence for sentence in report.findings if "retains" in sentence]
    assert not [figure for figure in report.key_figures if "retention" in figure.label]


def test_another_models_teacher_or_first_stage_is_not_its_teacher() -> None:
    rows = four_systems()
    rows[3] = rows[3].with_changes(params={"model": "other"})
    assert "retention" not in {section.id for section in report_page(rows).sections}
    base = four_systems()
    composed = [
        replace(base[2], system="bm25>>teacher"),
        replace(base[2], system="dense>>teacher"),
        replace(base[3], system="dense>>rabtriever"),
        replace(base[3], system="bm25>>rabtriever-chunked"),
    ]
    pairs = {(line[2], line[3]) for line in values(only_table(report_page(composed), "retention"))}
    assert pairs == {
        ("dense>>rabtriever", "dense>>teacher"),
        ("bm25>>rabtriever-chunked", "bm25>>teacher"),
    }
    cached = [replace(base[2], system="teacher-cached"), base[3]]
    assert values(only_table(report_page(cached), "retention"))[0][3] == "teacher-cached"


def test_a_baseline_has_every_system_over_it() -> None:
    students, table = section(report_page(four_systems(), baseline="bm25"), "retention").tables
    assert [line[2:4] for line in values(students)] == [["rabtriever", "teacher"]]
    assert students.headings[-1].name == "the paper"
    assert [line[2:4] for line in values(table)] == [
        ["teacher", "bm25"], ["rabtriever", "bm25"], ["dense", "bm25"],
    ]  # fmt: skip
    assert table.headings[-1].name == "retention"
    within = report_page(
        four_systems(), quality={"baseline": "bm25"}
    )  # the demonstration's configuration
    assert section(within, "retention").tables[1].cells == table.cells
    # Over its teacher as baseline a student stands once.
    tables = section(report_page(four_systems(), baseline="teacher"), "retention").tables
    assert [[line[2] for line in values(table)] for table in tables] == [
        ["rabtriever"],
        ["dense", "bm25"],
    ]


def test_a_share_without_an_upper_end_is_shown_from_its_lower() -> None:
    few = [
        quality_row("teacher", "d", [1.0] + [0.0] * 5),
        quality_row("rabtriever", "d", [0.5] * 6),
    ]
    (share,) = retentions(rank_systems(few))
    table, _ = comparisons.retention_tables([share])
    assert re.fullmatch(r"300\.0 % \(from \d+\.\d %\)", cell_text(column(table, "retention")[0]))


def test_quality_and_both_costs_stand_together() -> None:
    report = report_page(four_systems(), draw=True)
    table = only_table(report, "cost-quality")
    assert [heading.name for heading in table.headings] == [
        "system", "mrr", "FLOPs per query", "FLOPs front", "FLOPs front in resamples",
        "time per query", "time front", "time front in resamples",
    ]  # fmt: skip
    assert [line[0] for line in values(table)] == ["bm25", "dense", "rabtriever", "teacher"]
    flops = column(table, "FLOPs per query")
    assert [cell.value for cell in flops] == [0, 10**9, 2 * 10**10, 10**13]
    assert [cell_text(cell) for cell in flops[:2]] == ["none", "1.00 GFLOP"]
    # What the student read of documents within its search is not the query's.
    times = [cell.value for cell in column(table, "time per query")]
    assert times == pytest.approx([0.001, 0.05, 0.1, 10.0])
    assert {cell.value for cell in column(table, "FLOPs front")} == {"yes"}
    figures = section(report, "figures").figures
    assert [figure.title for figure in figures] == [
        "mrr against FLOPs per query: esconv", "mrr against time per query: esconv", "mrr on esconv"
    ]  # fmt: skip
    for figure in figures[:2]:
        assert figure.svg.startswith("<svg")
        assert "On the front: bm25, dense, rabtriever, teacher." in figure.alt
    assert "none" in figures[0].svg
    assert report.findings[-1].startswith(
        "On the Pareto front of mrr against FLOPs per query, esconv: bm25 (0."
    )


def test_an_unknown_cost_is_left_out_and_never_nothing() -> None:
    rows = four_systems()
    rows[1] = rows[1].with_changes(params={"flops_per_query": None})
    table = only_table(report_page(rows), "cost-quality")
    place = [line[0] for line in values(table)].index("dense")
    for name in ("FLOPs per query", "FLOPs front", "FLOPs front in resamples"):
        assert cell_text(column(table, name)[place]) == "–"
    assert column(table, "time per query")[place].value == pytest.approx(0.05)
    assert pareto.query_cost(replace(rows[1], params={"n_queries": 4}), "time") is None
