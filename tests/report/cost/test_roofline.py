"""The machine’s rates and the predictions have sections of their own, in words and tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from rabbench.plan import Plan, Step
from rabbench.plan.calibration import Calibration, Timing
from rabbench.plan.rows import add_plan_rows, measured_rows, rates
from rabbench.report import build
from rabbench.report.page import Page
from rabbench.report.render import html
from rabbench.types import Measurement
from tests.report import synthetic
from tests.report.pages import headings, section, table, texts

MATMUL, COPY = 100e9, 10e9  # FLOP and bytes a second
LENGTHS = (128, 566, 4096)


def _timing(what: str, size: dict[str, int], work: float, unit: str, rate: float) -> Timing:
    samples = tuple(work / rate * factor for factor in (0.8, 1.0, 1.25))
    return Timing(kind=what, size=size, work=work, unit=unit, samples=samples)


CALIBRATED = Calibration(
    machine="0123456789ab",
    device="cpu",
    dtype="float32",
    threads=2,
    versions={},
    date="2026-11-23T03:00:00+00:00",
    timings=(
        _timing("matmul", {"L": 64, "d": 576, "f": 1536}, 1.13e8, "FLOP", MATMUL / 2),
        _timing("matmul", {"L": 2048, "d": 576, "f": 1536}, 3.62e9, "FLOP", MATMUL),
        _timing("copy", {"bytes": 1 << 27}, 2**28, "B", COPY),
        _timing("call", {"m": 1024}, 1, "call", 2e5),
    ),
)


def _predictions(row: Measurement, ratio: float, bound: str) -> Iterator[Measurement]:
    """What is set beside a latency: its prediction, and what the phase achieved."""
    value = (row.value or 0.0) * ratio
    params = {"bound": bound, "ratio": ratio}
    yield row.with_changes(measure="predicted_latency", value=value, samples=(), params=params)
    params = {"bound": bound, "flop_per_s": 4e10, "flop_per_byte": 90.0, "of_roof": 0.5}
    yield row.with_changes(
        measure="roofline_fraction", value=0.4, unit="1", better="higher", samples=(), params=params
    )


@pytest.fixture(scope="module")
def rows() -> list[Measurement]:
    """A sweep whose teacher was predicted within 5 %, but for its longest documents."""
    sweep: list[Measurement] = list(synthetic.scaling_rows())
    added = []
    for row in sweep:
        length = row.params.get("doc_len")
        if row.measure != "latency" or length not in LENGTHS:
            continue
        if row.system == "teacher":
            ratio = 1.3 if length == 4096 else 0.95
            added += _predictions(row, ratio, "memory" if length == 128 else "compute")
        if (row.system, row.phase) == ("rabtriever", "score"):
            added += _predictions(row, 2.0, "overhead")
    wall = Measurement(
        system="all",
        phase="run",
        measure="predicted_wall_time",
        value=600.0,
        unit="s",
        better="lower",
        params={"ratio": 0.8},
    )
    return [*sweep, *rates(CALIBRATED), wall, *added]


@pytest.fixture(scope="module")
def page(rows: list[Measurement]) -> Page:
    return build.build_page(synthetic.results("scaling", rows))


def test_rates_are_rows_with_their_raw_samples() -> None:
    small, large, copy, _ = rates(CALIBRATED)
    assert (large.measure, large.unit, large.better) == ("matmul_rate", "FLOP/s", "higher")
    assert large.value == pytest.approx(MATMUL)
    assert list(large.samples) == pytest.approx([MATMUL / 0.8, MATMUL, MATMUL / 1.25])
    assert large.params["L"] == 2048
    assert (small.system, small.phase) == ("machine", "calibration")
    assert copy.value == pytest.approx(COPY)


def test_what_the_machine_can_do_is_said_and_tabled(page: Page) -> None:
    text = section(page, "roofline").text
    assert "matrix products reach 100 GFLOP/s, copies 9.31 GiB/s" in text[0]
    assert "fewer than 10.0 FLOPs for a byte" in text[0]
    machine = table(page, "machine")
    assert machine.caption == "Rates of the machine (cpu, float32, 2 threads)"
    assert [row[0].value for row in machine.cells] == [
        "matrix product",
        "matrix product",
        "copy, bytes read and written",
        "small operators, one after another",
    ]
    assert texts(machine)[1][1:] == [
        "2,048 × 576 by 576 × 1,536",
        "100 GFLOP/s",
        "90.0 GFLOP/s",
        "112 GFLOP/s",
        "3",
    ]


def test_a_calibration_beside_busy_neighbours_is_warned_of() -> None:
    for busy_share, warned in ((0.37, True), (0.02, False), (None, False)):
        rows = [*synthetic.scaling_rows(), *rates(replace(CALIBRATED, busy_share=busy_share))]
        page = build.build_page(synthetic.results("scaling", rows), draw=False)
        warnings = [
            warning for warning in page.warnings if "37 % of the CPUs while the machine" in warning
        ]
        assert bool(warnings) is warned


def test_each_phase_has_its_share_of_the_machines_rate(page: Page) -> None:
    achieved = table(page, "achieved")
    assert headings(achieved) == [
        "system", "phase", "FLOPs-bound", "128", "566", "4,096", "of its roof",
    ]  # fmt: skip
    assert texts(achieved) == [
        ["teacher", "score", "from 566 tokens", "40 %", "40 %", "40 %", "50 %"],
        ["rabtriever", "score", "no", "40 %", "40 %", "40 %", "50 %"],
    ]


def test_predictions_stand_beside_measurements_with_their_bound(page: Page) -> None:
    text = section(page, "prediction").text
    assert "Of 2 times that the FLOPs bound, 1 were predicted within 10 %" in text[0]
    assert "the median of predicted over measured is 1.12" in text[0]
    assert text[1] == "The whole run was predicted to take 10.0 min, and took 12.5 min."
    summary = table(page, "prediction")
    assert headings(summary)[4:7] == ["median", "smallest", "largest"]
    assert texts(summary) == [
        ["Time", "teacher", "score", "3", "0.950", "0.950", "1.30", "2 of 3", "1 of 2", "–"],
        ["Time", "rabtriever", "score", "3", "2.00", "2.00", "2.00", "0 of 3", "–", "–"],
    ]
    every = table(page, "predicted-latency")
    assert [row[5:] for row in texts(every)] == [
        ["0.950", "–", "yes", "memory and calls"],
        ["0.950", "–", "yes", "FLOPs"],
        ["1.30", "–", "no", "FLOPs"],
        *[["2.00", "–", "no", "calls"]] * 3,
    ]
    assert section(page, "predictions").detail


def test_a_change_of_the_machines_speed_is_taken_out_and_said(rows: list[Measurement]) -> None:
    """A quarter faster than at the calibration: what seemed 30 % too long was 4 %."""
    steady = {"slowdown": 0.8, "ratio_at_speed": 1.04}
    moved = [
        row.with_changes(params=steady)
        if row.measure == "predicted_latency" and row.params["ratio"] == pytest.approx(1.3)
        else row
        for row in rows
    ]
    page = build.build_page(synthetic.results("scaling", moved), draw=False)
    text = section(page, "prediction").text
    assert "1 were predicted within 10 %" in text[0]  # as it was
    assert "took 0.80 times as long during the run as during the calibration" in text[1]
    assert "1 of 1 FLOPs-bound times were predicted within 10 %" in text[1]
    assert texts(table(page, "prediction"))[0][-2:] == ["1 of 2", "1 of 1"]
    every = table(page, "predicted-latency")
    assert texts(every)[2][5:] == ["1.30", "1.04", "yes", "FLOPs"]


def test_no_prediction_is_taken_for_a_measurement(page: Page, rows: list[Measurement]) -> None:
    """What was predicted changes no verdict, no colour and no table of costs."""
    alone = build.build_page(synthetic.results("scaling", measured_rows(rows)))
    assert alone.verdict == page.verdict
    added = {"roofline", "prediction", "predictions"}
    sections = [section for section in page.sections if section.id not in added]
    assert [section.id for section in sections] == [section.id for section in alone.sections]
    assert [section.tables for section in sections] == [
        section.tables for section in alone.sections
    ]
    assert [section.figures for section in sections] == [
        section.figures for section in alone.sections
    ]
    assert "others" not in {section.id for section in page.sections}
    assert "<h2" in html.render_html(page)


def test_what_a_prediction_added_is_told_from_what_was_measured(rows: list[Measurement]) -> None:
    assert measured_rows(rows) == synthetic.scaling_rows()


def test_a_later_prediction_takes_the_place_of_an_earlier_one() -> None:
    results = synthetic.results("scaling")
    planned = [row for row in results.rows if row.measure == "latency" and row.system == "teacher"]
    predicted = Plan(
        command="scaling",
        rows=[
            row.with_changes(value=2 * row.value, params={"bound": "compute"}) for row in planned
        ],
        steps=(
            Step(work="start", system="all", seconds=5.0),
            Step(work="latency", system="teacher", seconds=60.0),
        ),
        peak_bytes=0,
        index_bytes=0,
        download_bytes=0,
    )
    once = add_plan_rows(predicted, results, CALIBRATED, wall_s=30.0)
    added = [row for row in once.rows if row not in results.rows]
    assert {row.measure for row in added} == {
        "matmul_rate", "copy_rate", "call_rate", "predicted_wall_time", "predicted_latency",
        "roofline_fraction",
    }  # fmt: skip
    ratios = {row.measure: row.params["ratio"] for row in added if "ratio" in row.params}
    assert ratios == {"predicted_wall_time": 2.0, "predicted_latency": 2.0}
    assert add_plan_rows(predicted, once, CALIBRATED, wall_s=30.0) == once
    resumed = add_plan_rows(predicted, once, CALIBRATED)
    assert len(resumed.rows) == len(once.rows) - 1  # its wall time is not that of the whole


@pytest.mark.parametrize(
    "odd",
    [
        {"measure": "predicted_latency", "phase": "score", "unit": "s"},  # beside nothing
        {"measure": "spin_rate", "phase": "calibration", "unit": "1/s"},
    ],
)
def test_rows_that_the_sections_do_not_know_stay_visible(odd: dict[str, Any]) -> None:
    row = Measurement(system="machine", value=3.0, better="lower", **odd)
    page = build.build_page(synthetic.results("scaling", [row]), draw=False)
    assert next(section.id for section in page.sections if section.tables) == "others"
