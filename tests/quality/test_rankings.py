"""Means over data sets."""

from __future__ import annotations

import numpy as np
import pytest

from rabbench.quality.rankings import means_over_datasets
from rabbench.report.quality.tables import rank_systems
from tests.report.quality.rankings import COST, quality_row


def test_the_interval_of_a_mean_draws_each_data_set_by_itself() -> None:
    rng = np.random.default_rng(0)
    rows = [
        quality_row("bm25", name, list(rng.normal(size=200)), **COST["bm25"]) for name in "abcd"
    ]
    (mean,) = means_over_datasets(rank_systems(rows), [])
    estimate = mean.estimate("bm25")
    error = np.sqrt(sum(np.var(list(row.samples.values())) / 200 for row in rows)) / 4  # type: ignore[union-attr]
    assert (estimate.high - estimate.low) / 2 == pytest.approx(1.96 * error, rel=0.08)
