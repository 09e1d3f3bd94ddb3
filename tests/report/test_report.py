"""Reports: every row is there, the page is whole and escaped, equal results give equal bytes."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest

from rabbench import report
from rabbench.report import build
from rabbench.report.build import build_page
from rabbench.report.page import Page
from rabbench.report.render import cell_text, html, markdown
from rabbench.results import load_results, save_results
from rabbench.types import Measurement, Results
from tests.report import synthetic

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
def built(demo: Results) -> Page:
    return build.build_page(demo)


@pytest.fixture(scope="module")
def page(built: Page) -> str:
    return html.render_html(built)


@pytest.fixture(scope="module")
def marked(built: Page) -> str:
    return markdown.render_markdown(built)


@pytest.fixture(scope="module")
def checked(page: str) -> Checker:
    checker = Checker()
    checker.feed(page)
    return checker


Position = tuple[str, int, int]  # table, row, column


def _position(row: Measurement, page: Page) -> Position:
    """Where a row of a sweep or of an evaluation stands: its own cell, by what identifies it."""
    if row.phase == "quality":
        id_, head, column = f"quality-{row.params['dataset']}", row.system, row.measure
    else:
        pairs = row.params.get("pairs") or ("dense" if row.measure == "flops" else "")
        id_ = "-".join(filter(None, [row.measure, row.phase, pairs]))
        head, column = row.params["doc_len"], row.system
    (table,) = [t for section in page.sections for t in section.tables if t.id == id_]
    heads = [str(cells[0].value).removesuffix(" (untrained)") for cells in table.cells]
    return id_, heads.index(str(head)), [h.name for h in table.headings].index(column)


def test_every_row_has_a_cell_of_its_own(demo: Results, built: Page) -> None:
    tables = {table.id: table for section in built.sections for table in section.tables}
    positions = [_position(row, built) for row in demo.rows]
    assert len(set(positions)) == len(demo.rows) > 300
    for measurement, (id_, row, column) in zip(demo.rows, positions, strict=True):
        cell = tables[id_].cells[row][column]
        assert cell.value == measurement.value, measurement
        if measurement.value is None:
            assert cell.words == f"not measured ({measurement.status})"


class Grids(HTMLParser):
    """The text of each table of a page by its name: rows of cells."""

    def __init__(self) -> None:
        super().__init__()
        self.grids: dict[str, list[list[str]]] = {}
        self.rows: list[list[str]] = []
        self.inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A table, a row or a cell begins."""
        if tag == "table":
            self.rows = self.grids.setdefault(str(dict(attrs).get("data-name")), [])
        elif tag == "tr":
            self.rows.append([])
        elif tag in {"th", "td"}:
            self.rows[-1].append("")
            self.inside = True
        elif tag == "sup":  # letters of significance
            self.inside = False

    def handle_endtag(self, tag: str) -> None:
        """A cell ends."""
        self.inside = (self.inside or tag == "sup") and tag not in {"th", "td"}

    def handle_data(self, data: str) -> None:
        """Text of a cell."""
        if self.inside:
            self.rows[-1][-1] += data


def _markdown_grids(text: str, page: Page) -> dict[str, list[list[str]]]:
    """The tables of a Markdown report by their ids, in the order of the page."""
    blocks = re.findall(r"(?:^\|.*\|\n)+", text, flags=re.MULTILINE)
    tables = [table for section in page.sections for table in section.tables]
    return {
        table.id: [
            line.strip("| ").split(" | ")
            for line in block.splitlines()
            if not line.startswith("| -")
        ]
        for table, block in zip(tables, blocks, strict=True)
    }


def _loose(grid: list[list[str]]) -> list[list[str]]:
    """Lines of a cell are apart by a comma in one report and by an element in the other."""
    return [[" ".join(re.split(r"[\s,]+", text)).strip() for text in row] for row in grid]


def test_every_cell_of_every_table_stands_in_both_reports(
    built: Page, page: str, marked: str
) -> None:
    parser = Grids()
    parser.feed(page)
    written = _markdown_grids(unescape(marked).replace("\\", "").replace("**", ""), built)
    tables = [table for section in built.sections for table in section.tables]
    assert len(tables) > 30
    for table in tables:
        expected = [[heading.name for heading in table.headings]]
        expected += [[cell_text(cell) for cell in row] for row in table.cells]
        assert _loose(written[table.id]) == _loose(expected)
        for row, cells in enumerate(table.cells, 1):
            plain = [replace(cell, letter="", letters=()) for cell in cells]
            expected[row] = [cell_text(cell) for cell in plain]
        assert _loose(parser.grids[table.id]) == _loose(expected)


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
    names = ("href", "xlink:href")
    targets = [attrs[name] or "" for _, attrs in checked.tags for name in names if name in attrs]
    inside = {target for target in targets if not target.startswith("data:text/csv")}
    assert inside
    assert inside <= {f"#{id_}" for id_ in ids}


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


@pytest.mark.e2e
def test_equal_results_give_equal_bytes(demo: Results, page: str, marked: str) -> None:
    assert html.render_html(build_page(demo)) == page
    assert (
        markdown.render_markdown(build_page(demo, draw=False)) == marked
    )  # without figures, which it has none of


def test_the_verdict_comes_first_and_says_the_orders(built: Page) -> None:
    said = built.findings
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


def test_warnings_name_the_untrained_student_ties_and_failures() -> None:
    rows = [*synthetic.scaling_rows(), *synthetic.quality_rows()]
    last = next(i for i in reversed(range(len(rows))) if rows[i].measure == "latency")
    rows[last] = rows[last].with_changes(
        value=None, status="oom", samples=(), params={"message": "killed at 9 GiB"}
    )
    rows[-1] = rows[-1].with_changes(params={"documents_cut": 1200, "tokens_cut": 34_567})
    warnings = "\n".join(build.build_page(synthetic.results("demo", rows), draw=False).warnings)
    assert (
        "Untrained: rabtriever. The ranking says nothing about trained ones; the cost is theirs."
        in warnings
    )
    assert "equal scores in 40 % of the queries" in warnings
    assert "1 point not measured (oom): killed at 9 GiB" in warnings
    assert "read 1,200 documents of beir/scifact cut short (34,567 tokens" in warnings
    assert "unsupported" not in warnings


def test_all_systems_make_a_page_that_holds_together(full: Page) -> None:
    checker = Checker()
    text = html.render_html(full)
    checker.feed(text)
    assert checker.open == []
    ids = [attrs["id"] for _, attrs in checker.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    targets = [attrs.get(name) for _, attrs in checker.tags for name in ("href", "xlink:href")]
    inner = [target for target in targets if target and not target.startswith("data:text/csv")]
    assert {target[1:] for target in inner} <= set(ids)
    svgs = "".join(re.findall(r"<svg.*?</svg>", text, flags=re.DOTALL))
    assert "#a0b0" not in svgs
    assert not re.search(r"#(000000|ffffff)", svgs)


def test_unsteady_times_are_warned_of() -> None:
    calm = synthetic.scaling_rows()
    busy = [
        row.with_changes(samples=[*row.samples, *(4 * value for value in row.samples)])
        if row.measure == "latency" and row.system == "teacher"
        else row
        for row in calm
    ]
    for rows, said in ((calm, False), (busy, True)):
        warnings = build.build_page(synthetic.results("scaling", rows), draw=False).warnings
        assert any("The times are unsteady" in warning for warning in warnings) is said
    assert any("(teacher score), and more than 1.50× in 1 of 8 phases" in w for w in warnings)


def test_quality_intervals_and_retention() -> None:
    trained = [
        row.with_changes(params={"trained": True}) if row.system == "rabtriever" else row
        for row in synthetic.quality_rows()
    ]
    page = build.build_page(synthetic.results("quality", trained), draw=False)
    assert any("the student retains" in sentence for sentence in page.findings)
    (table,) = next(one.tables for one in page.sections if one.id == "quality")
    best = table.cells[0][1]
    assert best.interval is not None
    assert best.interval[0] < best.value < best.interval[1]
    assert [heading.name for heading in table.headings[-2:]] == ["queries", "queries with ties"]


def test_rows_of_unknown_kinds_have_a_table() -> None:
    odd = Measurement(
        system="student",
        phase="polish",  # a kind that the report has no section for
        measure="lustre",
        value=0.25,
        unit="nat",
        better="lower",
        params={"step": 3},
    )
    text = markdown.render_markdown(build_page(synthetic.results("polish", [odd]), draw=False))
    assert "# rabbench polish" in text
    assert "0.250 nat" in text
    assert "Nothing here carries a verdict" in text


def test_no_rows_at_all_still_make_a_report() -> None:
    empty = synthetic.results("scaling", [])
    assert "Nothing here carries a verdict" in markdown.render_markdown(
        build_page(empty, draw=False)
    )
    assert "<h1>" in html.render_html(build_page(empty))


HOSTILE = "<script>alert('x')</script>|`a`*b*[c](http://e.vil)"


def test_hostile_names_are_text() -> None:
    rows = [row.with_changes(system=HOSTILE) for row in synthetic.scaling_rows()[:40]]
    rows += [row.with_changes(params={"dataset": HOSTILE}) for row in synthetic.quality_rows()]
    results = replace(
        synthetic.results("demo", rows),
        suites=[{"name": HOSTILE, "licence": HOSTILE}],
        environment={"cpu": HOSTILE},
    )
    page = html.render_html(build_page(results))
    checker = Checker()
    checker.feed(page)
    assert checker.open == []
    assert len([tag for tag, _ in checker.tags if tag == "script"]) == 1  # the page's own
    assert "<script>alert" not in page
    assert "alert" in "".join(checker.text)
    text = markdown.render_markdown(build_page(results, draw=False))
    assert "<script>" not in text
    assert not re.search(r"(?<!\\)\]\(", text)
    for line in text.splitlines():
        if line.startswith("| "):
            assert len(re.findall(r"(?<!\\)\|", line)) >= 3


def test_markdown_tables_have_equal_widths(marked: str) -> None:
    tables = re.findall(r"(?:^\|.*\n?)+", marked, re.MULTILINE)
    assert tables
    for table in tables:
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(widths) == 1, table


def test_a_huge_report_stays_under_the_step_summary_limit() -> None:
    (row, *_) = synthetic.quality_rows(queries=2)
    many = [
        row.with_changes(phase="train", measure=f"loss-{i}", params={"note": "x" * 300})
        for i in range(4000)
    ]
    text = markdown.render_markdown(build_page(synthetic.results("quality", many), draw=False))
    assert len(text.encode()) <= 1024 * 1024
    assert "left out" in text.lower()


def test_write_makes_both_files_from_what_was_stored(
    demo: Results, built: Page, tmp_path: Path
) -> None:
    save_results(demo, tmp_path)
    made = report.write(load_results(tmp_path), tmp_path)
    assert [path.name for path in made.paths] == ["report.md", "report.html"]
    assert made.verdict == built.verdict
    assert "<title>" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert (tmp_path / "report.md").read_text(encoding="utf-8").startswith("# ")
