"""The cost sections of a report: ledger, factors, counters, and how much a term weighs."""

from __future__ import annotations

import re

import pytest

from rabbench.report import build
from rabbench.report.cost import merge_series
from rabbench.report.cost.tables import row_cell
from rabbench.report.page import Page
from rabbench.report.plots.curves import Series
from rabbench.report.render.cells import cell_text
from rabbench.report.wording import amount
from tests.report import synthetic
from tests.report.pages import cells, figure, headings, section, table, texts


def test_attention_as_an_axis_gives_each_sweep_its_sentence() -> None:
    both = [
        row.with_changes(params={"attention": kind})
        for row in synthetic.scaling_rows()
        if row.system in {"teacher", "rabtriever"}
        for kind in ("sdpa", "eager")
    ]
    said = build.build_page(synthetic.results("scaling", both), draw=False).findings
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
    first, second = merge_series(series)
    assert (first.label, first.hollow) == ("teacher · eager, sdpa", False)
    assert (second.label, second.hollow) == ("teacher · sdpa · untrained", True)


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


def test_the_ledger_says_the_order_of_every_phase_at_a_glance(full: Page) -> None:
    opening = full.sections[0]
    assert opening.opening
    assert [one.id for one in opening.figures] == ["fig-flops-score", "fig-latency-score"]
    assert [one.id for one in opening.tables] == ["orders"]
    orders, storage = table(full, "orders"), table(full, "orders-kept")
    assert {row[1].value for row in orders.cells} == {"FLOPs", "Time"}
    index, _, score = headings(orders)[2:]
    assert cells(storage, "teacher · eager", "Working memory")[score].value == "quadratic"
    assert cells(storage, "teacher · sdpa", "Working memory")[score].value == "linear"
    flops = cells(orders, "teacher-cached", "FLOPs")
    assert cell_text(flops[index], "|") == (
        "quadratic|69.1 kFLOP/token²|c·L² is 57 % at 4,096 tokens"
    )
    assert flops[index].below[0].value == pytest.approx(30 * 4 * 576)
    assert cell_text(flops[score], "|") == "linear|6.64 MFLOP/token"
    size = cells(storage, "teacher-cached", "Index size")[index]
    assert cell_text(size, "|") == "linear|45.0 KiB/token"
    student = cells(orders, "rabtriever", "FLOPs")
    assert student[index].value == "quadratic"
    assert cell_text(student[score], "|") == "constant|2.05 kFLOP"
    assert cells(orders, "rabtriever-chunked", "FLOPs")[index].value == "linear"
    size = cells(storage, "rabtriever", "Index size")[index]
    assert cell_text(size, "|") == "constant|4.00 KiB"
    time = cells(orders, "rabtriever-chunked", "Time")[index]
    assert (time.value, time.role) == ("linear", "order")
    assert (time.below[1].lead, time.below[1].role) == ("c·L² at most", "share")
    ids = {f"table-{one.id}" for section in full.sections for one in section.tables}
    links = [row[1].link for one in (orders, storage) for row in one.cells]
    assert len(links) > 10
    assert set(links) <= ids


def test_attention_is_named_in_figures_and_failures_are_marked(full: Page) -> None:
    memory = figure(full, "fig-working_memory-score").svg
    words = set(re.findall(r"<text[^>]*>([^<]*)<", memory))
    assert {"eager", "sdpa", "out of memory", "longest 3,012", "L* 388"} <= words
    (warning,) = [one for one in full.warnings if "oom" in one]
    assert warning == (
        "teacher · eager, score, Time, Peak memory, Working memory: 1 point not measured (oom): "
        "the child ended with -9"
    )
    assert texts(table(full, "limits")) == [["teacher · eager", "score", "3,012", "3,290"]]
    assert not any(one.id == "cost-longest_feasible" for one in full.sections)


def test_the_papers_factor_stands_beside_ours(full: Page) -> None:
    text = section(full, "cost-latency").text[0]
    assert "Qwen2-7B-Instruct on 8×A100: 980 ms for its teacher and 95.0 ms" in text
    assert "Machine, model and documents differ" in text
    factors = table(full, "paper-factor")
    assert texts(factors)[0][1:] == ["not given", "980 ms", "95.0 ms", "10.3×", "not given"]
    sweep = "here: smollm2-135m, cpu, float32, sdpa"
    ours = [row for row in factors.cells if row[0].value == sweep]
    assert ours[-1][1].value == 4096
    factor = ours[0][4]
    assert isinstance(factor.value, float)
    assert factor.interval is not None
    assert factor.interval[0] <= factor.value <= factor.interval[1]


def test_no_factor_stands_beside_the_papers_where_none_was_timed() -> None:
    rows = [row for row in synthetic.scaling_rows() if row.system != "rabtriever"]
    page = build.build_page(synthetic.results("scaling", rows), draw=False)
    ids = [one.id for section in page.sections for one in section.tables]
    assert "latency-score" in ids
    assert "paper-factor" not in ids
    assert not any("Qwen2-7B-Instruct" in text for one in page.sections for text in one.text)


def test_counters_say_how_many_layers_were_run() -> None:
    first, *_ = synthetic.LENGTHS
    rows = [
        row.with_changes(
            params={"layers_run": "all" if row.params["doc_len"] == first else "1 of 30"}
        )
        if row.measure == "flops" and row.params.get("pairs") == "dense"
        else row
        for row in synthetic.scaling_rows(systems={"teacher": ("score",)})
    ]
    page = build.build_page(synthetic.results("scaling", rows), draw=False)
    (line,) = texts(table(page, "counters"))
    assert line[-1] == "1 of 30 at 7 lengths, all at 1 length"
    texts_ = section(page, "counters").text
    assert any("after a first forward through all of them" in text for text in texts_)


def test_chunked_documents_have_their_sentence_and_factors(full: Page) -> None:
    (said,) = [one for one in full.findings if one.startswith("Read in windows")]
    assert "(rabtriever-chunked), indexing a document is linear in document length" in said
    assert "a pair then costs the teacher" in said
    assert "teacher · sdpa / rabtriever-chunked" in headings(table(full, "latency-factor"))


def test_times_carry_intervals_and_their_slow_end(full: Page) -> None:
    first = section(full, "cost-latency").tables[0].cells[0][1]
    assert first.role == "amount"
    assert first.unit == "s"
    assert first.interval is not None
    assert re.fullmatch(r"[\d.]+ ms \([\d.]+ to [\d.]+ ms\)", cell_text(first))
    spread = table(full, "timings")
    assert headings(spread)[-3:] == ["p50", "p90", "p99"]
    assert texts(spread)[0][:4] == ["teacher · eager", "score", "128", "9"]


def test_a_time_has_the_interval_of_its_median() -> None:
    """Of nine runs the second and the eighth (binomial, 96.1 %); of five there is none."""
    row = next(row for row in synthetic.scaling_rows() if row.measure == "latency")
    nine = row_cell(row.with_changes(value=5.0, samples=[9, 1, 8, 2, 7, 3, 6, 4, 5]))
    assert nine.interval == (2.0, 8.0)
    assert row_cell(row.with_changes(value=3.0, samples=[1, 2, 3, 4, 5])).interval is None
    lost = row_cell(row.with_changes(value=None, status="oom", samples=()))
    assert cell_text(lost) == "not measured (oom)"


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
    (said,) = page.findings
    assert f"(exact count), {share} of the cost at 64 tokens, passing the linear" in said
    assert re.search(r"passing the linear term only at L\* = 3,\d{3} tokens", said)
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
    (said,) = [one for one in page.findings if "pair with the cached teacher" in one]
    assert "linear in document length in FLOPs" in said
    assert "; its FLOPs are linear: the machine bends it, not the work)" in said
    index, score = texts(table(page, "ledger-latency"))
    assert (index[2], score[2]) == ("quadratic", "quadratic")
    assert score[-1].endswith("; its FLOPs are linear: the machine bends it, not the work")
    assert "FLOPs" not in index[-1]


def test_a_crossover_that_is_never_read_is_not_drawn() -> None:
    """A bi-encoder that reads 254 tokens never meets its own L*."""
    lengths = (16, 32, 64, 128, 256, 4096)
    page = build.build_page(
        synthetic.results("scaling", synthetic.scaling_rows(lengths, systems={"dense": ("index",)}))
    )
    crossover = cells(table(page, "ledger-flops-dense"), "dense")["L*"]
    assert crossover.value == pytest.approx(2304, abs=1)
    assert crossover.note == "(never read)"
    assert "L*" not in figure(page, "fig-flops-index").svg


def test_a_measured_linear_cost_says_what_it_cannot_exclude(full: Page) -> None:
    (said,) = [one for one in full.findings if "pair with the cached teacher" in one]
    assert "is linear in document length, by count and by the clock" in said
    assert re.search(r"a quadratic term is at most [\d.]+ % of the cost at 4,096 tokens", said)


def test_a_short_sweep_says_what_it_lacks() -> None:
    rows = synthetic.scaling_rows((128, 256, 512))
    said = build.build_page(synthetic.results("scaling", rows), draw=False).findings
    assert said[0] == (
        "Scoring one pair with the teacher is not judged in FLOPs (3 lengths, at least 4 are "
        "needed (--points 4)), and not judged in measured time (3 lengths, at least 6 are needed "
        "(--points 6))."
    )
    spent = amount(synthetic.flops("rabtriever", "index", 512, "dense"), "FLOP")
    assert f"its indexing takes {spent} at 512 tokens, and keeps 4.00 KiB of it" in said[2]


def test_lost_attention_changes_the_verdict() -> None:
    """A teacher counted without its attention must not read as quadratic."""
    rows = [
        row.with_changes(value=float(synthetic.N * synthetic.LINEAR * row.params["doc_len"]))
        if (row.system, row.measure) == ("teacher", "flops")
        else row
        for row in synthetic.scaling_rows()
    ]
    said = build.build_page(synthetic.results("scaling", rows), draw=False).findings
    assert "linear in document length in FLOPs" in said[0]
