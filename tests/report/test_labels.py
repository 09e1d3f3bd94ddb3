"""The paper's figures as they were published."""

from __future__ import annotations

import pytest

from rabbench.report.labels import PAPER


def test_the_papers_student_answers_ten_times_as_fast() -> None:
    assert PAPER.factor == pytest.approx(10.3, abs=0.05)
    assert "2604.23336" in PAPER.source
