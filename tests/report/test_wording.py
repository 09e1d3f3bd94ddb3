"""Numbers as text, and back: what a table is sorted by."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rabbench.report.page import figure_data
from rabbench.report.render.cells import cell_text, table_csv
from rabbench.report.render.html import sorted_by
from rabbench.report.wording import amount, duration, flatten, magnitude, text_of, times

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
