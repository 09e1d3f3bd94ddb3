"""The cost part of a page: its figures, and limits beside them."""

from __future__ import annotations

import re

from rabbench.report.cost import merge_series
from rabbench.report.page import Page
from rabbench.report.plots.curves import Series
from tests.report.pages import figure, table, texts


def test_sweeps_that_cost_the_same_share_a_line() -> None:
    series = [
        Series(label=label, slot=0, points=points, crossover=9.0)
        for label, points in (
            ("teacher · eager", {1: 1.0}),
            ("teacher · sdpa", {1: 1.0}),
            ("teacher · sdpa · untrained", {1: 2.0}),
        )
    ]
    first, second = merge_series(series)
    assert (first.label, first.hollow) == ("teacher · eager, sdpa", False)
    assert (second.label, second.hollow) == ("teacher · sdpa · untrained", True)


def test_attention_is_named_in_figures_and_failures_are_marked(full: Page) -> None:
    memory = figure(full, "fig-working_memory-score").svg
    words = set(re.findall(r"<text[^>]*>([^<]*)<", memory))
    assert {"eager", "sdpa", "out of memory", "longest 3,012", "L* 388"} <= words
    (warning,) = [warning for warning in full.warnings if "oom" in warning]
    assert warning == (
        "teacher · eager, score, Time, Peak memory, Working memory: 1 point not measured (oom): "
        "the child ended with -9"
    )
    assert texts(table(full, "limits")) == [["teacher · eager", "score", "3,012", "3,290"]]
    assert not any(section.id == "cost-longest_feasible" for section in full.sections)
