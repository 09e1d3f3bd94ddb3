"""Cells as plain text: one wording for each role, interval and mark."""

from __future__ import annotations

import pytest

from rabbench.report.page import Cell
from rabbench.report.render import cell_text


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (Cell(value=0.727, low=0.429, high=1.0, role="percent"), "72.7 % (42.9 to 100.0 %)"),
        (Cell(value=0.727, low=0.429, high=1.0, role="share"), "73 % (43 to 100 %)"),
        (Cell(value=3.0, low=0.91, high=float("inf"), role="percent"), "300.0 % (from 91.0 %)"),
        (Cell(value=0.529, low=0.463, high=0.592, role="score"), "0.529 (0.463–0.592)"),
        (Cell(value=0.025, low=-0.029, high=0.079, role="change"), "+0.025 (-0.029 to +0.079)"),
        (Cell(value="bm25", letter="a"), "(a) bm25"),
        (Cell(value=0.5, role="score", letters=("b", "c")), "0.500 b,c"),
    ],
)
def test_a_cell_reads_as_its_role_says(cell: Cell, text: str) -> None:
    assert cell_text(cell) == text
