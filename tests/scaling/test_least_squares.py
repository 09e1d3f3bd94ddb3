"""Least squares against statsmodels, on drawn problems."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.regression.linear_model import WLS
from statsmodels.tools.eval_measures import aicc

from rabbench.scaling.fits.least_squares import solve


@settings(deadline=None, max_examples=100)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(6, 15), spread=st.floats(1e-4, 2.0))
def test_everything_agrees_with_statsmodels(seed: int, n: int, spread: float) -> None:
    rng = np.random.default_rng(seed)
    x = np.sort(rng.uniform(0.001, 1, size=n))
    X = np.stack([np.ones(n), x, x * x], axis=1)
    y = 1e-3 + 5 * x + 3 * x * x + spread * rng.normal(size=n)
    weights = 1 / rng.uniform(0.01, 3, size=n) ** 2
    mine = [solve(X[:, :p], y, weights) for p in (1, 2, 3)]
    theirs = [WLS(y, X[:, :p], weights=weights).fit() for p in (1, 2, 3)]
    for one, other in zip(mine, theirs, strict=True):
        assert one.beta == pytest.approx(other.params, rel=1e-6, abs=1e-9)
        assert one.covariance == pytest.approx(other.cov_params(), rel=1e-5, abs=1e-12)
        assert one.fitted == pytest.approx(other.fittedvalues, rel=1e-6, abs=1e-9)
        bounds = np.column_stack([other.params, other.conf_int()])
        assert one.intervals() == pytest.approx(bounds, rel=1e-5, abs=1e-8)
        assert one.log_likelihood == pytest.approx(other.llf, rel=1e-7)
        assert one.aicc() == pytest.approx(aicc(other.llf, n, len(other.params) + 1), rel=1e-7)
    for k in (1, 2):
        p = theirs[k].compare_f_test(theirs[k - 1])[1]
        assert mine[k].f_test(mine[k - 1]) == pytest.approx(p, rel=1e-5, abs=1e-15)


def test_a_perfect_fit_has_no_doubt_left() -> None:
    x = np.arange(1.0, 8.0)
    X = np.stack([np.ones(7), x], axis=1)
    flat, line = (solve(X[:, :p], 3 * x, np.ones(7)) for p in (1, 2))
    assert line.beta == pytest.approx([0, 3], abs=1e-9)
    assert line.f_test(flat) < 1e-30
    assert line.aicc() < flat.aicc()
