"""The sections of an evaluation: tests, retention, means, cost, lengths and ties."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from rabbench.report import build
from rabbench.report.build import build_page
from rabbench.report.page import Cell, Page, Section, Table
from rabbench.report.plots import SLOTS, color, marker
from rabbench.report.quality import comparisons, cost, splits
from rabbench.report.quality.rankings import means_over_datasets
from rabbench.report.render import html
from rabbench.report.render.cells import cell_text
from rabbench.stats.intervals import mean_ratio
from rabbench.types import Measurement, Results

QUERIES = 40
MEANS = {"bm25": 0.4, "dense": 0.5, "teacher": 0.6, "rabtriever": 0.57}


def row(
    system: str, dataset: str, scores: Sequence[float], measure: str = "mrr", **params: Any
) -> Measurement:
    return Measurement(
        system=system,
        phase="quality",
        measure=measure,
        value=float(np.mean(scores)),
        unit="1",
        better="higher",
        params={"dataset": dataset, "n_queries": len(scores), "n_docs": 100, **params},
        samples={f"q{i}": float(score) for i, score in enumerate(scores)},
    )


COST = {
    "bm25": {"flops_per_query": 0, "search_wall_s": 0.04},
    "dense": {"flops_per_query": 10**9, "search_wall_s": 2.0, "model": "minilm"},
    "teacher": {"flops_per_query": 10**13, "search_wall_s": 400.0, "model": "smollm"},
    "rabtriever": {
        "flops_per_query": 2 * 10**10,
        "search_wall_s": 44.0,
        "documents_wall_s": 40.0,
        "model": "smollm",
        "trained": True,
    },
}


def made(dataset: str = "esconv", *, seed: int = 0) -> list[Measurement]:
    """Four systems whose scores go together, query by query."""
    rng = np.random.default_rng(seed)
    shared = 0.15 * rng.normal(size=QUERIES)
    return [
        row(
            system,
            dataset,
            list(np.clip(mean + shared + 0.05 * rng.normal(size=QUERIES), 0, 1)),
            **COST[system],
        )
        for system, mean in MEANS.items()
    ]


def page(
    rows: Sequence[Measurement],
    suites: Sequence[Mapping[str, Any]] = (),
    *,
    draw: bool = False,
    **config: Any,
) -> Page:
    results = Results(command="quality", config=config, environment={}, suites=suites, rows=rows)
    return build.build_page(results, draw=draw)


def section(of: Page, id_: str) -> Section:
    return next(one for one in of.sections if one.id == id_)


def only(of: Page, id_: str) -> Table:
    (table,) = section(of, id_).tables
    return table


def values(table: Table) -> list[list[object]]:
    """The bare values of a table's cells."""
    return [[cell.value for cell in line] for line in table.cells]


def column(table: Table, name: str) -> list[Cell]:
    """The cells under a heading."""
    place = [heading.name for heading in table.headings].index(name)
    return [line[place] for line in table.cells]


def test_the_best_is_set_against_the_others_with_its_tests() -> None:
    rows = made()
    found = page(rows)
    table = only(found, "significance")
    assert [line[:2] for line in values(table)] == [
        ["teacher", "rabtriever"], ["teacher", "dense"], ["teacher", "bm25"],
    ]  # fmt: skip
    best, student = (np.array(list(one.samples.values())) for one in rows[2:])  # type: ignore[union-attr]
    counts = [column(table, name)[0].value for name in ("wins", "ties", "losses")]
    assert counts == [(best > student).sum(), 0, (best < student).sum()]
    difference = column(table, "difference (95 %)")[0]
    assert difference.value == pytest.approx((best - student).mean())
    assert difference.interval is not None
    assert column(table, "significant")[2].value == "yes"
    assert len(section(found, "pairs").tables[0].rows) == 6
    assert section(found, "pairs").detail


def test_the_verdict_says_who_is_tied_with_the_best_and_what_could_be_shown() -> None:
    rows = made()
    said = page(rows).findings
    shown = r"; the 40 queries show a difference of 0\.0\d\d with 80 % power"
    best = r"On esconv teacher ranks best by mrr, 0\.\d{3} \(0\.\d{3}–0\.\d{3}\)"
    tied = best + "; not significantly different: rabtriever" + shown
    assert any(re.match(tied, sentence) for sentence in said)
    alone = best + ", significantly better than every other system" + shown
    assert any(re.match(alone, sentence) for sentence in page(rows[:3]).findings)
    twin = replace(rows[2], system="twin")
    said = page([*rows, twin]).findings
    assert any("not significantly different: twin, rabtriever" in sentence for sentence in said)


def test_one_system_or_one_query_makes_no_comparison() -> None:
    assert not [s for s in page(made()[:1]).sections if s.id in {"significance", "pairs"}]
    short = [row(system, "d", [0.5], **COST[system]) for system in MEANS]
    ids = {s.id for s in page(short).sections}
    assert "quality" in ids
    assert not ids & {"significance", "pairs", "cost-quality", "means", "retention"}


def test_a_student_is_set_over_its_own_teacher() -> None:
    rows = made()
    found = page(rows)
    table = only(found, "retention")
    teacher, student = (dict(one.samples) for one in rows[2:])  # type: ignore[arg-type]
    share = mean_ratio(student, teacher)
    assert share is not None
    assert values(table)[0][:4] == ["esconv", "mrr", "rabtriever", "teacher"]
    (cell,) = column(table, "retention")
    assert (cell.value, cell.low, cell.high) == (share.value, share.low, share.high)
    assert column(table, "the paper")[0].words == "94–95 %"
    shown = f"{100 * share.value:.1f} % ({100 * share.low:.1f} to {100 * share.high:.1f} %)"
    assert (
        f"On esconv the student retains {shown} of its teacher’s mrr; the paper’s retains 94–95 %."
        in found.findings
    )


def test_the_papers_own_figure_stands_beside_its_metric() -> None:
    for dataset in ("esconv", "esconv/dev"):
        rows = [replace(one, measure="hit_rate@1") for one in made(dataset)]
        (cell,) = column(only(page(rows), "retention"), "the paper")
        assert (cell.value, cell.note) == (32.8 / 34.4, "(32.8 over 34.4)")


def test_an_untrained_student_is_tabled_and_not_boasted_of() -> None:
    rows = made()
    rows[3] = rows[3].with_changes(params={"trained": False})
    found = page(rows)
    assert values(only(found, "retention"))[0][2] == "rabtriever (untrained)"
    assert not [sentence for sentence in found.findings if "retains" in sentence]
    assert not [figure for figure in found.key_figures if "retention" in figure.label]


def test_another_models_teacher_or_first_stage_is_not_its_teacher() -> None:
    rows = made()
    rows[3] = rows[3].with_changes(params={"model": "other"})
    assert "retention" not in {one.id for one in page(rows).sections}
    base = made()
    composed = [
        replace(base[2], system="bm25>>teacher"),
        replace(base[2], system="dense>>teacher"),
        replace(base[3], system="dense>>rabtriever"),
        replace(base[3], system="bm25>>rabtriever-chunked"),
    ]
    pairs = {(line[2], line[3]) for line in values(only(page(composed), "retention"))}
    assert pairs == {
        ("dense>>rabtriever", "dense>>teacher"),
        ("bm25>>rabtriever-chunked", "bm25>>teacher"),
    }
    cached = [replace(base[2], system="teacher-cached"), base[3]]
    assert values(only(page(cached), "retention"))[0][3] == "teacher-cached"


def test_a_baseline_has_every_system_over_it() -> None:
    students, table = section(page(made(), baseline="bm25"), "retention").tables
    assert [line[2:4] for line in values(students)] == [["rabtriever", "teacher"]]
    assert students.headings[-1].name == "the paper"
    assert [line[2:4] for line in values(table)] == [
        ["teacher", "bm25"], ["rabtriever", "bm25"], ["dense", "bm25"],
    ]  # fmt: skip
    assert table.headings[-1].name == "retention"
    within = page(made(), quality={"baseline": "bm25"})  # the demonstration's configuration
    assert section(within, "retention").tables[1].cells == table.cells
    # Over its teacher as baseline a student stands once.
    taught = section(page(made(), baseline="teacher"), "retention").tables
    assert [[line[2] for line in values(one)] for one in taught] == [
        ["rabtriever"],
        ["dense", "bm25"],
    ]


def test_a_mean_over_nothing_keeps_no_share() -> None:
    rows = [row("teacher", "d", [0.0] * 9), row("rabtriever", "d", [0.5] * 9)]
    assert comparisons.retentions(rows) == []
    few = [row("teacher", "d", [1.0] + [0.0] * 5), row("rabtriever", "d", [0.5] * 6)]
    (kept,) = comparisons.retentions(few)
    assert kept.share.high == math.inf
    table, _ = comparisons.retention_tables([kept])
    assert re.fullmatch(r"300\.0 % \(from \d+\.\d %\)", cell_text(column(table, "retention")[0]))


PARTS = [f"cqadupstack/{name}" for name in ("android", "english", "gis")]


def test_parts_counted_as_one_are_one_in_the_mean() -> None:
    rows = [one for i, name in enumerate([*PARTS, "scifact"]) for one in made(name, seed=i)]
    cards = [{"name": name, "counted_as": "cqadupstack"} for name in PARTS]
    found = page(rows, [*cards, {"name": "scifact"}])
    table = only(found, "means")
    value = {(one.system, one.params["dataset"]): one.value for one in rows}
    expected = (
        np.mean([value["teacher", name] for name in PARTS]) + value["teacher", "scifact"]
    ) / 2
    assert table.cells[0][0].value == "teacher"
    assert column(table, "mrr, 2 data sets")[0].value == pytest.approx(expected)
    (mean,) = means_over_datasets(rows, [*cards, {"name": "scifact"}])
    assert mean.average(dict.fromkeys(PARTS, 1.0) | {"scifact": 2.0}) == pytest.approx(1.5)
    # Only the parts: one data set, and no mean over several.
    assert means_over_datasets(rows[:12], cards) == []


def test_the_interval_of_a_mean_draws_each_data_set_by_itself() -> None:
    rng = np.random.default_rng(0)
    rows = [row("bm25", name, list(rng.normal(size=200)), **COST["bm25"]) for name in "abcd"]
    (mean,) = means_over_datasets(rows, [])
    found = mean.estimate("bm25")
    error = np.sqrt(sum(np.var(list(one.samples.values())) / 200 for one in rows)) / 4  # type: ignore[union-attr]
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * error, rel=0.08)


def test_a_system_that_lacks_a_data_set_is_not_averaged() -> None:
    rows = [*made("a"), *made("b", seed=1)[1:]]
    table = only(page(rows), "means")
    assert [line[0] for line in values(table)] == ["teacher", "rabtriever", "dense"]


def test_quality_and_both_costs_stand_together() -> None:
    found = page(made(), draw=True)
    table = only(found, "cost-quality")
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
    figures = section(found, "figures").figures
    assert [one.title for one in figures] == [
        "mrr against FLOPs per query: esconv", "mrr against time per query: esconv", "mrr on esconv"
    ]  # fmt: skip
    for figure in figures[:2]:
        assert figure.svg.startswith("<svg")
        assert "On the front: bm25, dense, rabtriever, teacher." in figure.alt
    assert "none" in figures[0].svg
    assert found.findings[-1].startswith(
        "On the Pareto front of mrr against FLOPs per query, esconv: bm25 (0."
    )


def test_query_by_query_the_largest_wins_and_losses_come_first() -> None:
    scores = {"rabtriever": [0.9, 0.5, 0.1, 0.4], "teacher": [0.2, 0.5, 0.8, 0.3]}
    rows = [
        *(row(name, "d", values, trained=True) for name, values in scores.items()),
        row("bm25", "d", [1.0, 1.0, 1.0, 0.95]),
    ]
    words = {"q0": 10, "q1": 20, "q2": 1234, "q3": 40}
    found = section(page(rows, [{"name": "d", "relevant_words": words}], draw=True), "queries")
    wins, losses, every = found.tables
    # Against its teacher, though another system is the best.
    assert wins.caption == "d: largest wins of rabtriever over teacher"
    assert [heading.name for heading in wins.headings][:5] == [
        "query", "difference", "rabtriever", "teacher", "bm25",
    ]  # fmt: skip
    assert [line[0] for line in values(wins)] == ["q0", "q3"]
    assert [line[1] for line in values(wins)] == pytest.approx([0.7, 0.1])
    assert [line[2:4] for line in values(wins)] == [[0.9, 0.2], [0.4, 0.3]]
    assert [cell_text(cell) for cell in losses.cells[0][:2]] == ["q2", "-0.700"]
    assert losses.cells[0][-1].value == 1234
    assert [line[0] for line in values(every)] == ["q0", "q3", "q1", "q2"]
    assert every.folded
    (figure,) = found.figures
    assert "Of 4 queries rabtriever is better on 2, teacher on 1; 1 are tied." in figure.alt
    assert figure.data is not None
    assert figure.data.rows[-1][0] == "q2"


def test_query_by_query_an_untrained_student_is_not_asked() -> None:
    rows = made()
    rows[3] = rows[3].with_changes(params={"trained": False})
    captions = [one.caption for one in section(page(rows), "queries").tables]
    assert captions[0] == "esconv: largest wins of teacher over dense"
    many = [row(name, "d", [i / 600 for i in range(600)]) for name in ("bm25", "dense")]
    assert not section(page(many), "queries").tables  # no difference, and too many to list


def test_a_beaten_system_is_off_the_front() -> None:
    rows = made()
    dear = rows[0].with_changes(
        system="slow", params={"search_wall_s": 80.0, "flops_per_query": 10**12}
    )
    views = cost.cost_quality_views([*rows, dear], [])
    assert {view.kind for view in views} == {"flops", "time"}
    for view in views:
        (slow,) = (point for point in view.points if point.label == "slow")
        assert not slow.on_front
        assert slow.share == 0


def test_an_unknown_cost_is_left_out_and_never_nothing() -> None:
    rows = made()
    rows[1] = rows[1].with_changes(params={"flops_per_query": None})
    table = only(page(rows), "cost-quality")
    place = [line[0] for line in values(table)].index("dense")
    for name in ("FLOPs per query", "FLOPs front", "FLOPs front in resamples"):
        assert cell_text(column(table, name)[place]) == "–"
    assert column(table, "time per query")[place].value == pytest.approx(0.05)
    assert cost.query_cost(replace(rows[1], params={"n_queries": 4}), "time") is None


def test_the_cost_of_a_mean_is_a_mean_of_costs() -> None:
    other = [one.with_changes(params={"flops_per_query": 3 * 10**9}) for one in made("b", seed=1)]
    rows = [*made("a"), *other]
    views = cost.cost_quality_views(rows, means_over_datasets(rows, []))
    mean = views[0]
    assert (mean.name, mean.kind) == ("mean over 2 data sets", "flops")
    assert {point.label: point.cost for point in mean.points}["dense"] == pytest.approx(2e9)


def test_buckets_are_powers_of_two_joined_until_each_is_large_enough() -> None:
    words = {f"q{i}": n for i, n in enumerate([3] * 4 + [5] * 12 + [8, 9] + [64] * 10 + [65, 500])}
    found = splits.bucket_queries(words, least=10)
    assert [(one.low, one.high, len(one.query_ids)) for one in found] == [(3, 8, 17), (9, 500, 13)]
    assert sorted(q for one in found for q in one.query_ids) == sorted(words)
    assert splits.bucket_queries({"q": 1}) == [splits.Bucket(1, 1, ("q",))]
    assert splits.bucket_queries({}) == []


def test_quality_is_split_by_the_length_of_what_is_relevant() -> None:
    scores = [1.0] * 20 + [0.25] * 20
    rows = [row("teacher", "d", scores), row("bm25", "d", scores[::-1])]
    words = {f"q{i}": 100 if i < 20 else 700 for i in range(40)}
    found = page(rows, [{"name": "d", "relevant_words": words}], draw=True)
    table = only(found, "lengths")
    (figure,) = section(found, "lengths").figures
    assert "100 to 100, 700 to 700. teacher 1.000, 0.250; bm25 0.250, 1.000." in figure.alt
    assert figure.svg.startswith("<svg")
    assert "100–100" in figure.svg
    assert [heading.name for heading in table.headings] == [
        "system", "100–100 words, 20 queries", "700–700 words, 20 queries",
    ]  # fmt: skip
    assert values(table)[0] == ["teacher", 1.0, 0.25]


def test_a_figure_of_many_systems_shows_some_and_says_so() -> None:
    rows = [*made(), *(replace(made()[1], system=f"other-{i}") for i in range(4))]
    words = {f"q{i}": 100 if i < 20 else 700 for i in range(40)}
    found = page(rows, [{"name": "esconv", "relevant_words": words}], draw=True)
    (figure,) = section(found, "lengths").figures
    assert figure.title == "mrr by document length: esconv (5 of 8 systems)"
    for system in (*MEANS, "other-0"):
        assert f"{system} 0." in figure.alt
    assert "other-1" not in figure.alt
    assert len(only(found, "lengths").rows) == 8


def test_ndcg_is_split_where_there_is_one() -> None:
    rows = [row("bm25", "d", [0.5] * 40), row("bm25", "d", [0.7] * 40, measure="ndcg@10")]
    words = {f"q{i}": 4 ** (i % 2 + 2) for i in range(40)}
    table = only(page(rows, [{"name": "d", "relevant_words": words}]), "lengths")
    assert "ndcg@10" in table.caption
    assert table.cells[0][1].value == pytest.approx(0.7)


def test_too_like_lengths_are_said_not_split() -> None:
    words = {f"q{i}": 14 + i % 2 for i in range(QUERIES)}
    found = section(page(made(), [{"name": "esconv", "relevant_words": words}]), "lengths")
    assert not found.tables
    assert found.text[1].startswith("The relevant documents of esconv have 14 to 15 words")
    unknown = page(made(), [{"name": "esconv", "relevant_words": {"other": 3}}])
    assert "lengths" not in {one.id for one in unknown.sections}


def test_what_is_known_of_each_query_stays_out_of_the_cards_table() -> None:
    card = {"name": "esconv", "relevant_words": {"q0": 7}, "sampled": {"query_ids": ["q0"]}}
    table = only(page(made(), [card]), "suites")
    assert "relevant" not in str(table)
    assert "q0" not in str(table)


def test_shares_of_what_was_cut() -> None:
    read = {"documents_read": 200, "documents_cut": 50, "tokens_cut": 3000, "tokens_read": 57_000}
    rows = made()
    rows[2] = rows[2].with_changes(params=read)
    rows[3] = rows[3].with_changes(params={**read, "documents_cut": 0, "tokens_cut": 0})
    assert values(only(page(rows), "truncation")) == [
        ["esconv", "teacher", 200, 0.25, 285, 0.05],
        ["esconv", "rabtriever", 200, 0, 285, 0],
    ]


def test_many_ties_are_warned_of_with_their_range() -> None:
    tied = {
        "tied_queries": 0.6,
        "worst_under_ties": 0.21,
        "best_under_ties": 0.55,
        "expected_under_ties": 0.39,
    }
    rows = made()
    value = rows[0].value
    rows[0] = rows[0].with_changes(params=tied)
    found = page(rows)
    assert values(only(found, "ties")) == [["esconv", "bm25", "mrr", 0.6, value, 0.39, 0.21, 0.55]]
    means = only(found, "quality")
    (expected,) = filter(None, (c.value for c in column(means, "mrr, mean over tie orders")))
    assert expected == 0.39
    assert any("anything from 0.210 to 0.550 by other orders" in one for one in found.warnings)
    rows[0] = rows[0].with_changes(params={"tied_queries": 0.05})
    assert not [one for one in page(rows).warnings if "by other orders" in one]
    assert len(only(page(rows), "ties").rows) == 1
    assert "ties" not in {one.id for one in page(made()).sections}


def test_series_of_one_colour_have_marks_of_their_own() -> None:
    drawn = [(color(slot), marker(slot)) for slot in range(2 * SLOTS)]
    assert len(set(drawn)) == len(drawn)


@pytest.mark.e2e
def test_the_whole_page_is_the_same_every_time() -> None:
    rows = [*made("a"), *made("b", seed=1)]
    results = Results(command="quality", config={}, environment={}, rows=rows)
    assert html.render_html(build_page(results)) == html.render_html(build_page(results))
