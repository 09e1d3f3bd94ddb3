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
    solutions = [solve(X[:, :p], y, weights) for p in (1, 2, 3)]
    references = [WLS(y, X[:, :p], weights=weights).fit() for p in (1, 2, 3)]
    for solution, reference in zip(solutions, references, strict=True):
        assert solution.beta == pytest.approx(reference.params, rel=1e-6, abs=1e-9)
        assert solution.covariance == pytest.approx(reference.cov_params(), rel=1e-5, abs=1e-12)
        assert solution.fitted == pytest.approx(reference.fittedvalues, rel=1e-6, abs=1e-9)
        bounds = np.column_stack([reference.params, reference.conf_int()])
        assert solution.intervals() == pytest.approx(bounds, rel=1e-5, abs=1e-8)
        assert solution.log_likelihood == pytest.approx(reference.llf, rel=1e-7)
        assert solution.aicc() == pytest.approx(
            aicc(reference.llf, n, len(reference.params) + 1), rel=1e-7
        )
    for k in (1, 2):
        p = references[k].compare_f_test(references[k - 1])[1]
        assert solutions[k].f_test(solutions[k - 1]) == pytest.approx(p, rel=1e-5, abs=1e-15)


def test_a_perfect_fit_has_no_doubt_left() -> None:
    x = np.arange(1.0, 8.0)
    X = np.stack([np.ones(7), x], axis=1)
    flat, line = (solve(X[:, :p], 3 * x, np.ones(7)) for p in (1, 2))
    assert line.beta == pytest.approx([0, 3], abs=1e-9)
    assert line.f_test(flat) < 1e-30
    assert line.aicc() < flat.aicc()
