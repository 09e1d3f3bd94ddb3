"""Reports: every row is there, the page is whole and escaped, equal results give equal bytes."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from rabbench import report, store
from rabbench.breakeven import BreakEven
from rabbench.complexity import Estimate
from rabbench.records import Measurement, Results
from rabbench.report import content, figures, html, markdown, payoff_words, timings
from rabbench.report.page import Page, Table
from rabbench.report.plot import Series
from rabbench.report.units import amount, cell

VOID = {"meta", "link", "br", "hr", "img", "input", "use", "path", "rect"}


class Checker(HTMLParser):
    """Collects tags, ids and links, and refuses tags that do not close in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember the tag as open."""
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A tag that closes itself."""
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """Only the last opened tag may close."""
        if tag in VOID:
            return
        assert self.open, f"</{tag}> without a start"
        assert self.open[-1] == tag, f"</{tag}> closes <{self.open[-1]}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        """Text between tags."""
        self.text.append(data)


@pytest.fixture(scope="module")
def page(demo: Results) -> str:
    return html.render(demo)


@pytest.fixture(scope="module")
def checked(page: str) -> Checker:
    checker = Checker()
    checker.feed(page)
    return checker


def test_every_row_stands_in_both_reports_by_value_or_status(demo: Results, page: str) -> None:
    text, marked = unescape(page), unescape(markdown.render(demo)).replace("\\", "")
    for row in demo.rows:
        shown = f"{row.value:.3f}" if row.phase == "quality" else cell(row)
        assert shown in text, row
        assert shown in marked, row


def test_the_page_is_well_formed(checked: Checker) -> None:
    assert checked.open == []
    names = [tag for tag, _ in checked.tags]
    assert names.count("h1") == 1
    assert names.count("main") == 1
    assert names.count("table") == names.count("caption")
    html_attrs = next(attrs for tag, attrs in checked.tags if tag == "html")
    assert html_attrs["lang"] == "en"
    ids = [attrs["id"] for _, attrs in checked.tags if "id" in attrs]
    assert len(ids) == len(set(ids))


def test_every_link_inside_the_page_has_its_target(checked: Checker) -> None:
    ids = {attrs.get("id") for _, attrs in checked.tags}
    for _, attrs in checked.tags:
        for name in ("href", "xlink:href"):
            target = attrs.get(name)
            if target is not None:
                assert target.startswith("#"), target
                assert target[1:] in ids


def test_nothing_is_fetched_and_no_script_is_needed(checked: Checker, page: str) -> None:
    assert not [attrs for _, attrs in checked.tags if "src" in attrs or "srcset" in attrs]
    assert not [tag for tag, _ in checked.tags if tag in {"link", "iframe", "object", "img"}]
    assert not re.search(r"@import|url\((?!#)", page)
    assert "<script src" not in page


def test_figures_and_tables_speak_to_a_screen_reader(checked: Checker) -> None:
    figures = [attrs for tag, attrs in checked.tags if tag == "svg"]
    assert figures
    for attrs in figures:
        assert attrs["role"] == "img"
        assert len(attrs["aria-label"] or "") > 40
    heads = [attrs for tag, attrs in checked.tags if tag == "th"]
    assert all(attrs.get("scope") in {"col", "row"} for attrs in heads)


def test_figures_follow_the_pages_colours(page: str) -> None:
    svgs = "".join(re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL))
    assert "var(--s0)" in svgs
    assert "#a0b0" not in svgs
    assert "#ffffff" not in svgs
    assert "#000000" not in svgs


def test_equal_results_give_equal_bytes(demo: Results, page: str) -> None:
    assert html.render(demo) == page
    assert markdown.render(demo) == markdown.render(demo)


def test_the_verdict_comes_first_and_says_the_orders(demo: Results) -> None:
    said = content.build(demo, draw=False).verdict
    assert said[0].startswith(
        "Scoring one pair with the teacher is quadratic in document length, by count and by the "
        "clock: 69.1 kFLOP per token² (exact count)"
    )
    assert "is constant in document length, by count and by the clock: 2.05 kFLOP" in said[1]
    assert said[2].startswith(
        "The student reads a document once, offline: its indexing is quadratic"
    )
    assert "keeps 4.00 KiB of it" in said[2]
    assert "At 4,096 tokens the teacher needs 1.01\u00a0billion× the FLOPs and" in said[3]
    assert "when the query’s encoding is counted in" in said[3]
    assert any(sentence.startswith("Ranking quality on demo") for sentence in said)


def test_warnings_name_the_untrained_student_ties_and_failures(synthetic: ModuleType) -> None:
    rows = [*synthetic.scaling_rows(), *synthetic.quality_rows()]
    last = next(i for i in reversed(range(len(rows))) if rows[i].measure == "latency")
    rows[last] = rows[last].but(
        value=None, status="oom", samples=(), params={"message": "killed at 9 GiB"}
    )
    rows[-1] = rows[-1].but(params={"documents_cut": 1200, "tokens_cut": 34_567})
    warnings = "\n".join(content.build(synthetic.results("demo", rows), draw=False).warnings)
    assert "the predictor is untrained; its ranking is meaningless, its cost is not" in warnings
    assert "equal scores in 40 % of the queries" in warnings
    assert "1 point not measured (oom): killed at 9 GiB" in warnings
    assert "read 1,200 documents of beir/scifact cut short (34,567 tokens" in warnings
    assert "unsupported" not in warnings


def test_lost_attention_changes_the_verdict(synthetic: ModuleType) -> None:
    """A teacher counted without its attention must not read as quadratic."""
    rows = [
        row.but(value=float(synthetic.N * synthetic.LINEAR * row.params["doc_len"]))
        if (row.system, row.measure) == ("teacher", "flops")
        else row
        for row in synthetic.scaling_rows()
    ]
    said = content.build(synthetic.results("scaling", rows), draw=False).verdict
    assert "linear in document length in FLOPs" in said[0]


def test_attention_as_an_axis_gives_each_sweep_its_sentence(synthetic: ModuleType) -> None:
    both = [
        row.but(params={"attention": kind})
        for row in synthetic.scaling_rows()
        if row.system in {"teacher", "rabtriever"}
        for kind in ("sdpa", "eager")
    ]
    said = content.build(synthetic.results("scaling", both), draw=False).verdict
    assert said[0].startswith("Scoring one pair with the teacher (eager) is quadratic")
    assert said[1].startswith("Scoring one pair with the teacher (sdpa) is quadratic")
    assert "the student (rabtriever, sdpa)" in said[3]
    assert any("the teacher (sdpa) needs" in sentence for sentence in said)


def test_sweeps_that_cost_the_same_share_a_line() -> None:
    series = [
        Series(label=label, slot=0, points=points, crossover=9.0)
        for label, points in (
            ("teacher · eager", {1: 1.0}),
            ("teacher · sdpa", {1: 1.0}),
            ("teacher · sdpa · untrained", {1: 2.0}),
        )
    ]
    first, second = figures._distinct(series)
    assert (first.label, first.hollow) == ("teacher · eager, sdpa", False)
    assert (second.label, second.hollow) == ("teacher · sdpa · untrained", True)


def test_the_cached_teacher_has_its_sentences_and_factors(synthetic: ModuleType) -> None:
    rows = synthetic.scaling_rows()
    rows += [row.but(system="teacher-cached") for row in rows if row.system == "teacher"]
    page = content.build(synthetic.results("scaling", rows), draw=False)
    assert any("with the teacher over a cached document is" in line for line in page.verdict)
    opening = "At 4,096 tokens the teacher over a cached document needs"
    assert any(sentence.startswith(opening) for sentence in page.verdict)
    tables = next(one.tables for one in page.sections if one.id == "cost-latency")
    (table,) = [one for one in tables if one.id == "latency-factor"]
    assert "teacher-cached / rabtriever, its query encoded" in table.columns


@pytest.fixture(scope="module")
def full(synthetic: ModuleType) -> Page:
    return content.build(synthetic.results("scaling", synthetic.full_rows()))


def table(page: Page, id_: str) -> Table:
    (found,) = [one for section in page.sections for one in section.tables if one.id == id_]
    return found


def test_the_ledger_says_the_order_of_every_phase_at_a_glance(full: Page) -> None:
    assert full.sections[0].id == "orders"
    orders = table(full, "orders")
    cells = {tuple(row[:2]): row[2:] for row in orders.rows}
    assert cells["teacher · eager", "Working memory"][2].startswith("quadratic\n")
    assert cells["teacher · sdpa", "Working memory"][2].startswith("linear\n")
    assert cells["teacher-cached", "FLOPs"][::2] == (
        "quadratic\n69.1 kFLOP/token²",
        "linear\n6.64 MFLOP/token",
    )
    assert cells["teacher-cached", "Index size"][0] == "linear\n45.0 KiB/token"
    assert cells["rabtriever", "FLOPs"][0].startswith("quadratic\n")
    assert cells["rabtriever", "FLOPs"][2] == "constant\n2.05 kFLOP"
    assert cells["rabtriever-chunked", "FLOPs"][0].startswith("linear\n")
    assert cells["rabtriever", "Index size"][0] == "constant\n4.00 KiB"
    ids = {f"table-{one.id}" for section in full.sections for one in section.tables}
    assert set(orders.links.values()) <= ids
    assert len(orders.links) == len(orders.rows)


def test_all_systems_make_a_page_that_holds_together(full: Page) -> None:
    checker = Checker()
    text = html.of(full)
    checker.feed(text)
    assert checker.open == []
    ids = [attrs["id"] for _, attrs in checker.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    targets = [attrs.get(name) for _, attrs in checker.tags for name in ("href", "xlink:href")]
    assert {target[1:] for target in targets if target} <= set(ids)
    svgs = "".join(re.findall(r"<svg.*?</svg>", text, flags=re.DOTALL))
    assert "#a0b0" not in svgs
    assert not re.search(r"#(000000|ffffff)", svgs)


def test_attention_is_named_in_figures_and_failures_are_marked(full: Page) -> None:
    figures_ = {one.id: one.svg for section in full.sections for one in section.figures}
    memory = figures_["fig-working_memory-score"]
    assert {"eager", "sdpa", "oom", "L* 388"} <= set(re.findall(r"<text[^>]*>([^<]*)<", memory))
    (warning,) = [one for one in full.warnings if "oom" in one]
    assert warning == (
        "teacher · eager, score, Time, Peak memory, Working memory: 1 point not measured (oom): "
        "the child ended with -9"
    )
    assert table(full, "limits").rows == [("teacher · eager", "score", "3,012", "3,290")]
    assert not any(one.id == "cost-longest_feasible" for one in full.sections)


def test_chunked_documents_have_their_sentence_and_factors(full: Page) -> None:
    (said,) = [one for one in full.verdict if one.startswith("Read in windows")]
    assert "(rabtriever-chunked), indexing a document is linear in document length" in said
    assert "a pair then costs the teacher" in said
    assert "teacher · sdpa / rabtriever-chunked" in table(full, "latency-factor").columns


def test_the_break_even_is_said_tabled_and_drawn(full: Page) -> None:
    said = [one for one in full.verdict if "costs less than the teacher from" in one]
    assert said[0].startswith(
        "With 1,000 documents of 4,096 tokens indexed once and 100 of them scored for each query, "
        "the student costs less than the teacher from the 10th query on in FLOPs as in time (10th"
    )
    assert "; than the cached teacher from the first query on in FLOPs and from the" in said[0]
    assert said[0].endswith("The student’s training is not measured and left out.")
    assert said[1].startswith("Likewise the chunked student costs less than the teacher from the")
    flops = table(full, "break-even-flops")
    assert flops.columns[1] == "rabtriever below teacher · sdpa"
    assert [row[1] for row in flops.rows] == ["8", "9", "9", "10", "10", "10", "10", "10"]
    assert table(full, "break-even-load").rows[1][:2] == ["the teacher", "1,000"]
    totals = {tuple(row[:2]): row for row in table(full, "totals").rows}
    assert totals["teacher-cached", "FLOPs"][-1] == "176 GiB"
    assert totals["teacher · eager", "Time"][3] == "not measured"
    (section,) = [one for one in full.sections if one.id == "break-even"]
    assert [one.id for one in section.figures] == [
        "fig-break-even-teacher",
        "fig-break-even-teacher-cached",
    ]
    assert "at 4,096 tokens 10 (10 to 11)" in section.figures[0].alt
    assert "under 10 hours on 8 A100" in section.text[1]
    assert "10th query" in {one.value for one in full.key_figures}


def test_the_load_comes_from_the_configuration(synthetic: ModuleType) -> None:
    given = {"n_docs": 500, "k": 10, "training_flops": 1e18, "price_gb_month": 0.02, "other": 1}
    results = synthetic.results("scaling", synthetic.scaling_rows())
    page = content.build(replace(results, config={"breakeven": given}), draw=False)
    (said,) = [one for one in page.verdict if one.startswith("With 500 documents")]
    assert "and 10 of them scored for each query" in said
    assert said.endswith(
        "The student’s training is counted in (1.00 EFLOP); what it took in time is not measured "
        "and left out."
    )
    assert table(page, "totals").columns[-1] == "its price a month"


def test_without_a_teacher_and_its_student_there_is_no_break_even(synthetic: ModuleType) -> None:
    for kept in ({"bm25", "dense"}, {"teacher"}, {"rabtriever", "bm25"}):
        rows = [row for row in synthetic.scaling_rows() if row.system in kept]
        page = content.build(synthetic.results("scaling", rows))
        assert not any(one.id == "break-even" for one in page.sections)
        assert not any("costs less" in one for one in page.verdict)
        assert "<h1>" in html.of(page)


def test_a_break_even_without_its_index_is_not_measured(synthetic: ModuleType) -> None:
    rows = [
        row
        for row in synthetic.scaling_rows()
        if (row.system, row.phase) != ("rabtriever", "index")
    ]
    page = content.build(synthetic.results("scaling", rows))
    assert not any("costs less" in one for one in page.verdict)
    cells = {row[1] for row in table(page, "break-even-flops").rows}
    assert cells == {"not measured (rabtriever index (no row))"}


def test_times_carry_intervals_and_their_slow_end(full: Page) -> None:
    (lengths,) = [t for t in full.sections if t.id == "cost-latency"]
    first = lengths.tables[0].rows[0][1]
    assert re.fullmatch(r"[\d.]+ ms \([\d.]+ to [\d.]+ ms\)", first), first
    spread = table(full, "timings")
    assert spread.columns[-4:] == ("p50", "95 % interval", "p90", "p99")
    assert spread.rows[0][:4] == ("teacher · eager", "score", "128", "9")


def test_a_medians_interval_lies_between_order_statistics(synthetic: ModuleType) -> None:
    """Of nine runs the second and the eighth (binomial, 96.1 %); of five there is none."""
    row = next(row for row in synthetic.scaling_rows() if row.measure == "latency")
    nine = timings.middle(row.but(value=5.0, samples=[9, 1, 8, 2, 7, 3, 6, 4, 5]))
    assert nine is not None
    assert (nine.low, nine.high) == (2.0, 8.0)
    five = timings.middle(row.but(value=3.0, samples=[1, 2, 3, 4, 5]))
    assert five is not None
    assert not math.isfinite(five.low)
    assert timings.middle(row.but(value=None, status="oom", samples=())) is None


@pytest.mark.parametrize(
    ("kind", "queries", "last", "cell_", "clause"),
    [
        ("always", (1, 1, 1), None, "1", "from the first query on"),
        ("from", (3, 3, 3), None, "3", "from the 3rd query on"),
        ("from", (12, 11, 1002), None, "12 (11 to 1,002)", "12th query on (11th to 1,002nd)"),
        ("from", (21, 4, math.inf), None, "21 (4 or later)", "21st query on (4th or later)"),
        ("from", (2, -math.inf, math.inf), None, "2", "from the 2nd query on"),
        ("never", (math.inf,) * 3, None, "never", "at no number of queries"),
        ("never", (math.inf, 90, math.inf), None, "never (or 90)", "at no number of queries"),
        ("until", (1, 1, 1), 7, "1 to 7 only", "for the first 7 queries only"),
    ],
)
def test_break_evens_in_words(
    kind: Any, queries: tuple[float, float, float], last: int | None, cell_: str, clause: str
) -> None:
    found = BreakEven(
        student="rabtriever",
        other="teacher",
        measure="flops",
        doc_len=1,
        key={},
        kind=kind,
        queries=Estimate(*queries),
        last=last,
    )
    assert payoff_words.cell(found) == cell_
    assert payoff_words.when(found).endswith(clause)


def test_unsteady_times_are_warned_of(synthetic: ModuleType) -> None:
    calm = synthetic.scaling_rows()
    busy = [
        row.but(samples=[*row.samples, *(4 * value for value in row.samples)])
        if row.measure == "latency" and row.system == "teacher"
        else row
        for row in calm
    ]
    for rows, said in ((calm, False), (busy, True)):
        warnings = content.build(synthetic.results("scaling", rows), draw=False).warnings
        assert any("The times are unsteady" in warning for warning in warnings) is said
    assert any("(teacher score), and more than 1.50× in 1 of 8 phases" in w for w in warnings)


def test_a_short_sweep_says_what_it_lacks(synthetic: ModuleType) -> None:
    rows = synthetic.scaling_rows((128, 256, 512))
    said = content.build(synthetic.results("scaling", rows), draw=False).verdict
    assert said[0] == (
        "Scoring one pair with the teacher is not judged in FLOPs (3 lengths, at least 4 are "
        "needed (--points 4)), and not judged in measured time (3 lengths, at least 6 are needed "
        "(--points 6))."
    )
    spent = amount(synthetic.flops("rabtriever", "index", 512, "dense"), "FLOP")
    assert f"its indexing takes {spent} at 512 tokens, and keeps 4.00 KiB of it" in said[2]


def test_quality_intervals_and_retention(synthetic: ModuleType) -> None:
    trained = [
        row.but(params={"trained": True}) if row.system == "rabtriever" else row
        for row in synthetic.quality_rows()
    ]
    page = content.build(synthetic.results("quality", trained), draw=False)
    assert any("The student keeps" in sentence for sentence in page.verdict)
    (table,) = next(one.tables for one in page.sections if one.id == "quality")
    assert re.fullmatch(r"0\.\d{3} \(0\.\d{3}–0\.\d{3}\).*", table.rows[0][1])
    assert table.columns[-2:] == ("queries", "queries with ties")


def test_rows_of_unknown_kinds_have_a_table(synthetic: ModuleType) -> None:
    odd = Measurement(
        system="student",
        phase="train",
        measure="loss",
        value=0.25,
        unit="nat",
        better="lower",
        params={"step": 3},
    )
    text = markdown.render(synthetic.results("train", [odd]))
    assert "# rabbench train" in text
    assert "0.250 nat" in text
    assert "Nothing here carries a verdict" in text


def test_no_rows_at_all_still_make_a_report(synthetic: ModuleType) -> None:
    empty = synthetic.results("scaling", [])
    assert "Nothing here carries a verdict" in markdown.render(empty)
    assert "<h1>" in html.render(empty)


HOSTILE = "<script>alert('x')</script>|`a`*b*[c](http://e.vil)"


def test_hostile_names_are_text(synthetic: ModuleType) -> None:
    rows = [row.but(system=HOSTILE) for row in synthetic.scaling_rows()[:40]]
    rows += [row.but(params={"dataset": HOSTILE}) for row in synthetic.quality_rows()]
    results = replace(
        synthetic.results("demo", rows),
        suites=[{"name": HOSTILE, "licence": HOSTILE}],
        environment={"cpu": HOSTILE},
    )
    page = html.render(results)
    checker = Checker()
    checker.feed(page)
    assert checker.open == []
    assert not [tag for tag, _ in checker.tags if tag == "script"]
    assert "alert" in "".join(checker.text)
    text = markdown.render(results)
    assert "<script>" not in text
    assert not re.search(r"(?<!\\)\]\(", text)
    for line in text.splitlines():
        if line.startswith("| "):
            assert len(re.findall(r"(?<!\\)\|", line)) >= 3


def test_markdown_tables_have_equal_widths(demo: Results) -> None:
    width = None
    for line in markdown.render(demo).splitlines():
        if not line.startswith("|"):
            width = None
            continue
        cells = len(re.findall(r"(?<!\\)\|", line)) - 1
        assert width in {None, cells}, line
        width = cells


def test_a_huge_report_stays_under_the_step_summary_limit(synthetic: ModuleType) -> None:
    (row, *_) = synthetic.quality_rows(queries=2)
    many = [
        row.but(phase="train", measure=f"loss-{i}", params={"note": "x" * 300}) for i in range(4000)
    ]
    text = markdown.render(synthetic.results("quality", many))
    assert len(text.encode()) <= 1024 * 1024
    assert "left out" in text.lower()


def test_write_makes_both_files_from_what_was_stored(demo: Results, tmp_path: Path) -> None:
    store.save(demo, tmp_path)
    made = report.write(store.load(tmp_path), tmp_path)
    assert [path.name for path in made.paths] == ["report.md", "report.html"]
    assert made.verdict == content.build(demo, draw=False).verdict
    assert "<title>" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert (tmp_path / "report.md").read_text(encoding="utf-8").startswith("# ")
