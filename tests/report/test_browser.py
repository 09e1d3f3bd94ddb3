"""The report in a real browser: nothing fetched, nothing cut, readable, sorted, saved, printed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from rabbench.report.build import build_page
from rabbench.report.render import html
from rabbench.types import Results
from tests.report import headless, synthetic
from tests.report.headless import Chromium, address

PHONE, PAPER = 390, 718  # CSS pixels; A4 between margins of 10 mm
CONTRAST = 4.5  # WCAG 2.2, 1.4.3


pytestmark = pytest.mark.e2e  # needs a browser, and takes long


@pytest.fixture(scope="module")
def browser() -> Iterator[Chromium]:
    path = headless.found()
    if path is None:
        pytest.skip(f"no browser: none of {', '.join(headless.NAMES)} is on the PATH")
    with Chromium(path) as started:
        yield started


@pytest.fixture(scope="module")
def whole() -> Results:
    """Costs of six systems with failures, rankings with their costs, a training's log."""
    ranked = [
        row.with_changes(
            params={"flops_per_query": 10**9 * (i + 1), "search_wall_s": 0.1 * (i + 1)}
        )
        for i, row in enumerate(synthetic.quality_rows("demo"))
    ]
    log = [
        replace(ranked[0], phase="train", measure=name, value=1 / step, samples=(),
                params={"step": step})
        for name in ("loss", "held_out_mrr")
        for step in (1, 2, 4, 8)
    ]  # fmt: skip
    made: Results = synthetic.results("demo", [*synthetic.full_rows(), *ranked, *log])
    return made


@pytest.fixture(scope="module")
def report(whole: Results, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(html.render_html(build_page(whole)), encoding="utf-8")
    return address(path)


@pytest.mark.parametrize(("width", "dark"), [(1440, False), (PHONE, True)])
def test_the_page_asks_for_nothing_and_complains_of_nothing(
    browser: Chromium, report: str, width: int, dark: bool
) -> None:
    with browser.page(report, width=width, dark=dark) as page:
        page.evaluate("scrollTo(0, 1e6)")
        assert page.requests == [report]
        assert page.errors == []


def test_a_request_and_an_error_would_be_seen(browser: Chromium, tmp_path: Path) -> None:
    path = tmp_path / "bad.html"
    path.write_text("<img src=missing.png><script>throw Error('broken')</script>")
    with browser.page(address(path)) as page:
        assert address(tmp_path / "missing.png") in page.requests
        assert any("broken" in error for error in page.errors)


@pytest.mark.parametrize("width", [PHONE, 768, 1440])
def test_the_page_never_scrolls_sideways(browser: Chromium, report: str, width: int) -> None:
    with browser.page(report, width=width) as page:
        page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        wide = """[...document.querySelectorAll('h1, h2, p, li, dd, dt, figure, svg, .scroll, pre')]
            .filter(one => one.getBoundingClientRect().right > innerWidth + 1)
            .map(one => one.outerHTML.slice(0, 90))"""
        assert page.evaluate(wide) == []


def test_letters_of_figures_are_readable_on_a_phone(browser: Chromium, report: str) -> None:
    heights = """[...document.querySelectorAll('figure svg text')]
        .map(one => one.getBoundingClientRect().height)"""
    with browser.page(report, width=PHONE) as page:
        assert min(page.evaluate(heights)) >= 8


READ = """
(() => {
  const parse = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => {
    v /= 255;
    return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  }).reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (one) => {
    for (let at = one; at; at = at.parentElement) {
      const [r, g, b, a = 1] = parse(getComputedStyle(at).backgroundColor);
      if (a === 1) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const found = [];
  const words = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = words.nextNode()); ) {
    const one = node.parentElement;
    if (!node.data.trim() || !one.checkVisibility() || one.closest("script")) continue;
    const style = getComputedStyle(one);
    const [r, g, b, a = 1] = parse(one.closest("svg") ? style.fill : style.color);
    if (a === 0) continue;
    const [x, y] = [light([r, g, b]), light(ground(one))].sort((m, n) => n - m);
    found.push([(x + 0.05) / (y + 0.05), node.data.trim().slice(0, 40)]);
  }
  return found;
})()
"""


@pytest.mark.parametrize("dark", [False, True])
def test_every_word_stands_out_from_its_ground(browser: Chromium, report: str, dark: bool) -> None:
    with browser.page(report, dark=dark) as page:
        page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (max(map(int, re.findall(r"\d+", ground))) < 64) is dark
        found = page.evaluate(READ)
        assert len(found) > 500
        assert [one for one in found if one[0] < CONTRAST] == []


def _column(page: headless.Page, table: str, at: int) -> list[str]:
    cells = f"[...document.querySelector('#table-{table} tbody').rows]"
    found: list[str] = page.evaluate(f"{cells}.map(row => row.cells[{at}].textContent.trim())")
    return found


def _click(page: headless.Page, table: str, at: int) -> str | None:
    head = f"document.querySelector('#table-{table} thead').rows[0].cells[{at}]"
    page.evaluate(f"{head}.querySelector('button').click()")
    state: str | None = page.evaluate(f"{head}.getAttribute('aria-sort')")
    return state


def test_a_table_sorts_by_what_its_numbers_mean(browser: Chromium, report: str) -> None:
    """FLOPs with prefixes, up and down and back; what was not measured stays last."""
    with browser.page(report) as page:
        before = _column(page, "latency-score", 1)
        assert before[-1] == "not measured (oom)"
        assert {"ms", "s"} <= {text.split()[1] for text in before[:-1]}
        assert _click(page, "latency-score", 1) == "ascending"
        assert _column(page, "latency-score", 1) == before
        assert _click(page, "latency-score", 1) == "descending"
        assert _column(page, "latency-score", 1) == [*before[-2::-1], before[-1]]
        assert _click(page, "latency-score", 1) is None
        assert _column(page, "latency-score", 1) == before
        names = _column(page, "quality-demo", 0)
        _click(page, "quality-demo", 0)
        by_name = sorted(names, key=lambda name: name.split(maxsplit=1)[1])  # less the letter
        assert _column(page, "quality-demo", 0) == by_name != names


def test_sorting_and_folding_need_no_mouse(browser: Chromium, report: str) -> None:
    with browser.page(report) as page:
        page.press("Tab", 9)
        assert page.evaluate("document.activeElement.className") == "skip"
        page.evaluate("document.querySelector('#table-quality-demo .sort').focus()")
        page.press("Enter", 13)
        sorted_ = "document.activeElement.closest('th').getAttribute('aria-sort')"
        assert page.evaluate(sorted_) == "ascending"
        page.evaluate("document.querySelector('.all summary').focus()")
        outline = "getComputedStyle(document.activeElement).outlineStyle"
        assert page.evaluate(outline) == "solid"
        page.press("Enter", 13)
        assert page.evaluate("document.querySelector('.all').open")


def test_without_scripts_everything_is_there(browser: Chromium, report: str) -> None:
    count = """['table', 'tbody tr', 'figure svg', 'a[download]', 'button:not([hidden])']
        .map(one => document.querySelectorAll(one).length)"""
    with browser.page(report) as page:
        tables, rows, drawn, links, buttons = page.evaluate(count)
        assert buttons > tables
    # The protocol's own scripts run where the page's may not.
    with browser.page(report, scripts=False) as page:
        assert page.evaluate(count) == [tables, rows, drawn, links, 0]


def test_a_screen_reader_finds_its_way(browser: Chromium, report: str) -> None:
    with browser.page(report) as page:
        levels = "[...document.querySelectorAll('h1,h2,h3,h4')].map(one => one.tagName)"
        first, *others = page.evaluate(levels)
        assert first == "H1"
        assert set(others) == {"H2"}
        tree = page.call("Accessibility.getFullAXTree")["nodes"]
    roles: dict[str, list[str]] = {}
    for node in tree:
        if not node["ignored"]:
            name = node.get("name", {}).get("value", "")
            roles.setdefault(node["role"]["value"], []).append(name)
    for landmark in ("banner", "main", "contentinfo"):
        assert len(roles[landmark]) == 1
    assert roles["navigation"] == ["Contents"]
    for named in ("region", "table", "button", "figure", "image", "link"):
        assert all(roles[named]), named
    assert len(set(roles["region"])) == len(roles["region"])


def test_every_figure_can_be_saved(browser: Chromium, report: str) -> None:
    with browser.page(report) as page:
        figures = page.evaluate("document.querySelectorAll('figure').length")
        links = page.evaluate("[...document.querySelectorAll('figure a[download]')].map(a=>a.href)")
        assert len(links) == figures > 8
        for link in links:
            head, *lines = unquote(link.removeprefix("data:text/csv;charset=utf-8,")).splitlines()
            assert "," in head
            assert lines
        saved = page.evaluate(
            """(async () => {
              const found = [];
              URL.createObjectURL = (blob) => (found.push(blob), "#");
              document.querySelectorAll("[data-svg]").forEach((one) => one.click());
              return Promise.all(found.map((blob) => blob.text()));
            })()"""
        )
        assert len(saved) == figures
        for text in saved:
            assert "var(" not in text
            assert "calc(" not in text
            assert "currentColor" not in text
            parsed: Any = page.evaluate(
                f"new DOMParser().parseFromString({text!r}, 'image/svg+xml')"
                ".querySelector('parsererror')?.textContent ?? null"
            )
            assert parsed is None


def test_a_link_opens_what_is_folded(browser: Chromium, report: str) -> None:
    with browser.page(f"{report}#table-ledger-latency") as page:
        assert page.evaluate("document.querySelector('#ledger details').open")
        assert not page.evaluate("document.querySelector('#counters details').open")


def test_motion_only_for_who_likes_it(browser: Chromium, report: str) -> None:
    smooth = "getComputedStyle(document.documentElement).scrollBehavior"
    with browser.page(report) as page:
        for wish, found in (("no-preference", "smooth"), ("reduce", "auto")):
            feature = {"name": "prefers-reduced-motion", "value": wish}
            page.call("Emulation.setEmulatedMedia", features=[feature])
            assert page.evaluate(smooth) == found


def test_nothing_is_cut_on_paper(browser: Chromium, report: str) -> None:
    """Folded parts are printed, and no table is wider than the sheet."""
    cut = """[...document.querySelectorAll('table, figure, pre, p')]
        .filter(one => one.checkVisibility() && one.getBoundingClientRect().right > innerWidth + 1)
        .map(one => one.textContent.slice(0, 60))"""
    with browser.page(report, width=PAPER, media="print", dark=True) as page:
        assert page.evaluate(cut) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= PAPER
        folded = """[...document.querySelectorAll('.fold, .part, .all')]
            .filter(one => !one.open && [...one.children].slice(1).some(
              inner => inner.checkVisibility({contentVisibilityAuto: true}) &&
                inner.offsetHeight > 0)).length"""
        assert page.evaluate(folded) == page.evaluate(
            "document.querySelectorAll('.fold, .part, .all').length"
        )
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == (
            "rgb(255, 255, 255)"
        )
        assert page.print().startswith(b"%PDF")


def test_hostile_names_do_nothing(browser: Chromium, whole: Results, tmp_path: Path) -> None:
    hostile = "\"><script>document.title='taken'</script>\n'`"
    rows = [row.with_changes(system=row.system + hostile) for row in whole.rows[:60]]
    rows += [
        row.with_changes(params={"dataset": hostile})
        for row in whole.rows
        if row.phase == "quality"
    ]
    path = tmp_path / "report.html"
    path.write_text(html.render_html(build_page(replace(whole, rows=rows))), encoding="utf-8")
    with browser.page(address(path)) as page:
        assert page.evaluate("document.title").endswith("– rabbench")
        assert page.errors == []
        assert page.evaluate("document.querySelectorAll('script').length") == 1
