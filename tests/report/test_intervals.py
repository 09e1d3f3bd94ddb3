"""One quantity has one 95 % interval on a page: in tables, in figures' data, and in sentences."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from rabbench.report.build import build_page
from rabbench.report.page import Cell, Page, Role, Table
from rabbench.report.plots import curves, dots, heatmap  # noqa: F401 (all are silenced)
from rabbench.report.quality import comparisons, tables
from rabbench.report.render import FORMATS
from rabbench.results import load_results
from rabbench.stats.intervals import Estimate
from rabbench.types import Measurement

REPORTS = Path(__file__).parents[2] / "reports"
FILES = sorted(REPORTS.rglob("results*.json"))
SCOPE = re.compile(r"^(cost-quality|quality|best|pairs|lengths|ledger)-|^(means|ablation)$")
"""What a table's id has beside the data set."""

FIGURE_SCOPE = re.compile(
    r"^.*(?: on |: )([^:(]+?)(?: \(\d+ of \d+ systems\))?$|^.* of each variant$"
)
OTHER_SCATTER = {"c, repetitions only"}
"""Columns that are there to show another interval of a quantity, and say so."""

NUMBER = r"[-+]?\d\.\d{3}|\d[\d,]*(?:\.\d)? %"
SENTENCE = re.compile(
    rf"(?<![@\w.])(?P<value>{NUMBER})(?:[^()\d]|(?<=[@A-Za-z\d])\d)*"
    rf"\((?:95 % interval )?(?P<low>{NUMBER}|\d[\d.]*)(?: to |–)(?P<high>{NUMBER})"
)
"""A number and, in brackets behind it, its interval: “0.529 (95 % interval 0.466 to 0.592)”."""

Key = frozenset[str]
Interval = tuple[float, float]


@pytest.fixture(scope="module", autouse=True)
def nothing_is_drawn() -> Iterator[None]:
    """Figures are built with their data, and without their SVG."""
    with pytest.MonkeyPatch.context() as patch:
        for name, module in list(sys.modules.items()):
            if name.startswith("rabbench.report"):
                for function in [name for name in vars(module) if name.startswith("draw_")]:
                    patch.setattr(module, function, lambda *_, **__: "")
        assert dots.draw_dots("", (), "") == curves.draw_curves("", (), "", "") == ""
        yield


def intervals(page: Page) -> dict[Key, dict[str, Interval]]:
    """Every interval of a page: by what it is of, then by where it stands."""
    by_key: dict[Key, dict[str, Interval]] = {}
    for section in page.sections:
        for table in section.tables:
            scope = "" if table.id == "means" else SCOPE.sub("", table.id)
            _add(by_key, table, f"table {table.id}", scope)
        for figure in section.figures:
            if figure.data is not None:
                scope = FIGURE_SCOPE.sub(r"\1", figure.title)
                _add(by_key, _with_cells(figure.data), f"figure {figure.id}", scope)
    return by_key


def _with_cells(data: Table) -> Table:
    """A figure's data with each low and high bound in the cell before them."""
    names = [heading.name for heading in data.headings]
    if "low" not in names:
        return data
    place = names.index("low")
    assert names[place + 1] == "high"
    rows: list[list[Cell]] = []
    for row in data.cells:
        value, low, high = row[place - 1 : place + 2]
        assert isinstance(low.value, float | None)
        assert isinstance(high.value, float | None)
        first = [cell for cell in row[: place - 1] if not cell.unit]  # a cost is no name
        if "words, from" in names:  # as the table by length has its columns
            span, queries = "–".join(f"{cell.value:,}" for cell in row[1:3]), row[3].value
            first = [row[0], Cell(value=f"{span} words"), Cell(value=f"{queries:,} queries")]
        rows.append([*first, replace(value, low=low.value, high=high.value)])
    heads = [*("" for _ in rows[0][:-1]), data.headings[place - 1]] if rows else []
    return Table(data.id, data.caption, heads, rows)


def _add(by_key: dict[Key, dict[str, Interval]], table: Table, where: str, scope: str) -> None:
    """A score is known by data set, row and column; an amount by its system and exact value."""
    for number, row in enumerate(table.cells):
        words: list[str] = []
        for heading, cell in zip(table.headings, row, strict=True):
            if cell.interval is None and cell.value is not None:
                words.append(str(cell.value))
            for inner in (cell, *cell.below):
                if inner.interval is None:
                    continue
                if inner.unit:
                    system = heading.name if row[0].is_number else words[0]
                    scatter = heading.name if heading.name in OTHER_SCATTER else ""
                    key = frozenset([system, inner.unit, repr(inner.value), scatter])
                else:
                    parts = [scope.removeprefix("mean over "), *words, *heading.name.split(", ")]
                    key = frozenset(filter(None, parts))
                by_key.setdefault(key, {})[f"{where}, row {number}, {heading.name}"] = (
                    inner.interval
                )


def conflicts(page: Page) -> list[str]:
    """Quantities with two intervals that differ by more than rounding."""
    return [
        f"{sorted(key)}: {places}"
        for key, places in intervals(page).items()
        if not np.allclose(
            list(places.values()), next(iter(places.values())), rtol=1e-9, atol=1e-12
        )
    ]


def strangers(page: Page) -> tuple[int, list[str]]:
    """How many intervals stand in sentences and key figures, and which of them in no table."""
    texts = [*page.verdict, *page.findings]
    texts += [f"{figure.value} {figure.label} ({note})" for figure in page.key_figures
              if (note := figure.note.rpartition(", ")[2]).startswith("95 %")]  # fmt: skip
    in_tables = {
        (render(cell.value), render(cell.interval[0]).removesuffix(" %"), render(cell.interval[1]))
        for section in page.sections
        for table in section.tables
        for row in table.cells
        for cell in row
        if cell.interval is not None and isinstance(cell.value, float)
        for render in _renderings(cell)
    }
    stated = [match.group("value", "low", "high") for text in texts
              for match in SENTENCE.finditer(text)]  # fmt: skip
    return len(stated), [str(triple) for triple in stated if triple not in in_tables]


def _renderings(cell: Cell) -> list[Callable[[float], str]]:
    """How a cell's numbers may stand in a sentence."""
    roles: Mapping[str, Sequence[Role]] = {
        "percent": ("percent", "share"), "change": ("change", "score"), "score": ("score",),
    }  # fmt: skip
    return [partial(_render, role) for role in roles.get(cell.role, ())]


def _render(role: Role, value: float) -> str:
    return FORMATS[role](value, "")


@pytest.fixture(scope="module")
def pages() -> dict[str, Page]:
    """Every committed report."""
    built = {str(path.relative_to(REPORTS)): build_page(load_results(path)) for path in FILES}
    assert len(built) > 30
    return built


def test_a_quantity_has_one_interval_on_a_page(pages: Mapping[str, Page]) -> None:
    assert {name: faults for name, page in pages.items() if (faults := conflicts(page))} == {}
    repeated = [
        places for page in pages.values() for places in intervals(page).values() if len(places) > 1
    ]
    assert len(repeated) > 150
    assert max(map(len, repeated)) > 3


def test_an_interval_in_a_sentence_stands_in_a_table(pages: Mapping[str, Page]) -> None:
    stated = {name: strangers(page) for name, page in pages.items()}
    assert {name: triples for name, (_, triples) in stated.items() if triples} == {}
    assert sum(count for count, _ in stated.values()) > 100


def _scipy_estimate(row: Measurement) -> Estimate | None:
    """The mean with another bootstrap of the same queries."""
    from scipy import stats

    assert isinstance(row.samples, Mapping)
    scores = np.array(list(row.samples.values()))
    interval = stats.bootstrap(
        (scores,), np.mean, n_resamples=1999, batch=100, method="percentile", rng=0
    ).confidence_interval
    return Estimate(float(scores.mean()), float(interval.low), float(interval.high))


def test_a_second_way_to_an_interval_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    results = load_results(REPORTS / "quality-demo")
    assert not conflicts(build_page(results))
    monkeypatch.setattr(tables, "row_estimate", _scipy_estimate)
    assert conflicts(build_page(results))


def test_an_interval_that_only_a_sentence_has_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    results = load_results(REPORTS / "quality-demo")
    assert strangers(build_page(results)) == (6, [])
    monkeypatch.setattr(comparisons, "sentence_text", lambda _: "0.333 (0.123 to 0.456)")
    assert strangers(build_page(results))[1]
