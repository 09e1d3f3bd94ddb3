"""Retention: shares of a teacher's mean, with their intervals."""

from __future__ import annotations

import math

from rabbench.quality.retention import retentions
from rabbench.report.quality.tables import rank_systems
from tests.report.quality.rankings import quality_row


def test_a_mean_over_nothing_keeps_no_share() -> None:
    rows = [quality_row("teacher", "d", [0.0] * 9), quality_row("rabtriever", "d", [0.5] * 9)]
    assert retentions(rank_systems(rows)) == []
    few = [
        quality_row("teacher", "d", [1.0] + [0.0] * 5),
        quality_row("rabtriever", "d", [0.5] * 6),
    ]
    (share,) = retentions(rank_systems(few))
    assert share.share.high == math.inf
