"""Numbers as text, and back: what a table is sorted by."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rabbench.report.page import figure_data
from rabbench.report.render.cells import cell_text, table_csv
from rabbench.report.render.html import sorted_by
from rabbench.report.wording import (
    amount,
    between,
    digits,
    duration,
    flatten,
    interval,
    magnitude,
    text_of,
    times,
)
from rabbench.stats.intervals import Estimate

SIZES = st.floats(min_value=1e-12, max_value=1e15)


@given(SIZES, st.sampled_from(["FLOP", "s", "J", "FLOP/token²"]))
def test_an_amount_is_read_as_what_it_was(value: float, unit: str) -> None:
    assert magnitude(amount(value, unit)) == pytest.approx(value, rel=0.006)


@given(st.floats(min_value=1, max_value=1e15))
def test_bytes_factors_and_durations_are_read_as_what_they_were(value: float) -> None:
    for text in (amount(value, "B"), times(value), duration(value)):
        assert magnitude(text) == pytest.approx(value, rel=0.006), text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("319 ns/token² (266 to 372 ns)", 319e-9),
        ("+0.200 (+0.133 to +0.267)", 0.2),
        ("-0.197 ± 0.014", -0.197),
        ("< 0.001", 0.001),
        ("64 / 160 / 16", 64),
        ("4,096", 4096),
        ("42 %", 42),
        ("3,072, never read", 3072),
        ("never", math.inf),
        ("never (or 12)", math.inf),
        ("none", 0),
        ("not measured (oom)", None),
        ("–", None),
        ("", None),
    ],
)
def test_cells_are_read_as_their_first_number(text: str, value: float | None) -> None:
    assert magnitude(text) == (None if value is None else pytest.approx(value))


def test_a_key_is_written_only_where_a_script_could_not_read_it() -> None:
    assert [sorted_by(text) for text in ("4,096", "0.433", "–", "2.05 kFLOP", "never")] == [
        "", "", "", "2050", "Infinity",
    ]  # fmt: skip


def test_data_keep_their_numbers_in_full_and_say_what_is_missing() -> None:
    data = figure_data(
        [("system", ""), ("tokens", ""), ("value", "s"), ("share", "")],
        [["a, b", 4096, 1 / 3, 0.5], ["c", 16, None, math.nan]],
    )
    assert table_csv(data) == (
        'system,tokens,value [s],share\n"a, b",4096,0.3333333333333333,0.5\nc,16,,\n'
    )
    assert [[cell_text(cell) for cell in row] for row in data.cells] == [
        ["a, b", "4,096", "333 ms", "0.500"],
        ["c", "16", "–", "–"],
    ]
    assert data.numbers == {1, 2, 3}


def test_a_configuration_is_flat_with_dotted_names() -> None:
    nested = {"depth": 10, "options": {"model": "m", "lora": {"rank": 4}, "extra": {}}}
    assert flatten(nested) == {
        "depth": 10, "options.model": "m", "options.lora.rank": 4, "options.extra": {},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("model", None, "–"),
        ("extra", {}, "–"),
        ("systems", ["bm25", "dense"], "bm25, dense"),
        ("words", {"mean": 201.5, "n_words": 1200}, "mean 201.5, n_words 1,200"),
        ("memory_bytes", 8 << 30, "8.00 GiB"),
        ("n_docs", 5183, "5,183"),
        ("seed", 5183, "5183"),
        ("resume", True, "yes"),
        ("learning_rate", 0.00012345, "0.00012345"),
    ],
)
def test_a_value_of_a_configuration_reads_as_its_name_says(
    name: str, value: object, text: str
) -> None:
    assert text_of(name, value) == text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (1.25e12, "FLOP", "1.25 TFLOP"),
        (2048, "FLOP", "2.05 kFLOP"),
        (0.0953, "s", "95.3 ms"),
        (61e-6, "s", "61.0 µs"),
        (980.0, "s", "980 s"),
        (412 * 2**20, "B", "412 MiB"),
        (0, "B", "0 B"),
        (2.9e-7, "s/token²", "290 ns/token²"),
        (69120, "FLOP/token²", "69.1 kFLOP/token²"),
        (0.6761, "1", "0.676"),
        (12.5, "W", "12.5 W"),
        (-3.0e6, "B", "-2.86 MiB"),
        (-0.000549, "B/token²", "-5.49e-04 B/token²"),
    ],
)
def test_amounts_read_well(value: float, unit: str, text: str) -> None:
    assert amount(value, unit) == text


def test_factors_and_intervals_read_well() -> None:
    assert times(3.4) == "3.40×"
    assert times(143_228) == "143,000×"
    assert times(1.2e6) == "1.20\u00a0million×"
    assert times(float("nan")) == "–"
    assert digits(0) == "0"
    assert (digits(9.999), digits(99.96), digits(0.09996)) == ("10.0", "100", "0.100")
    assert between(Estimate(2.0, 1.9, 2.1)) == "2.00× (1.90× to 2.10×)"
    assert between(Estimate(2.0)) == "2.00×"
    assert interval(Estimate(1.0, 1.0, 1.0), "s") == "exact"
    assert interval(Estimate(3e-7, 2.6e-7, 3.4e-7), "s/token²") == "260 to 340 ns/token²"
    assert interval(Estimate(1e-3, 9e-4, 1.1e-3), "s") == "900 µs to 1.10 ms"
    assert interval(Estimate(1.0), "s") == "–"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.09, "90.0 ms"),
        (119.0, "119 s"),
        (880.0, "14.7 min"),
        (87_429, "24.3 h"),
        (9e6, "104 days"),
    ],
)
def test_durations_read_well(seconds: float, text: str) -> None:
    assert duration(seconds) == text
