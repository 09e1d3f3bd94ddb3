"""Quality against cost, and the Pareto front."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rabbench.quality import pareto
from rabbench.quality.rankings import first_rankings, means_over_datasets
from rabbench.report.quality.tables import rank_systems
from rabbench.report.render import cell_text
from tests.report.pages import section
from tests.report.quality.rankings import (
    column,
    four_systems,
    only_table,
    report_page,
    values,
)


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


def test_a_beaten_system_is_off_the_front() -> None:
    rows = four_systems()
    dear = rows[0].with_changes(
        system="slow", params={"search_wall_s": 80.0, "flops_per_query": 10**12}
    )
    views = pareto.cost_quality_views(first_rankings(rank_systems([*rows, dear])), [])
    assert {view.kind for view in views} == {"flops", "time"}
    for view in views:
        (slow,) = (point for point in view.points if point.label == "slow")
        assert not slow.on_front
        assert slow.share == 0


def test_an_unknown_cost_is_left_out_and_never_nothing() -> None:
    rows = four_systems()
    rows[1] = rows[1].with_changes(params={"flops_per_query": None})
    table = only_table(report_page(rows), "cost-quality")
    place = [line[0] for line in values(table)].index("dense")
    for name in ("FLOPs per query", "FLOPs front", "FLOPs front in resamples"):
        assert cell_text(column(table, name)[place]) == "–"
    assert column(table, "time per query")[place].value == pytest.approx(0.05)
    assert pareto.query_cost(replace(rows[1], params={"n_queries": 4}), "time") is None


def test_the_cost_of_a_mean_is_a_mean_of_costs() -> None:
    dearer = [
        row.with_changes(params={"flops_per_query": 3 * 10**9}) for row in four_systems("b", seed=1)
    ]
    rows = [*four_systems("a"), *dearer]
    rankings = rank_systems(rows)
    means = means_over_datasets(rankings, [])
    views = pareto.cost_quality_views(first_rankings(rankings), means)
    mean = views[0]
    assert (mean.name, mean.kind) == ("mean over 2 data sets", "flops")
    assert {point.label: point.cost for point in mean.points}["dense"] == pytest.approx(2e9)
