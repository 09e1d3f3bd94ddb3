"""Tables of means, ties and truncation; the mean over data sets."""

from __future__ import annotations

import numpy as np
import pytest

from rabbench.quality.rankings import means_over_datasets
from rabbench.quality.significance import compare_systems
from rabbench.report.quality.tables import rank_systems
from tests.report.quality.rankings import (
    column,
    four_systems,
    only_table,
    report_page,
    values,
)

PARTS = [f"cqadupstack/{name}" for name in ("android", "english", "gis")]


def test_parts_counted_as_one_are_one_in_the_mean() -> None:
    rows = [row for i, name in enumerate([*PARTS, "scifact"]) for row in four_systems(name, seed=i)]
    cards = [{"name": name, "counted_as": "cqadupstack"} for name in PARTS]
    report = report_page(rows, [*cards, {"name": "scifact"}])
    table = only_table(report, "means")
    value = {(row.system, row.params["dataset"]): row.value for row in rows}
    expected = (
        np.mean([value["teacher", name] for name in PARTS]) + value["teacher", "scifact"]
    ) / 2
    assert table.cells[0][0].value == "teacher"
    assert column(table, "mrr, 2 data sets")[0].value == pytest.approx(expected)
    (mean,) = means_over_datasets(rank_systems(rows), [*cards, {"name": "scifact"}])
    assert mean.average([1.0] * len(PARTS) + [2.0]) == pytest.approx(1.5)
    # Only the parts: one data set, and no mean over several.
    assert means_over_datasets(rank_systems(rows[:12]), cards) == []


def test_a_system_that_lacks_a_data_set_is_not_averaged() -> None:
    rows = [*four_systems("a"), *four_systems("b", seed=1)[1:]]
    table = only_table(report_page(rows), "means")
    assert [line[0] for line in values(table)] == ["teacher", "rabtriever", "dense"]


def test_what_is_known_of_each_query_stays_out_of_the_cards_table() -> None:
    card = {"name": "esconv", "relevant_words": {"q0": 7}, "sampled": {"query_ids": ["q0"]}}
    table = only_table(report_page(four_systems(), [card]), "suites")
    assert "relevant" not in str(table)
    assert "q0" not in str(table)


def test_shares_of_what_was_cut() -> None:
    read = {"documents_read": 200, "documents_cut": 50, "tokens_cut": 3000, "tokens_read": 57_000}
    rows = four_systems()
    rows[2] = rows[2].with_changes(params=read)
    rows[3] = rows[3].with_changes(params={**read, "documents_cut": 0, "tokens_cut": 0})
    assert values(only_table(report_page(rows), "truncation")) == [
        ["esconv", "teacher", 200, 0.25, 285, 0.05],
        ["esconv", "rabtriever", 200, 0, 285, 0],
    ]


def test_many_ties_are_warned_of_with_their_range() -> None:
    tied = {
        "tied_queries": 0.6,
        "worst_under_ties": 0.21,
        "best_under_ties": 0.55,
        "expected_under_ties": 0.39,
    }
    rows = four_systems()
    value = rows[0].value
    rows[0] = rows[0].with_changes(params=tied)
    report = report_page(rows)
    assert values(only_table(report, "ties")) == [
        ["esconv", "bm25", "mrr", 0.6, value, 0.39, 0.21, 0.55]
    ]
    means = only_table(report, "quality")
    (expected,) = filter(None, (c.value for c in column(means, "mrr, mean over tie orders")))
    assert expected == 0.39
    assert any(
        "anything from 0.210 to 0.550 by other orders" in warning for warning in report.warnings
    )
    rows[0] = rows[0].with_changes(params={"tied_queries": 0.05})
    assert not [warning for warning in report_page(rows).warnings if "by other orders" in warning]
    assert len(only_table(report_page(rows), "ties").rows) == 1
    assert "ties" not in {section.id for section in report_page(four_systems()).sections}


def test_marks_of_a_mean_are_those_of_the_tests() -> None:
    rows = four_systems()
    table = only_table(report_page(rows), "quality")
    letters = {cells[0].value: cells[0].letter for cells in table.cells}
    assert list(letters.items()) == [
        ("teacher", "a"), ("rabtriever", "b"), ("dense", "c"), ("bm25", "d"),
    ]  # fmt: skip
    means = dict(zip(letters, column(table, "mrr"), strict=True))
    assert [name for name, cell in means.items() if cell.best] == ["teacher"]
    pairs = compare_systems({row.system: row.samples for row in rows})  # type: ignore[misc]
    assert {(pair.first, letters[pair.second]) for pair in pairs if pair.significant} == {
        (name, letter) for name, cell in means.items() for letter in cell.letters
    }
    assert means["teacher"].letters == ["c", "d"]
    alone = only_table(report_page(rows[:1]), "quality")
    assert [(cell.letter, cell.letters, cell.best) for cell in alone.cells[0]] == [
        ("", (), False), ("", [], False), ("", (), False), ("", (), False),
    ]  # fmt: skip
    assert "significantly" in table.caption
    assert "significantly" not in alone.caption
