"""Sentences about costs: findings, and the few that open a report."""

from __future__ import annotations

import re

from rabbench.report import build
from rabbench.report.build import build_page
from rabbench.report.cost.text import opening_sentences
from rabbench.report.page import Page
from rabbench.report.render import cell_text, html, markdown
from rabbench.report.wording import amount
from rabbench.types import Measurement, Results
from tests.report import synthetic
from tests.report.pages import headings, section, table, texts


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
    sentence = _page(rows).verdict[0]
    assert sentence.startswith(
        "Scoring a pair is quadratic by count but constant by the clock in document length with "
        "the teacher and constant with the student; at 4,096 tokens"
    )


def test_a_sweep_that_is_too_short_says_so_first() -> None:
    verdict = _page(synthetic.scaling_rows((128, 256, 512))).verdict
    assert verdict[0].startswith(
        "How the cost of a pair grows with document length is not judged: 3"
    )


def test_cost_leaves_room_for_quality(demo: Results) -> None:
    verdict = build.build_page(demo, draw=False).verdict
    assert len(verdict) == 3
    assert [sentence.split()[0] for sentence in verdict] == ["Scoring", "At", "On"]
    assert verdict[2].startswith("On demo teacher ranks best by ndcg@10, 0.7")
    assert "; not significantly different: bm25;" in verdict[2]
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
        r"On beir/scifact the student retains [\d.]+ % \(95 % interval [\d.]+ to [\d.]+ %\) of its",
        page.verdict[0],
    )
    assert page.key_figures[0].label.startswith("retention")
    alone = [row for row in trained if row.system != "teacher"]
    page = _page(alone, "quality")
    assert re.match(
        r"On beir/scifact the student’s ndcg@10 is 0\.\d{3}; bm25, the best, is above it by \+0\.",
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
    ids = [figure.id for section in page.sections for figure in section.figures]
    assert len(ids) == len(set(ids))


def test_the_contents_name_every_section_under_its_part(full: Page) -> None:
    contents = html.contents(full)
    assert [name for name, _ in contents] == ["Summary", "Cost", "About"]
    assert sum(len(sections) for _, sections in contents) == len(full.sections)


def test_attention_as_an_axis_gives_each_sweep_its_sentence() -> None:
    rows = [
        row.with_changes(params={"attention": kind})
        for row in synthetic.scaling_rows()
        if row.system in {"teacher", "rabtriever"}
        for kind in ("sdpa", "eager")
    ]
    sentences = build.build_page(synthetic.results("scaling", rows), draw=False).findings
    assert sentences[0].startswith("Scoring one pair with the teacher (eager) is quadratic")
    assert sentences[1].startswith("Scoring one pair with the teacher (sdpa) is quadratic")
    assert "the student (rabtriever, sdpa)" in sentences[3]
    assert any("the teacher (sdpa) needs" in sentence for sentence in sentences)


def test_the_cached_teacher_has_its_sentences_and_factors() -> None:
    rows = synthetic.scaling_rows()
    rows += [row.with_changes(system="teacher-cached") for row in rows if row.system == "teacher"]
    page = build.build_page(synthetic.results("scaling", rows), draw=False)
    assert any("with the cached teacher is" in line for line in page.findings)
    opening = "At 4,096 tokens the cached teacher needs"
    assert any(sentence.startswith(opening) for sentence in page.findings)
    factors = table(page, "latency-factor")
    assert factors in section(page, "cost-latency").tables
    assert "teacher-cached / rabtriever, its query encoded" in headings(factors)


def test_chunked_documents_have_their_sentence_and_factors(full: Page) -> None:
    (sentence,) = [sentence for sentence in full.findings if sentence.startswith("Read in windows")]
    assert "(rabtriever-chunked), indexing a document is linear in document length" in sentence
    assert "a pair then costs the teacher" in sentence
    assert "teacher · sdpa / rabtriever-chunked" in headings(table(full, "latency-factor"))


def test_a_quadratic_term_that_hardly_shows_is_said_to() -> None:
    """To 64 tokens attention is 1 % of the teacher's FLOPs, and its L* lies far beyond."""
    rows = [
        row
        for row in synthetic.scaling_rows((8, 12, 16, 32, 64))
        if row.system == "teacher" and row.measure == "flops"
    ]
    page = build.build_page(synthetic.results("scaling", rows), draw=False)
    share = f"{100 * 30 * 4 * 576 * 64**2 / synthetic.flops('teacher', 'score', 64, 'dense'):.2g} %"
    assert share == "1.1 %"
    (sentence,) = page.findings
    assert f"(exact count), {share} of the cost at 64 tokens, passing the linear" in sentence
    assert re.search(r"passing the linear term only at L\* = 3,\d{3} tokens", sentence)
    (key,) = page.key_figures
    assert (key.value, key.note) == (
        "quadratic",
        f"its term is {share} of the cost at 64 tokens, exact count",
    )
    score = table(page, "orders").cells[0][4]
    assert cell_text(score).endswith(f"c·L² is {share} at 64 tokens")
    why = table(page, "ledger-flops-dense").cells[0][-1]
    assert why.value == f"the quadratic term is {share} of the cost at 64 tokens"


def test_a_time_that_bends_though_its_flops_do_not_says_so() -> None:
    rows = []
    for row in synthetic.scaling_rows(systems={"teacher-cached": ("index", "score")}):
        if (row.phase, row.measure) == ("score", "latency"):
            more = 1 + 1e-8 * row.params["doc_len"] ** 2
            samples = [more * float(sample) for sample in row.samples]
            row = row.with_changes(value=more * row.value, samples=samples)
        rows.append(row)
    page = build.build_page(synthetic.results("scaling", rows), draw=False)
    (sentence,) = [
        sentence for sentence in page.findings if "pair with the cached teacher" in sentence
    ]
    assert "linear in document length in FLOPs" in sentence
    assert "; its FLOPs are linear: the machine bends it, not the work)" in sentence
    index, score = texts(table(page, "ledger-latency"))
    assert (index[2], score[2]) == ("quadratic", "quadratic")
    assert score[-1].endswith("; its FLOPs are linear: the machine bends it, not the work")
    assert "FLOPs" not in index[-1]


def test_a_measured_linear_cost_says_what_it_cannot_exclude(full: Page) -> None:
    (sentence,) = [
        sentence for sentence in full.findings if "pair with the cached teacher" in sentence
    ]
    assert "is linear in document length, by count and by the clock" in sentence
    assert re.search(r"a quadratic term is at most [\d.]+ % of the cost at 4,096 tokens", sentence)


def test_a_short_sweep_says_what_it_lacks() -> None:
    rows = synthetic.scaling_rows((128, 256, 512))
    findings = build.build_page(synthetic.results("scaling", rows), draw=False).findings
    assert findings[0] == (
        "Scoring one pair with the teacher is not judged in FLOPs (3 lengths, at least 4 are "
        "needed (--points 4)), and not judged in measured time (3 lengths, at least 6 are needed "
        "(--points 6))."
    )
    flops = amount(synthetic.flops("rabtriever", "index", 512, "dense"), "FLOP")
    assert f"its indexing takes {flops} at 512 tokens, and keeps 4.00 KiB of it" in findings[2]


def test_lost_attention_changes_the_verdict() -> None:
    """A teacher counted without its attention must not read as quadratic."""
    rows = [
        row.with_changes(value=float(synthetic.N * synthetic.LINEAR * row.params["doc_len"]))
        if (row.system, row.measure) == ("teacher", "flops")
        else row
        for row in synthetic.scaling_rows()
    ]
    findings = build.build_page(synthetic.results("scaling", rows), draw=False).findings
    assert "linear in document length in FLOPs" in findings[0]
