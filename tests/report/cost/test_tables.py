"""The cost sections of a report: ledger, factors, counters, and how much a term weighs."""

from __future__ import annotations

import math
import re

from rabbench.report import build
from rabbench.report.cost import timings
from rabbench.report.cost.figures import merge_series
from rabbench.report.page import Page, Table
from rabbench.report.plots.curves import Series
from rabbench.report.wording import amount
from tests.report import synthetic


def table(page: Page, id_: str) -> Table:
    (found,) = [one for section in page.sections for one in section.tables if one.id == id_]
    return found


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
    assert any("with the teacher over a cached document is" in line for line in page.findings)
    opening = "At 4,096 tokens the teacher over a cached document needs"
    assert any(sentence.startswith(opening) for sentence in page.findings)
    tables = next(one.tables for one in page.sections if one.id == "cost-latency")
    (table,) = [one for one in tables if one.id == "latency-factor"]
    assert "teacher-cached / rabtriever, its query encoded" in table.columns


def test_the_ledger_says_the_order_of_every_phase_at_a_glance(full: Page) -> None:
    opening = full.sections[0]
    assert opening.opening
    assert [one.id for one in opening.figures] == ["fig-flops-score", "fig-latency-score"]
    assert [one.id for one in opening.tables] == ["orders"]
    orders, kept = table(full, "orders"), table(full, "orders-kept")
    assert {row[1] for row in orders.rows} == {"FLOPs", "Time"}
    cells = {tuple(row[:2]): row[2:] for row in (*orders.rows, *kept.rows)}
    assert cells["teacher · eager", "Working memory"][2].startswith("quadratic\n")
    assert cells["teacher · sdpa", "Working memory"][2].startswith("linear\n")
    assert cells["teacher-cached", "FLOPs"][::2] == (
        "quadratic\n69.1 kFLOP/token²\nc·L² is 57 % at 4,096 tokens",
        "linear\n6.64 MFLOP/token",
    )
    assert cells["teacher-cached", "Index size"][0] == "linear\n45.0 KiB/token"
    assert cells["rabtriever", "FLOPs"][0].startswith("quadratic\n")
    assert cells["rabtriever", "FLOPs"][2] == "constant\n2.05 kFLOP"
    assert cells["rabtriever-chunked", "FLOPs"][0].startswith("linear\n")
    assert cells["rabtriever", "Index size"][0] == "constant\n4.00 KiB"
    timed = cells["rabtriever-chunked", "Time"][0].split("\n")
    assert timed[0] == "linear"
    assert re.fullmatch(r"c·L² at most [\d.]+ % at 4,096 tokens", timed[2])
    ids = {f"table-{one.id}" for section in full.sections for one in section.tables}
    for one in (orders, kept):
        assert set(one.links.values()) <= ids
        assert len(one.links) == len(one.rows)


def test_attention_is_named_in_figures_and_failures_are_marked(full: Page) -> None:
    figures_ = {one.id: one.svg for section in full.sections for one in section.figures}
    memory = figures_["fig-working_memory-score"]
    words = set(re.findall(r"<text[^>]*>([^<]*)<", memory))
    assert {"eager", "sdpa", "out of memory", "longest 3,012", "L* 388"} <= words
    (warning,) = [one for one in full.warnings if "oom" in one]
    assert warning == (
        "teacher · eager, score, Time, Peak memory, Working memory: 1 point not measured (oom): "
        "the child ended with -9"
    )
    assert table(full, "limits").rows == [("teacher · eager", "score", "3,012", "3,290")]
    assert not any(one.id == "cost-longest_feasible" for one in full.sections)


def test_the_papers_factor_stands_beside_ours(full: Page) -> None:
    (section,) = [one for one in full.sections if one.id == "cost-latency"]
    assert "Qwen2-7B-Instruct on 8×A100: 980 ms for its teacher and 95.0 ms" in section.text[0]
    assert "Machine, model and documents differ" in section.text[0]
    found = table(full, "paper-factor")
    assert found.rows[0][2:5] == ("980 ms", "95.0 ms", "10.3×")
    ours = [row for row in found.rows if row[0] == "here: smollm2-135m, cpu, float32, sdpa"]
    assert [row[1] for row in ours][-1] == "4,096"
    assert re.match(r"[\d.]+× \([\d.]+× to [\d.]+×\)", ours[0][4])


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
    (line,) = table(page, "counters").rows
    assert line[-1] == "1 of 30 at 7 lengths, all at 1 length"
    (section,) = [one for one in page.sections if one.id == "counters"]
    assert any("after a first forward through all of them" in text for text in section.text)


def test_chunked_documents_have_their_sentence_and_factors(full: Page) -> None:
    (said,) = [one for one in full.findings if one.startswith("Read in windows")]
    assert "(rabtriever-chunked), indexing a document is linear in document length" in said
    assert "a pair then costs the teacher" in said
    assert "teacher · sdpa / rabtriever-chunked" in table(full, "latency-factor").columns


def test_times_carry_intervals_and_their_slow_end(full: Page) -> None:
    (lengths,) = [t for t in full.sections if t.id == "cost-latency"]
    first = lengths.tables[0].rows[0][1]
    assert re.fullmatch(r"[\d.]+ ms \([\d.]+ to [\d.]+ ms\)", first), first
    spread = table(full, "timings")
    assert spread.columns[-4:] == ("p50", "95 % interval", "p90", "p99")
    assert spread.rows[0][:4] == ("teacher · eager", "score", "128", "9")


def test_a_medians_interval_lies_between_order_statistics() -> None:
    """Of nine runs the second and the eighth (binomial, 96.1 %); of five there is none."""
    row = next(row for row in synthetic.scaling_rows() if row.measure == "latency")
    nine = timings.middle(row.with_changes(value=5.0, samples=[9, 1, 8, 2, 7, 3, 6, 4, 5]))
    assert nine is not None
    assert (nine.low, nine.high) == (2.0, 8.0)
    five = timings.middle(row.with_changes(value=3.0, samples=[1, 2, 3, 4, 5]))
    assert five is not None
    assert not math.isfinite(five.low)
    assert timings.middle(row.with_changes(value=None, status="oom", samples=())) is None


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
    assert table(page, "orders").rows[0][4].endswith(f"c·L² is {share} at 64 tokens")
    why = table(page, "ledger-flops-dense").rows[0][-1]
    assert why == f"the quadratic term is {share} of the cost at 64 tokens"


def test_a_time_that_bends_though_its_flops_do_not_says_so() -> None:
    rows = []
    for row in synthetic.scaling_rows(systems={"teacher-cached": ("index", "score")}):
        if (row.phase, row.measure) == ("score", "latency"):
            more = 1 + 1e-8 * row.params["doc_len"] ** 2
            samples = [more * float(sample) for sample in row.samples]
            row = row.with_changes(value=more * row.value, samples=samples)
        rows.append(row)
    page = build.build_page(synthetic.results("scaling", rows), draw=False)
    (said,) = [one for one in page.findings if "pair with the teacher over a cached" in one]
    assert "linear in document length in FLOPs" in said
    assert "; its FLOPs are linear: the machine bends it, not the work)" in said
    index, score = table(page, "ledger-latency").rows
    assert (index[2], score[2]) == ("quadratic", "quadratic")
    assert score[-1].endswith("; its FLOPs are linear: the machine bends it, not the work")
    assert "FLOPs" not in index[-1]


def test_a_crossover_that_is_never_read_is_not_drawn() -> None:
    """A bi-encoder that reads 254 tokens never meets its own L*."""
    lengths = (16, 32, 64, 128, 256, 4096)
    page = build.build_page(
        synthetic.results("scaling", synthetic.scaling_rows(lengths, systems={"dense": ("index",)}))
    )
    (row,) = table(page, "ledger-flops-dense").rows
    assert row[6] == "2,304, never read"
    (figure,) = [
        one for section in page.sections for one in section.figures if one.id == "fig-flops-index"
    ]
    assert "L*" not in figure.svg


def test_a_measured_linear_cost_says_what_it_cannot_exclude(full: Page) -> None:
    (said,) = [one for one in full.findings if "pair with the teacher over a cached" in one]
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
