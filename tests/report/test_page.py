"""A page’s model refuses what would mislead."""

from __future__ import annotations

import pytest

from rabbench.report.page import Column, Table


def test_a_table_refuses_a_row_of_another_width() -> None:
    with pytest.raises(ValueError, match="table t: 1 cells under 2 headings"):
        Table("t", "caption", ("a", "b"), [("only",)])


def test_a_table_of_records_has_their_names_as_columns() -> None:
    share = Column("share", "share")
    table = Table.from_records("t", "caption", [{"a": "x", share: 0.5}, {"a": "y", share: None}])
    assert table.headings == [Column("a"), share]
    assert [[cell.value for cell in row] for row in table.cells] == [["x", 0.5], ["y", None]]
    with pytest.raises(ValueError, match="1 cells under 2 headings"):
        Table.from_records("t", "caption", [{"a": "x", share: 0.5}, {"a": "y"}])
    assert Table.from_records("t", "caption", []).rows == []
