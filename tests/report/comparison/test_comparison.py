"""Several results side by side: what is compared, what is never mixed, and that it is said."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rabbench import report
from rabbench.quality.significance import compare_systems
from rabbench.report.comparison import Comparison, build_page, comparison_data, quality, ratios
from rabbench.report.page import Cell, Page, Table
from rabbench.report.render import cell_text, html
from rabbench.results import save_results
from rabbench.scaling.sides import Side, load_sides, short_labels
from rabbench.types import BadInputError, Measurement, Results, UsageError
from tests.report import synthetic


def _elsewhere(results: Results, **changes: Any) -> Results:
    """The results as another run's: keys of its environment changed."""
    return replace(results, environment={**results.environment, **changes})


def _with(results: Results, rows: Iterable[Measurement]) -> Results:
    return replace(results, rows=list(rows))


def _sides(*results: Results) -> Comparison:
    return Comparison(
        [
            Side(label=f"run-{name}", path=Path(name), results=side, sha256=name * 64)
            for name, side in zip("abc", results, strict=False)
        ]
    )


def _tables(page: Page) -> dict[str, Table]:
    return {table.id: table for section in page.sections for table in section.tables}


def _row(table: Table, *heads: str | int) -> list[Cell]:
    """The one row that begins with these values."""
    (row,) = [row for row in table.cells if tuple(c.value for c in row[: len(heads)]) == heads]
    return row


def _reasons(comparison: Comparison) -> str:
    return "\n".join(
        f"{subject} [{', '.join(sides)}]: {reason}"
        for subject, sides, reason in comparison.left_out
    )


def _orders(comparison: Comparison) -> tuple[Table, list[str]]:
    return ratios.compare_orders(comparison.sides, comparison.fits)


@pytest.fixture(scope="module")
def sweep() -> Results:
    results: Results = synthetic.results("scaling", synthetic.scaling_rows())
    return results


@pytest.fixture(scope="module")
def later() -> Results:
    """The same sweep again on the same machine, at another commit."""
    results: Results = synthetic.results("scaling", synthetic.scaling_rows(seed=7))
    return _elsewhere(results, commit="beef" * 10, date="2026-11-24T03:00:00+00:00")


@pytest.fixture(scope="module")
def ranked() -> Results:
    results: Results = synthetic.results("quality", synthetic.quality_rows())
    return results


def test_times_are_set_side_by_side_on_one_machine(sweep: Results, later: Results) -> None:
    comparison = _sides(sweep, later)
    measures = {cost.key.measure for cost in comparison.costs}
    assert measures >= {"flops", "index_size", "latency", "working_memory", "peak_memory"}
    assert comparison.left_out == []
    page = build_page(comparison, draw=False)
    table = _tables(page)["costs-measured-0"]
    assert "on one machine" in table.caption
    line = _row(table, "teacher", "Time", "score")
    cost = next(
        cost for cost in comparison.costs
        if (cost.key.system, cost.key.measure) == ("teacher", "latency")
    )  # fmt: skip
    first, second = (row.value for row in cost.points[4096])
    assert first is not None
    assert second is not None
    (factor,) = cost.factors[4096]
    assert factor.value == pytest.approx(second / first)
    assert factor.low < factor.value < factor.high
    assert [cell.value for cell in line[3:7]] == [4096, first, second, factor.value]
    assert (line[6].low, line[6].high) == (factor.low, factor.high)
    least, most, lengths = (cell.value for cell in line[7:])
    factors = [factor.value for (factor,) in cost.factors.values()]
    assert (least, most, lengths) == (min(factors), max(factors), 8)
    assert any("are of one machine" in sentence for sentence in page.findings)
    assert any("not in turns" in text for section in page.sections for text in section.text)


def test_times_of_two_machines_are_never_mixed(sweep: Results, later: Results) -> None:
    comparison = _sides(sweep, _elsewhere(later, machine="fedcba987654"))
    assert {cost.key.measure for cost in comparison.costs} == {"flops", "index_size"}
    reasons = _reasons(comparison)
    assert "Time, absolute [run-a, run-b]: holds on one machine only" in reasons
    assert "run-a on 0123456789ab; run-b on fedcba987654" in reasons
    page = build_page(comparison, draw=False)
    data = comparison_data(comparison, page)
    assert {table["id"] for table in data["costs"]} == {"length-flops-0", "length-index_size-0"}
    assert any("no two are of one machine" in sentence for sentence in page.findings)
    # A time of either run stands nowhere beside one of the other; ratios within a run do.
    tables = _tables(page)
    assert not [id_ for id_ in tables if id_.startswith(("costs-measured", "length-latency"))]
    assert "factor-teacher-rabtriever-latency" in tables
    assert {table["id"] for table in data["ratios"]} >= {
        "factor-teacher-rabtriever-flops-dense",
        "factor-teacher-rabtriever-latency",
    }


def test_a_machine_without_a_name_equals_no_other(sweep: Results, later: Results) -> None:
    comparison = _sides(_elsewhere(sweep, machine=None), _elsewhere(later, machine=None))
    assert {cost.key.measure for cost in comparison.costs} == {"flops", "index_size"}
    assert "run-a on not named; run-b on not named" in _reasons(comparison)


def test_of_three_runs_the_two_of_one_machine_are_compared(sweep: Results, later: Results) -> None:
    comparison = _sides(sweep, _elsewhere(later, machine="fedcba987654"), later)
    timed = {cost.sides for cost in comparison.costs if cost.key.measure == "latency"}
    exact = {cost.sides for cost in comparison.costs if cost.key.measure == "flops"}
    assert (timed, exact) == ({("run-a", "run-c")}, {("run-a", "run-b", "run-c")})
    assert "Time, absolute" in _reasons(comparison)


def test_equal_counts_are_said_to_be_equal_and_a_lost_term_is_seen(
    sweep: Results, later: Results
) -> None:
    findings = build_page(_sides(sweep, later), draw=False).findings
    assert any(
        re.search("FLOPs and index sizes are equal at all [0-9]+ points", s) for s in findings
    )
    rows = [
        row.with_changes(value=row.value / 2) if row.measure == "flops" and row.system == "teacher"
        and row.value is not None and row.params.get("pairs") == "dense" else row
        for row in later.rows
    ]  # fmt: skip
    findings = build_page(_sides(sweep, _with(later, rows)), draw=False).findings
    assert (
        "Counts differ between the runs in teacher, score, FLOPs: the work itself is another."
        in findings
    )


def test_ratios_within_a_run_are_set_side_by_side(sweep: Results, later: Results) -> None:
    comparison = _sides(sweep, _elsewhere(later, machine="fedcba987654"))
    (ratio,) = [
        r
        for r in comparison.ratios
        if (r.over, r.under, r.measure) == ("teacher", "rabtriever", "latency")
    ]
    assert ratio.shared == sorted({int(row.params["doc_len"]) for row in sweep.rows})
    for label, results in (("run-a", sweep), ("run-b", later)):
        times = {
            (row.system, row.phase): row.value
            for row in results.rows
            if row.measure == "latency" and row.params["doc_len"] == 4096 and row.value
        }
        factor = times["teacher", "score"] / times["rabtriever", "score"]
        assert ratio.columns[label][4096].score.value == pytest.approx(factor)
    findings = build_page(comparison, draw=False).findings
    assert any(s.startswith("At 4,096 tokens, the longest that these runs share") for s in findings)


def test_other_work_is_not_set_side_by_side(sweep: Results, later: Results) -> None:
    longer = _with(later, [row.with_changes(params={"query_len": 64}) for row in later.rows])
    comparison = _sides(sweep, longer)
    assert {cost.key.phase for cost in comparison.costs} == {"index"}
    assert "teacher, score [run-a, run-b]: other work: query_len 32 in run-a, 64 in run-b" in (
        _reasons(comparison)
    )
    assert comparison.ratios == []
    assert "measured at another shape" in _reasons(comparison)


def test_without_a_common_length_nothing_is_compared(sweep: Results, later: Results) -> None:
    rows = [row.with_changes(params={"doc_len": row.params["doc_len"] + 1}) for row in later.rows]
    comparison = _sides(sweep, _with(later, rows))
    assert comparison.costs == []
    assert "no document length in common (128 to 4,096 in run-a; 129 to 4,097 in run-b)" in (
        _reasons(comparison)
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
    comparison = _sides(full, sweep)
    labels = {cost.key.label for cost in comparison.costs if cost.key.system == "teacher"}
    assert labels == {"teacher · sdpa"}
    assert "teacher · eager" in _reasons(comparison)


def test_only_what_differs_is_listed_and_moments_are_not(sweep: Results, later: Results) -> None:
    config: Any = {**later.config, "options": {"model": "qwen2-7b"}, "points": 9}
    versions = {"rabbench": "0.1.0", "torch": "2.14.0"}
    changed = replace(_elsewhere(later, versions=versions, load_average=9.0), config=config)
    comparison = _sides(sweep, changed)
    assert comparison.differences == {
        "config.points": {"run-a": "8", "run-b": "9"},
        "config.options.model": {"run-a": "smollm2-135m", "run-b": "qwen2-7b"},
        "commit": {"run-a": "d78d442", "run-b": "beefbeefbeef…"},
        "versions.torch": {"run-a": "2.13.0", "run-b": "2.14.0"},
    }
    table = build_page(comparison, draw=False).sections[0].tables[0]
    assert [row[0] for row in table.rows][4:] == list(comparison.differences)
    assert _sides(sweep, sweep).differences == {}
    sentence = build_page(_sides(sweep, sweep), draw=False).verdict[0]
    assert sentence == (
        "run-a and run-b differ in nothing that their results record: the same run again."
    )


def test_orders_that_differ_are_said(sweep: Results) -> None:
    comparison = _sides(sweep, sweep)
    table, sentences = _orders(comparison)
    line = _row(table, "teacher", "FLOPs", "score")
    assert line[3] == line[4]
    assert (line[3].value, line[3].role) == ("quadratic", "order")
    (coefficient,) = line[3].below
    assert (coefficient.value, coefficient.unit) == (pytest.approx(69120), "FLOP/token²")
    assert sentences == []
    constant = _with(
        sweep,
        [row.with_changes(value=5e9) if row.measure == "flops" and row.system == "teacher"
         and row.value is not None else row for row in sweep.rows],
    )  # fmt: skip
    assert _orders(_sides(sweep, constant))[1] == [
        "teacher, score, FLOPs: quadratic in run-a and constant in run-b."
    ]


def test_orders_carry_no_time_and_no_memory(sweep: Results, later: Results) -> None:
    flat = [
        row.with_changes(value=8192.0, samples=[8192.0]) if row.measure == "working_memory" else row
        for row in sweep.rows
    ]
    table, _ = _orders(_sides(_with(sweep, flat), _elsewhere(later, machine="fedcba987654")))
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
    comparison = _sides(ranked, _better(ranked, 0.1))
    by_system = {change.system: change.pair for change in comparison.changes}
    assert set(by_system) == {"bm25", "dense", "teacher", "rabtriever (untrained)"}
    pair = by_system["dense"]
    assert (pair.first, pair.second) == ("run-b", "run-a")
    assert pair.difference.value == pytest.approx(0.1)
    assert (pair.wins, pair.losses) == (60, 0)
    assert pair.significant
    assert pair.adjusted == pytest.approx(min(1.0, 4 * pair.p))
    changes = _sides(_better(ranked, 0.1), ranked).changes
    worse = {change.system: change.pair for change in changes}["dense"]
    assert worse.difference.value == pytest.approx(-0.1)
    assert (worse.wins, worse.losses) == (0, 60)
    findings = build_page(comparison, draw=False).findings
    (changed,) = [s for s in findings if "dense changes by +0.100" in s]
    assert changed.endswith("ndcg@10 from run-a to run-b.")


def test_its_test_is_that_of_significance(ranked: Results) -> None:
    rng = np.random.default_rng(5)
    rows = [
        row.with_changes(samples={q: s + 0.05 * rng.normal() for q, s in row.samples.items()})
        for row in ranked.rows
        if isinstance(row.samples, dict)
    ]
    comparison = _sides(ranked, _with(ranked, rows))
    assert comparison.changes
    assert len(comparison.changes) == 4
    for change in comparison.changes:
        (pair,) = compare_systems(comparison.ranked[0].scores[change.system])
        assert change.pair.p == pair.p
        assert abs(change.pair.difference.value) == pytest.approx(abs(pair.difference.value))
        low, high = change.pair.difference.low, change.pair.difference.high
        assert sorted(map(abs, (low, high))) == pytest.approx(
            sorted(map(abs, (pair.difference.low, pair.difference.high)))
        )


def test_equal_scores_are_said_to_be_equal(ranked: Results) -> None:
    findings = build_page(_sides(ranked, ranked), draw=False).findings
    assert any("score the same on each of 60 queries" in sentence for sentence in findings)


def _card(results: Results, **changes: Any) -> Results:
    return replace(results, suites=[{**dict(results.suites[0]), **changes}])


def test_other_data_under_one_name_are_never_mixed(ranked: Results) -> None:
    comparison = _sides(ranked, _card(ranked, fingerprint="sha256:" + "0" * 64))
    assert (comparison.ranked, comparison.changes) == ([], [])
    reasons = _reasons(comparison)
    assert "other content under one name" in reasons
    assert "000000000000…" in reasons
    findings = build_page(comparison, draw=False).findings
    assert any("Nothing in these results can be compared" in sentence for sentence in findings)


def test_data_are_known_by_fingerprint_whatever_their_name(ranked: Results) -> None:
    rows = [row.with_changes(params={"dataset": "scifact"}) for row in ranked.rows]
    renamed = _card(_with(ranked, rows), name="scifact")
    assert len(_sides(ranked, renamed).ranked) == 3
    nameless = _card(ranked, fingerprint=None)
    comparison = _sides(ranked, nameless)
    assert comparison.ranked == []
    assert "its data have no fingerprint" in _reasons(comparison)


def test_other_depths_are_not_compared(ranked: Results) -> None:
    deeper = _with(ranked, [row.with_changes(params={"depth": 200}) for row in ranked.rows])
    comparison = _sides(ranked, deeper)
    assert comparison.ranked == []
    assert "ranked with 100 candidates, 100 ranked, elsewhere with 200 candidates" in _reasons(
        comparison
    )


def test_means_are_over_the_queries_that_all_scored(ranked: Results) -> None:
    rows = []
    for row in ranked.rows:
        assert isinstance(row.samples, dict)
        scores = dict(list(row.samples.items())[:20])
        rows.append(row.with_changes(samples=scores, value=float(np.mean(list(scores.values())))))
    comparison = _sides(ranked, _with(ranked, rows))
    assert {len(metric.queries) for metric in comparison.ranked} == {20}
    assert comparison.ranked[0].cut
    (table,) = quality.means_tables(comparison.ranked[:1])
    mean = _row(table, "bm25", "ndcg@10")[2]
    assert mean.value == pytest.approx(rows[0].value)
    assert mean.low is not None
    assert mean.high is not None
    assert mean.low < rows[0].value < mean.high
    assert "40 queries of beir/scifact [run-a]: not all runs scored them; 20 are" in _reasons(
        comparison
    )
    assert {change.pair.ties for change in comparison.changes} == {20}
    tables = _tables(build_page(comparison, draw=False)).values()
    assert any("20 queries that all scored" in table.caption for table in tables)


def test_fewer_than_two_common_queries_are_not_compared(ranked: Results) -> None:
    rows = [
        row.with_changes(samples={f"other-{q}": s for q, s in row.samples.items()})
        for row in ranked.rows
        if isinstance(row.samples, dict)
    ]
    comparison = _sides(ranked, _with(ranked, rows))
    assert comparison.ranked == []
    assert "fewer than two queries in common (60 in run-a; 60 in run-b)" in _reasons(comparison)


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
    assert short_labels([Path(folder) for folder in folders]) == expected


@pytest.fixture
def folders(sweep: Results, later: Results, tmp_path: Path) -> list[Path]:
    for name, results in (("one", sweep), ("two", later)):
        save_results(results, tmp_path / name)
    return [tmp_path / "one", tmp_path / "two"]


@pytest.mark.e2e
def test_a_comparison_is_written_and_the_folders_stay_as_they_are(
    folders: list[Path], tmp_path: Path
) -> None:
    verdict, paths = report.write_comparison(folders, tmp_path / "out")
    assert [path.name for path in paths] == ["report.md", "report.html", "comparison.json"]
    assert [sorted(p.name for p in folder.iterdir()) for folder in folders] == [
        ["results.json"]
    ] * 2
    markdown = paths[0].read_text()
    page = paths[1].read_text()
    assert all(sentence in unescape(page) for sentence in verdict)
    assert page.count("<svg") >= 4
    assert "<script src" not in page
    assert not re.findall(r'(?:src|href)="https?:', page)
    data = json.loads(paths[2].read_text(), parse_constant=pytest.fail)
    assert [run["run"] for run in data["runs"]] == ["one", "two"]
    assert data["differences"]["commit"] == {"one": "d78d442", "two": "beefbeefbeef…"}
    assert "## Teacher over student" in markdown
    before = [path.read_bytes() for path in paths]
    report.write_comparison(folders, tmp_path / "out")
    assert [path.read_bytes() for path in paths] == before


@pytest.mark.e2e
def test_the_order_hangs_on_no_hash(sweep: Results, folders: list[Path], tmp_path: Path) -> None:
    """Sets of strings are in another order in each process, unless the seed is given."""
    rows = [row.with_changes(params={"query_len": 64}) for row in sweep.rows]
    save_results(_with(sweep, rows), tmp_path / "three")
    folders = [*folders, tmp_path / "three"]
    texts = []
    for seed in ("1", "2", "3"):
        words = ["report", *map(str, folders), "--out", str(tmp_path / seed)]
        subprocess.run(
            [sys.executable, "-m", "rabbench", *words],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
        )
        texts.append((tmp_path / seed / "comparison.json").read_text())
    assert texts[0] == texts[1] == texts[2]
    assert len(json.loads(texts[0])["left_out"][0]["rows"]) > 8


def test_text_of_results_is_escaped(sweep: Results, later: Results) -> None:
    evil = _elsewhere(later, cpu="<script>alert(1)</script>", commit="<b>")
    page = html.render_html(build_page(_sides(sweep, evil)))
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;" in page


def test_wrong_folders_are_refused(folders: list[Path], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is given twice; a comparison needs different results"):
        load_sides([folders[0], folders[1], folders[0] / "results.json"])
    with pytest.raises(UsageError, match="is one of the folders compared; choose another"):
        report.write_comparison(folders, folders[0])
    with pytest.raises(BadInputError, match="no results at"):
        load_sides([folders[0], tmp_path / "nowhere"])


def test_changes_of_several_data_sets_are_corrected_each_by_itself(ranked: Results) -> None:
    rows = [*ranked.rows, *(row.with_changes(params={"dataset": "more"}) for row in ranked.rows)]
    card = {**dict(ranked.suites[0]), "name": "more", "fingerprint": "feed"}
    two_datasets = replace(_with(ranked, rows), suites=[*ranked.suites, card])
    comparison = _sides(two_datasets, _better(two_datasets, 0.1))
    tables = quality.changes_tables(comparison.changes)
    assert len(tables) == 2
    adjusted = {c.pair.adjusted for c in comparison.changes if c.system == "dense"}
    alone_changes = _sides(ranked, _better(ranked, 0.1)).changes
    (alone,) = {c.pair.adjusted for c in alone_changes if c.system == "dense"}
    assert adjusted == {alone}
