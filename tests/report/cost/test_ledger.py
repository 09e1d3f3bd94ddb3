"""The ledger: orders at a glance, crossovers, counters, timings."""

from __future__ import annotations

import re

import pytest

from rabbench.report import build
from rabbench.report.page import Page
from rabbench.report.render import cell_text
from tests.report import synthetic
from tests.report.pages import cells, figure, headings, section, table, texts


def test_the_ledger_says_the_order_of_every_phase_at_a_glance(full: Page) -> None:
    opening = full.sections[0]
    assert opening.opening
    assert [figure.id for figure in opening.figures] == ["fig-flops-score", "fig-latency-score"]
    assert [table.id for table in opening.tables] == ["orders"]
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
    ids = {f"table-{table.id}" for section in full.sections for table in section.tables}
    links = [row[1].link for ledger in (orders, storage) for row in ledger.cells]
    assert len(links) > 10
    assert set(links) <= ids


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


def test_times_carry_intervals_and_their_slow_end(full: Page) -> None:
    first = section(full, "cost-latency").tables[0].cells[0][1]
    assert first.role == "amount"
    assert first.unit == "s"
    assert first.interval is not None
    assert re.fullmatch(r"[\d.]+ ms \([\d.]+ to [\d.]+ ms\)", cell_text(first))
    spread = table(full, "timings")
    assert headings(spread)[-3:] == ["p50", "p90", "p99"]
    assert texts(spread)[0][:4] == ["teacher · eager", "score", "128", "9"]
