"""A page’s model refuses what would mislead."""

from __future__ import annotations

import pytest

from rabbench.report.page import Table


def test_a_table_refuses_a_row_of_another_width() -> None:
    with pytest.raises(ValueError, match="table t: 1 cells under 2 headings"):
        Table("t", "caption", ("a", "b"), [("only",)])
