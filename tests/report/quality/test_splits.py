"""Quality query by query, and by document length."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rabbench.report.render import cell_text
from tests.report.pages import section
from tests.report.quality.rankings import (
    MEANS,
    QUERIES,
    four_systems,
    only_table,
    quality_row,
    report_page,
    values,
)


def test_query_by_query_the_largest_wins_and_losses_come_first() -> None:
    scores = {"rabtriever": [0.9, 0.5, 0.1, 0.4], "teacher": [0.2, 0.5, 0.8, 0.3]}
    rows = [
        *(quality_row(name, "d", values, trained=True) for name, values in scores.items()),
        quality_row("bm25", "d", [1.0, 1.0, 1.0, 0.95]),
    ]
    words = {"q0": 10, "q1": 20, "q2": 1234, "q3": 40}
    queries = section(
        report_page(rows, [{"name": "d", "relevant_words": words}], draw=True), "queries"
    )
    wins, losses, every = queries.tables
    # Against its teacher, though another system is the best.
    assert wins.caption == "d: largest wins of rabtriever over teacher"
    assert [heading.name for heading in wins.headings][:5] == [
        "query", "difference", "rabtriever", "teacher", "bm25",
    ]  # fmt: skip
    assert [line[0] for line in values(wins)] == ["q0", "q3"]
    assert [line[1] for line in values(wins)] == pytest.approx([0.7, 0.1])
    assert [line[2:4] for line in values(wins)] == [[0.9, 0.2], [0.4, 0.3]]
    assert [cell_text(cell) for cell in losses.cells[0][:2]] == ["q2", "-0.700"]
    assert losses.cells[0][-1].value == 1234
    assert [line[0] for line in values(every)] == ["q0", "q3", "q1", "q2"]
    assert every.folded
    (figure,) = queries.figures
    assert "Of 4 queries rabtriever is better on 2, teacher on 1; 1 are tied." in figure.alt
    assert figure.data is not None
    assert figure.data.rows[-1][0] == "q2"


def test_query_by_query_an_untrained_student_is_not_asked() -> None:
    rows = four_systems()
    rows[3] = rows[3].with_changes(params={"trained": False})
    captions = [table.caption for table in section(report_page(rows), "queries").tables]
    assert captions[0] == "esconv: largest wins of teacher over dense"
    many = [quality_row(name, "d", [i / 600 for i in range(600)]) for name in ("bm25", "dense")]
    assert not section(report_page(many), "queries").tables  # no difference, and too many to list


def test_quality_is_split_by_the_length_of_what_is_relevant() -> None:
    scores = [1.0] * 20 + [0.25] * 20
    rows = [quality_row("teacher", "d", scores), quality_row("bm25", "d", scores[::-1])]
    words = {f"q{i}": 100 if i < 20 else 700 for i in range(40)}
    report = report_page(rows, [{"name": "d", "relevant_words": words}], draw=True)
    table = only_table(report, "lengths")
    (figure,) = section(report, "lengths").figures
    assert "100 to 100, 700 to 700. teacher 1.000, 0.250; bm25 0.250, 1.000." in figure.alt
    assert figure.svg.startswith("<svg")
    assert "100–100" in figure.svg
    assert [heading.name for heading in table.headings] == [
        "system", "100–100 words, 20 queries", "700–700 words, 20 queries",
    ]  # fmt: skip
    assert values(table)[0] == ["teacher", 1.0, 0.25]


def test_a_figure_of_many_systems_shows_some_and_says_so() -> None:
    rows = [*four_systems(), *(replace(four_systems()[1], system=f"other-{i}") for i in range(4))]
    words = {f"q{i}": 100 if i < 20 else 700 for i in range(40)}
    report = report_page(rows, [{"name": "esconv", "relevant_words": words}], draw=True)
    (figure,) = section(report, "lengths").figures
    assert figure.title == "mrr by document length: esconv (5 of 8 systems)"
    for system in (*MEANS, "other-0"):
        assert f"{system} 0." in figure.alt
    assert "other-1" not in figure.alt
    assert len(only_table(report, "lengths").rows) == 8


def test_ndcg_is_split_where_there_is_one() -> None:
    rows = [
        quality_row("bm25", "d", [0.5] * 40),
        quality_row("bm25", "d", [0.7] * 40, measure="ndcg@10"),
    ]
    words = {f"q{i}": 4 ** (i % 2 + 2) for i in range(40)}
    table = only_table(report_page(rows, [{"name": "d", "relevant_words": words}]), "lengths")
    assert "ndcg@10" in table.caption
    assert table.cells[0][1].value == pytest.approx(0.7)


def test_too_like_lengths_are_said_not_split() -> None:
    words = {f"q{i}": 14 + i % 2 for i in range(QUERIES)}
    lengths = section(
        report_page(four_systems(), [{"name": "esconv", "relevant_words": words}]), "lengths"
    )
    assert not lengths.tables
    assert lengths.text[1].startswith("The relevant documents of esconv have 14 to 15 words")
    unknown = report_page(four_systems(), [{"name": "esconv", "relevant_words": {"other": 3}}])
    assert "lengths" not in {section.id for section in unknown.sections}
