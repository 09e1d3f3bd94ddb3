"""Several results side by side: what is compared, what is never mixed, and that it is said."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rabbench.quality.significance import compare_systems
from rabbench.report import comparison
from rabbench.report.comparison import (
    Comparison,
    build_page,
    comparison_data,
    gather,
    quality,
    runs,
)
from rabbench.report.comparison.runs import Side
from rabbench.report.page import Cell, Page, Table
from rabbench.report.render import html
from rabbench.report.render.cells import cell_text
from rabbench.results import save_results
from rabbench.types import BadInputError, Measurement, Results, UsageError
from tests.report import synthetic

Sided = Callable[..., Comparison]


def _elsewhere(results: Results, **changes: Any) -> Results:
    """The results as another run's: keys of its environment changed."""
    return replace(results, environment={**results.environment, **changes})


def _with(results: Results, rows: Iterable[Measurement]) -> Results:
    return replace(results, rows=list(rows))


def _sides(*given: Results) -> Comparison:
    return Comparison(
        tuple(
            Side(label=f"run-{name}", path=Path(name), results=results, sha256=name * 64)
            for name, results in zip("abc", given, strict=False)
        )
    )


def _tables(page: Page) -> dict[str, Table]:
    return {table.id: table for section in page.sections for table in section.tables}


def _row(table: Table, *heads: str | int) -> list[Cell]:
    """The one row that begins with these values."""
    (row,) = [row for row in table.cells if tuple(c.value for c in row[: len(heads)]) == heads]
    return row


def _reasons(found: Comparison) -> str:
    return "\n".join(f"{one.what} [{', '.join(one.sides)}]: {one.reason}" for one in found.left_out)


@pytest.fixture(scope="module")
def sweep() -> Results:
    made: Results = synthetic.results("scaling", synthetic.scaling_rows())
    return made


@pytest.fixture(scope="module")
def later() -> Results:
    """The same sweep again on the same machine, at another commit."""
    made: Results = synthetic.results("scaling", synthetic.scaling_rows(seed=7))
    return _elsewhere(made, commit="beef" * 10, date="2026-11-24T03:00:00+00:00")


@pytest.fixture(scope="module")
def ranked() -> Results:
    made: Results = synthetic.results("quality", synthetic.quality_rows())
    return made


def test_times_are_set_side_by_side_on_one_machine(sweep: Results, later: Results) -> None:
    found = _sides(sweep, later)
    measures = {cost.key.measure for cost in found.costs.matched}
    assert measures >= {"flops", "index_size", "latency", "working_memory", "peak_memory"}
    assert found.left_out == []
    page = build_page(found, draw=False)
    table = _tables(page)["costs-measured-0"]
    assert "on one machine" in table.caption
    line = _row(table, "teacher", "Time", "score")
    cost = next(
        cost for cost in found.costs.matched
        if (cost.key.system, cost.key.measure) == ("teacher", "latency")
    )  # fmt: skip
    first, second = (rows[4096].value for rows in cost.sweeps)
    assert first is not None
    assert second is not None
    factor = cost.factor(1, 4096)
    assert factor.value == pytest.approx(second / first)
    assert factor.low < factor.value < factor.high
    assert [cell.value for cell in line[3:7]] == [4096, first, second, factor.value]
    assert (line[6].low, line[6].high) == (factor.low, factor.high)
    least, most, lengths = (cell.value for cell in line[7:])
    factors = [cost.factor(1, length).value for length in cost.measured]
    assert (least, most, lengths) == (min(factors), max(factors), 8)
    assert any("are of one machine" in said for said in page.findings)
    assert any("not in turns" in text for one in page.sections for text in one.text)


def test_times_of_two_machines_are_never_mixed(sweep: Results, later: Results) -> None:
    found = _sides(sweep, _elsewhere(later, machine="fedcba987654"))
    assert {cost.key.measure for cost in found.costs.matched} == {"flops", "index_size"}
    reasons = _reasons(found)
    assert "Time, absolute [run-a, run-b]: holds on one machine only" in reasons
    assert "run-a on 0123456789ab; run-b on fedcba987654" in reasons
    page = build_page(found, draw=False)
    data = comparison_data(found, page)
    assert {table["id"] for table in data["costs"]} == {"length-flops-0", "length-index_size-0"}
    assert any("no two are of one machine" in said for said in page.findings)
    # A time of either run stands nowhere beside one of the other; ratios within a run do.
    tables = _tables(page)
    assert not [id_ for id_ in tables if id_.startswith(("costs-measured", "length-latency"))]
    assert "factor-teacher-rabtriever-latency" in tables
    assert {table["id"] for table in data["ratios"]} >= {
        "factor-teacher-rabtriever-flops-dense",
        "factor-teacher-rabtriever-latency",
    }


def test_a_machine_without_a_name_equals_no_other(sweep: Results, later: Results) -> None:
    found = _sides(_elsewhere(sweep, machine=None), _elsewhere(later, machine=None))
    assert {cost.key.measure for cost in found.costs.matched} == {"flops", "index_size"}
    assert "run-a on not named; run-b on not named" in _reasons(found)


def test_of_three_runs_the_two_of_one_machine_are_compared(sweep: Results, later: Results) -> None:
    found = _sides(sweep, _elsewhere(later, machine="fedcba987654"), later)
    timed = {cost.sides for cost in found.costs.matched if cost.key.measure == "latency"}
    counted = {cost.sides for cost in found.costs.matched if cost.key.measure == "flops"}
    assert (timed, counted) == ({("run-a", "run-c")}, {("run-a", "run-b", "run-c")})
    assert "Time, absolute" in _reasons(found)


def test_equal_counts_are_said_to_be_equal_and_a_lost_term_is_seen(
    sweep: Results, later: Results
) -> None:
    said = build_page(_sides(sweep, later), draw=False).findings
    assert any(re.search("FLOPs and index sizes are equal at all [0-9]+ points", s) for s in said)
    rows = [
        row.with_changes(value=row.value / 2) if row.measure == "flops" and row.system == "teacher"
        and row.value is not None and row.params.get("pairs") == "dense" else row
        for row in later.rows
    ]  # fmt: skip
    said = build_page(_sides(sweep, _with(later, rows)), draw=False).findings
    assert (
        "Counts differ between the runs in teacher, score, FLOPs: the work itself is another."
        in said
    )


def test_ratios_within_a_run_are_set_side_by_side(sweep: Results, later: Results) -> None:
    found = _sides(sweep, _elsewhere(later, machine="fedcba987654"))
    one = next(one for one in found.ratios if one.id == "teacher-rabtriever-latency")
    assert one.shared == sorted({int(row.params["doc_len"]) for row in sweep.rows})
    for label, results in (("run-a", sweep), ("run-b", later)):
        of = {
            (row.system, row.phase): row.value
            for row in results.rows
            if row.measure == "latency" and row.params["doc_len"] == 4096 and row.value
        }
        ratio = of["teacher", "score"] / of["rabtriever", "score"]
        assert one.columns[label][4096].score.value == pytest.approx(ratio)
    said = build_page(found, draw=False).findings
    assert any(s.startswith("At 4,096 tokens, the longest that these runs share") for s in said)


def test_other_work_is_not_set_side_by_side(sweep: Results, later: Results) -> None:
    longer = _with(later, [row.with_changes(params={"query_len": 64}) for row in later.rows])
    found = _sides(sweep, longer)
    assert {cost.key.phase for cost in found.costs.matched} == {"index"}
    assert "teacher, score [run-a, run-b]: other work: query_len 32 in run-a, 64 in run-b" in (
        _reasons(found)
    )
    assert found.ratios == []
    assert "measured at another shape" in _reasons(found)


def test_without_a_common_length_nothing_is_compared(sweep: Results, later: Results) -> None:
    rows = [row.with_changes(params={"doc_len": row.params["doc_len"] + 1}) for row in later.rows]
    found = _sides(sweep, _with(later, rows))
    assert found.costs.matched == []
    assert "no document length in common (128 to 4,096 in run-a; 129 to 4,097 in run-b)" in (
        _reasons(found)
    )


def test_what_one_run_alone_measured_is_said(sweep: Results, later: Results) -> None:
    rows = [
        row for row in later.rows
        if row.system != "dense" and not (row.system == "bm25" and row.measure == "latency")
    ]  # fmt: skip
    reasons = _reasons(_sides(sweep, _with(later, rows)))
    assert "dense [run-a]: only run-a measured it" in reasons
    assert "bm25: Time [run-a]: only run-a measured it" in reasons


def test_a_point_without_a_value_keeps_its_status(sweep: Results, later: Results) -> None:
    rows = [
        row.with_changes(value=None, status="oom", samples=())
        if row.measure == "latency" and row.params["doc_len"] == 4096 and row.system == "teacher"
        else row
        for row in later.rows
    ]
    page = build_page(_sides(sweep, _with(later, rows)), draw=False)
    tables = _tables(page)
    line = _row(tables["costs-measured-0"], "teacher", "Time", "score")
    assert line[3].value == 2501
    (full,) = [table for id_, table in tables.items() if id_.startswith("length-latency")]
    line = _row(full, "teacher", "score", 4096)
    assert [cell_text(cell) for cell in line[4:]] == ["not measured (oom)", "–"]


def test_sweeps_of_one_run_are_told_apart(sweep: Results) -> None:
    full = synthetic.results("scaling", synthetic.full_rows())
    found = _sides(full, sweep)
    labels = {cost.key.label for cost in found.costs.matched if cost.key.system == "teacher"}
    assert labels == {"teacher · sdpa"}
    assert "teacher · eager" in _reasons(found)


def test_only_what_differs_is_listed_and_moments_are_not(sweep: Results, later: Results) -> None:
    config: Any = {**later.config, "options": {"model": "qwen2-7b"}, "points": 9}
    versions = {"rabbench": "0.1.0", "torch": "2.14.0"}
    other = replace(_elsewhere(later, versions=versions, load_average=9.0), config=config)
    found = _sides(sweep, other)
    assert found.differences == {
        "config.points": ["8", "9"],
        "config.options.model": ["smollm2-135m", "qwen2-7b"],
        "commit": ["d78d442", "beefbeefbeef…"],
        "versions.torch": ["2.13.0", "2.14.0"],
    }
    table = build_page(found, draw=False).sections[0].tables[0]
    assert [row[0] for row in table.rows][4:] == list(found.differences)
    assert _sides(sweep, sweep).differences == {}
    said = build_page(_sides(sweep, sweep), draw=False).verdict[0]
    assert said == (
        "run-a and run-b differ in nothing that their results record: the same run again."
    )


def test_orders_that_differ_are_said(sweep: Results) -> None:
    found = _sides(sweep, sweep)
    table, differing = found.orders
    assert table is not None
    line = _row(table, "teacher", "FLOPs", "score")
    assert line[3] == line[4]
    assert (line[3].value, line[3].role) == ("quadratic", "order")
    (coefficient,) = line[3].below
    assert (coefficient.value, coefficient.unit) == (pytest.approx(69120), "FLOP/token²")
    assert differing == []
    cut = _with(
        sweep,
        [row.with_changes(value=5e9) if row.measure == "flops" and row.system == "teacher"
         and row.value is not None else row for row in sweep.rows],
    )  # fmt: skip
    assert _sides(sweep, cut).orders[1] == [
        "teacher, score, FLOPs: quadratic in run-a and constant in run-b."
    ]


def test_orders_carry_no_time_and_no_memory(sweep: Results, later: Results) -> None:
    flat = [
        row.with_changes(value=8192.0, samples=[8192.0]) if row.measure == "working_memory" else row
        for row in sweep.rows
    ]
    table, _ = _sides(_with(sweep, flat), _elsewhere(later, machine="fedcba987654")).orders
    assert table is not None
    measured = [row for row in table.cells if row[1].value in {"Time", "Working memory"}]
    assert len(measured) > 8
    for row in measured:
        for cell in row[3:]:
            (below,) = cell.below
            assert not cell.unit
            assert not below.unit
            if cell.value in {"linear", "quadratic"}:
                assert below.lead == "exponent"
                assert isinstance(below.value, float)
            else:
                assert cell.value in {"constant", "not judged", "at most linear"}
                assert isinstance(below.value, int)


def _better(results: Results, by: float, system: str = "dense") -> Results:
    """The same evaluation in which one system ranks better on every query."""
    rows = []
    for row in results.rows:
        if row.system == system and isinstance(row.samples, dict):
            scores = {query_id: score + by for query_id, score in row.samples.items()}
            row = row.with_changes(samples=scores, value=float(np.mean(list(scores.values()))))
        rows.append(row)
    return _with(results, rows)


def test_a_change_in_quality_is_paired_and_has_the_later_run_s_sign(ranked: Results) -> None:
    found = _sides(ranked, _better(ranked, 0.1))
    by_system = {one.system: one for one in found.changes}
    assert set(by_system) == {"bm25", "dense", "teacher", "rabtriever (untrained)"}
    pair = by_system["dense"].comparison
    assert (pair.first, pair.second) == ("run-b", "run-a")
    assert pair.difference.value == pytest.approx(0.1)
    assert (pair.wins, pair.losses) == (60, 0)
    assert pair.significant
    assert pair.adjusted == pytest.approx(min(1.0, 4 * pair.p))
    worse = {one.system: one for one in _sides(_better(ranked, 0.1), ranked).changes}["dense"]
    assert worse.comparison.difference.value == pytest.approx(-0.1)
    assert (worse.comparison.wins, worse.comparison.losses) == (0, 60)
    said = build_page(found, draw=False).findings
    (changed,) = [s for s in said if "dense changes by +0.100" in s]
    assert changed.endswith("ndcg@10 from run-a to run-b.")


def test_its_test_is_that_of_significance(ranked: Results) -> None:
    rng = np.random.default_rng(5)
    rows = [
        row.with_changes(samples={q: s + 0.05 * rng.normal() for q, s in row.samples.items()})
        for row in ranked.rows
        if isinstance(row.samples, dict)
    ]
    found = _sides(ranked, _with(ranked, rows))
    assert found.changes
    for one in found.changes:
        (pair,) = compare_systems(found.ranked[0].scores[one.system])
        assert one.comparison.p == pair.p
        assert abs(one.comparison.difference.value) == pytest.approx(abs(pair.difference.value))
        low, high = one.comparison.difference.low, one.comparison.difference.high
        assert sorted(map(abs, (low, high))) == pytest.approx(
            sorted(map(abs, (pair.difference.low, pair.difference.high)))
        )


def test_equal_scores_are_said_to_be_equal(ranked: Results) -> None:
    said = build_page(_sides(ranked, ranked), draw=False).findings
    assert any("score the same on each of 60 queries" in sentence for sentence in said)


def _card(results: Results, **changes: Any) -> Results:
    return replace(results, suites=[{**dict(results.suites[0]), **changes}])


def test_other_data_under_one_name_are_never_mixed(ranked: Results) -> None:
    found = _sides(ranked, _card(ranked, fingerprint="sha256:" + "0" * 64))
    assert (found.ranked, found.changes) == ([], [])
    reasons = _reasons(found)
    assert "other content under one name" in reasons
    assert "000000000000…" in reasons
    said = build_page(found, draw=False).findings
    assert any("Nothing in these results can be compared" in sentence for sentence in said)


def test_data_are_known_by_fingerprint_whatever_their_name(ranked: Results) -> None:
    rows = [row.with_changes(params={"dataset": "scifact"}) for row in ranked.rows]
    other = _card(_with(ranked, rows), name="scifact")
    assert len(_sides(ranked, other).ranked) == 3
    nameless = _card(ranked, fingerprint=None)
    found = _sides(ranked, nameless)
    assert found.ranked == []
    assert "its data have no fingerprint" in _reasons(found)


def test_other_depths_are_not_compared(ranked: Results) -> None:
    deeper = _with(ranked, [row.with_changes(params={"depth": 200}) for row in ranked.rows])
    found = _sides(ranked, deeper)
    assert found.ranked == []
    assert "ranked with 100 candidates, 100 ranked, elsewhere with 200 candidates" in _reasons(
        found
    )


def test_means_are_over_the_queries_that_all_scored(ranked: Results) -> None:
    rows = []
    for row in ranked.rows:
        assert isinstance(row.samples, dict)
        kept = dict(list(row.samples.items())[:20])
        rows.append(row.with_changes(samples=kept, value=float(np.mean(list(kept.values())))))
    found = _sides(ranked, _with(ranked, rows))
    assert {one.queries for one in found.ranked} == {20}
    assert found.ranked[0].cut
    (table,) = quality.means_tables(found.ranked[:1])
    mean = _row(table, "bm25", "ndcg@10")[2]
    assert mean.value == pytest.approx(rows[0].value)
    assert mean.low is not None
    assert mean.high is not None
    assert mean.low < rows[0].value < mean.high
    assert "40 queries of beir/scifact [run-a]: not all runs scored them; 20 are" in _reasons(found)
    assert all(one.comparison.ties == 20 for one in found.changes)
    tables = _tables(build_page(found, draw=False)).values()
    assert any("20 queries that all scored" in table.caption for table in tables)


def test_fewer_than_two_common_queries_are_not_compared(ranked: Results) -> None:
    rows = [
        row.with_changes(samples={f"other-{q}": s for q, s in row.samples.items()})
        for row in ranked.rows
        if isinstance(row.samples, dict)
    ]
    found = _sides(ranked, _with(ranked, rows))
    assert found.ranked == []
    assert "fewer than two queries in common (60 in run-a; 60 in run-b)" in _reasons(found)


def test_metrics_systems_and_failures_of_one_run_are_said(ranked: Results) -> None:
    rows = [
        row.with_changes(value=None, status="oom", samples=()) if row.system == "teacher" else row
        for row in ranked.rows
        if row.measure != "mrr@10" and row.system != "dense"
    ]
    reasons = _reasons(_sides(ranked, _with(ranked, rows)))
    assert "mrr@10 on beir/scifact [run-a]: only run-a has this metric" in reasons
    assert "dense on beir/scifact [run-a]: only run-a ranked by it" in reasons
    assert "teacher on beir/scifact, ndcg@10 [run-b]: not measured (oom)" in reasons
    nothing = _with(ranked, [row.with_changes(samples=()) for row in ranked.rows])
    assert "no scores of single queries" in _reasons(_sides(ranked, nothing))
    assert "data set beir/scifact [run-a]: only run-a ranked it" in _reasons(
        _sides(ranked, _with(ranked, []))
    )


@pytest.mark.parametrize(
    ("folders", "expected"),
    [
        (["out/h100/scaling", "out/cpu/scaling"], ["h100", "cpu"]),
        (["sweep-qwen2-7b", "sweep-llama-8b"], ["qwen2-7b", "llama-8b"]),
        (["r/scaling-135m-4096", "r/scaling-135m-8192"], ["135m-4096", "135m-8192"]),
        (["a/x", "b/y"], ["x", "y"]),
        (["run", "run-two"], ["run", "run-two"]),
        (["a/s", "a/s"], ["s 1", "s 2"]),
        (["a/b/x/c", "a/d/x/c", "a/d/y"], ["b/x/c", "d/x/c", "a/d/y"]),
    ],
)
def test_names_are_as_short_as_tells_them_apart(folders: list[str], expected: list[str]) -> None:
    assert runs.short_labels([Path(folder) for folder in folders]) == expected


@pytest.fixture
def folders(sweep: Results, later: Results, tmp_path: Path) -> list[Path]:
    for name, results in (("one", sweep), ("two", later)):
        save_results(results, tmp_path / name)
    return [tmp_path / "one", tmp_path / "two"]


@pytest.mark.e2e
def test_a_comparison_is_written_and_the_folders_stay_as_they_are(
    folders: list[Path], tmp_path: Path
) -> None:
    verdict, written = comparison.write(folders, tmp_path / "out")
    assert [path.name for path in written] == ["report.md", "report.html", "comparison.json"]
    assert [sorted(p.name for p in folder.iterdir()) for folder in folders] == [
        ["results.json"]
    ] * 2
    marked = written[0].read_text()
    page = written[1].read_text()
    assert all(sentence in unescape(page) for sentence in verdict)
    assert page.count("<svg") >= 4
    assert "<script src" not in page
    assert not re.findall(r'(?:src|href)="https?:', page)
    data = json.loads(written[2].read_text(), parse_constant=pytest.fail)
    assert [run["run"] for run in data["runs"]] == ["one", "two"]
    assert data["differences"]["commit"] == {"one": "d78d442", "two": "beefbeefbeef…"}
    assert "## Teacher over student" in marked
    before = [path.read_bytes() for path in written]
    comparison.write(folders, tmp_path / "out")
    assert [path.read_bytes() for path in written] == before


@pytest.mark.e2e
def test_the_order_hangs_on_no_hash(folders: list[Path], tmp_path: Path) -> None:
    """Sets of strings are in another order in each process, unless the seed is given."""
    written = []
    for seed in ("1", "2", "3"):
        words = ["report", *map(str, folders), "--out", str(tmp_path / seed)]
        subprocess.run(
            [sys.executable, "-m", "rabbench", *words],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
        )
        written.append((tmp_path / seed / "comparison.json").read_text())
    assert written[0] == written[1] == written[2]


def test_text_of_results_is_escaped(sweep: Results, later: Results) -> None:
    evil = _elsewhere(later, cpu="<script>alert(1)</script>", commit="<b>")
    page = html.render_html(build_page(_sides(sweep, evil)))
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;" in page


def test_wrong_folders_are_refused(folders: list[Path], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is given twice; a comparison needs different results"):
        gather([folders[0], folders[1], folders[0] / "results.json"])
    with pytest.raises(UsageError, match="is one of the folders compared; choose another"):
        comparison.write(folders, folders[0])
    with pytest.raises(BadInputError, match="no results at"):
        gather([folders[0], tmp_path / "nowhere"])


def test_changes_of_several_data_sets_are_corrected_each_by_itself(ranked: Results) -> None:
    rows = [*ranked.rows, *(row.with_changes(params={"dataset": "more"}) for row in ranked.rows)]
    card = {**dict(ranked.suites[0]), "name": "more", "fingerprint": "feed"}
    both = replace(_with(ranked, rows), suites=[*ranked.suites, card])
    found = _sides(both, _better(both, 0.1))
    tables = quality.changes_tables(found.changes)
    assert len(tables) == 2
    adjusted = {one.comparison.adjusted for one in found.changes if one.system == "dense"}
    (alone,) = {
        one.comparison.adjusted
        for one in _sides(ranked, _better(ranked, 0.1)).changes
        if one.system == "dense"
    }
    assert adjusted == {alone}
