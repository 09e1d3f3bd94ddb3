"""The whole page of an evaluation."""

from __future__ import annotations

import pytest

from rabbench.report.build import build_page
from rabbench.report.plots import SLOTS, color, marker
from rabbench.report.render import html
from rabbench.types import Results
from tests.report.quality.rankings import (
    four_systems,
)


def test_series_of_one_colour_have_marks_of_their_own() -> None:
    styles = [(color(slot), marker(slot)) for slot in range(2 * SLOTS)]
    assert len(set(styles)) == len(styles)


@pytest.mark.e2e
def test_the_whole_page_is_the_same_every_time() -> None:
    rows = [*four_systems("a"), *four_systems("b", seed=1)]
    results = Results(command="quality", config={}, environment={}, rows=rows)
    assert html.render_html(build_page(results)) == html.render_html(build_page(results))
