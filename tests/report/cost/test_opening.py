"""The verdict in three sentences, and what each says."""

from __future__ import annotations

import re

from rabbench.report import build
from rabbench.report.build import build_page
from rabbench.report.cost.text import opening_sentences
from rabbench.report.page import Page
from rabbench.report.render import html, markdown
from rabbench.types import Measurement, Results
from tests.report import synthetic


def _page(rows: list[Measurement], command: str = "scaling") -> Page:
    return build.build_page(synthetic.results(command, rows), draw=False)


def test_a_sweep_opens_with_growth_factor_and_break_even(full: Page) -> None:
    growth, factor, pays = full.verdict
    assert growth == (
        "Scoring a pair is quadratic in document length with the teacher and constant with the "
        "student, by count and by the clock; at 4,096 tokens the quadratic term is 56 % of the "
        "teacher’s FLOPs."
    )
    assert re.fullmatch(
        r"At 4,096 tokens a pair costs the teacher \d+× the FLOPs and \d+× the time of the "
        r"student, its query encoded\.",
        factor,
    )
    assert pays.startswith("With 1,000 documents of 4,096 tokens indexed once and 100 of them")
    assert pays.endswith("in time, its training left out.")
    # All that the sentences rest on is still there.
    assert len(full.findings) > 3


def test_clock_and_count_that_differ_are_both_said() -> None:
    rows = []
    for row in synthetic.scaling_rows():
        length = row.params["doc_len"]
        if (row.system, row.measure) == ("teacher", "latency"):
            row = row.with_changes(
                value=0.5, samples=[0.5 + 1e-4 * (length % 7), 0.5, 0.5 - 1e-4] * 3
            )
        rows.append(row)
    said = _page(rows).verdict[0]
    assert said.startswith(
        "Scoring a pair is quadratic by count but constant by the clock in document length with "
        "the teacher and constant with the student; at 4,096 tokens"
    )


def test_a_sweep_that_is_too_short_says_so_first() -> None:
    said = _page(synthetic.scaling_rows((128, 256, 512))).verdict
    assert said[0].startswith("How the cost of a pair grows with document length is not judged: 3")


def test_cost_leaves_room_for_quality(demo: Results) -> None:
    found = build.build_page(demo, draw=False).verdict
    assert len(found) == 3
    assert [sentence.split()[0] for sentence in found] == ["Scoring", "At", "On"]
    assert found[2].startswith("On demo teacher ranks best by ndcg@10, 0.7")
    assert "; not significantly different: bm25;" in found[2]
    cost, quality, training = ["a", "b", "c", "d"], ["q", "r"], ["t"]
    assert opening_sentences(cost, quality, training) == ["a", "b", "q"]
    assert opening_sentences(cost, [], training) == ["a", "b", "c"]
    assert opening_sentences(["a"], quality, training) == ["a", "q", "r"]
    assert opening_sentences([], quality, training) == ["q", "r"]
    assert opening_sentences([], [], training) == ["t"]


def test_a_trained_student_is_spoken_of_first() -> None:
    rows = synthetic.quality_rows()
    trained = [
        row.with_changes(params={"trained": True}) if row.system == "rabtriever" else row
        for row in rows
    ]
    page = _page(trained, "quality")
    assert re.match(
        r"On beir/scifact the student retains [\d.]+ % \([\d.]+ to [\d.]+ %\) of its teacher",
        page.verdict[0],
    )
    assert page.key_figures[0].label.startswith("retention")
    alone = [row for row in trained if row.system != "teacher"]
    page = _page(alone, "quality")
    assert re.match(
        r"On beir/scifact the student’s ndcg@10 is 0\.\d{3}, 0\.\d{3} below bm25, the best",
        page.verdict[0],
    )
    assert not any("student" in sentence for sentence in _page(rows, "quality").verdict)


def test_a_data_set_named_by_its_split_has_its_suites_name() -> None:
    results = synthetic.results("quality", synthetic.quality_rows("test"))
    card = {"name": "test", "split": "test", "id": "demo/test", "licence": "CC0-1.0"}
    text = markdown.render_markdown(
        build_page(Results(**{**vars(results), "suites": [card]}), draw=False)
    )
    assert "On demo/test teacher ranks best by " in text
    assert "On test " not in text


def test_the_page_opens_with_the_verdict_and_its_figures(demo: Results) -> None:
    page = build.build_page(demo)
    first = page.sections[0]
    assert first.opening
    assert len(first.figures) + len(first.tables) == 3
    text = html.render_html(page)
    places = [
        text.index(mark)
        for mark in (
            '<p class="said">',
            'class="key"',
            'id="fig-',
            'id="table-orders"',
            'class="toc"',
        )
    ]
    assert places == sorted(places)  # fmt: skip
    held = [figure.id for section in page.sections for figure in section.figures]
    assert len(held) == len(set(held))


def test_the_contents_name_every_section_under_its_part(full: Page) -> None:
    found = html.contents(full)
    assert [name for name, _ in found] == ["Summary", "Cost", "About"]
    assert sum(len(some) for _, some in found) == len(full.sections)
