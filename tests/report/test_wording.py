"""Numbers as text: right to three digits, and sorted by what they are."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rabbench.report.page import Cell, figure_data
from rabbench.report.render import cell_text, interval_text, line, sort_key, table_csv
from rabbench.report.wording import (
    amount,
    digits,
    duration,
    flatten,
    text_of,
    times,
)
from rabbench.stats.intervals import Estimate

VALUES = st.floats(min_value=1e-12, max_value=1e15)
PREFIXES = dict(zip("EPTGMkmµnpfa", (18, 15, 12, 9, 6, 3, -3, -6, -9, -12, -15, -18), strict=True))
UNITS = {"min": 60.0, "h": 3600.0, "days": 86_400.0, "million×": 1e6, "billion×": 1e9}
TEXT = re.compile(r"(-?[\d,.]+(?:e[+-]\d+)?)\s*(\S*)")


def _read(text: str) -> float:
    """What a reader takes a text for, in its base unit."""
    number, unit = TEXT.fullmatch(text).groups()  # type: ignore[union-attr]
    value = float(number.replace(",", ""))
    if unit in UNITS:
        return value * UNITS[unit]
    if prefix := re.fullmatch(r"([KMGT])iB", unit):
        return float(value * 1024.0 ** (1 + "KMGT".index(prefix[1])))
    if prefix := re.fullmatch(r"([EPTGMkmµnpfa])(FLOP|s|J)(/.*)?", unit):
        return float(value * 10.0 ** PREFIXES[prefix[1]])
    return value


@given(VALUES, st.sampled_from(["FLOP", "s", "J", "FLOP/token²"]))
def test_an_amount_is_read_as_what_it_was(value: float, unit: str) -> None:
    assert _read(amount(value, unit)) == pytest.approx(value, rel=0.006)


@given(st.floats(min_value=1, max_value=1e15))
def test_bytes_factors_and_durations_are_read_as_what_they_were(value: float) -> None:
    for text in (amount(value, "B"), times(value), duration(value)):
        assert _read(text) == pytest.approx(value, rel=0.006), text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (99, "99 s"), (180, "3 min"), (12_240, "3.4 h")]
)
def test_an_estimate_of_time_is_short(seconds: float, text: str) -> None:
    assert duration(seconds, rough=True) == text


def test_a_number_has_a_key_only_where_a_script_could_not_read_it() -> None:
    cells = [
        Cell(value=4096, role="count"),
        Cell(value=0.433, role="score"),
        Cell(words="not measured (oom)"),
        Cell(value=2048, role="amount", unit="FLOP"),
        Cell(value=math.inf, words="never"),
        Cell(value=0.0, words="none"),
    ]
    assert [sort_key(cell) for cell in cells] == ["", "", "", "2048", "Infinity", "0"]


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
    assert line(Cell.estimate(Estimate(2.0, 1.9, 2.1), "factor")) == "2.00× (1.90× to 2.10×)"
    assert line(Cell.estimate(Estimate(2.0), "factor")) == "2.00×"
    assert interval_text(Cell.estimate(Estimate(1.0, 1.0, 1.0), "amount", "s")) == ""
    rate = Cell.estimate(Estimate(3e-7, 2.6e-7, 3.4e-7), "amount", "s/token²")
    assert interval_text(rate) == "260 to 340 ns/token²"
    time = Cell.estimate(Estimate(1e-3, 9e-4, 1.1e-3), "amount", "s")
    assert interval_text(time) == "900 µs to 1.10 ms"
    assert interval_text(Cell.estimate(Estimate(1.0), "amount", "s")) == ""


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
