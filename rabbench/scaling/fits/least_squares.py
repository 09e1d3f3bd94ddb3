"""Weighted least squares with the statistics of its coefficients.

Knows matrices only. statsmodels gives the same and takes a second and a half to import, which a
count from configurations alone need not spend; tests/scaling/test_least_squares.py holds the two
equal.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from rabbench.stats.intervals import Array, t_quantile


@dataclass(frozen=True, kw_only=True)
class Solution:
    """The solution of min Σ w·(y − X·β)² over n observations and p columns.

    ``beta`` (p,), ``covariance`` (p, p) of it under normal noise of variance ∝ 1/w, ``fitted``
    (n,), ``ssr`` the weighted residual sum of squares, ``dof`` n − p,
    ``log_likelihood`` its maximum.
    """

    beta: Array
    covariance: Array
    fitted: Array
    ssr: float
    dof: int
    log_likelihood: float

    @property
    def t(self) -> float:
        """The 97.5 % quantile of Student's t with ``dof`` degrees of freedom."""
        return t_quantile(self.dof)

    def intervals(self) -> Array:
        """β with its 95 % bounds, (p, 3)."""
        half = self.t * np.sqrt(np.diag(self.covariance))
        return np.column_stack([self.beta, self.beta - half, self.beta + half])

    def aicc(self) -> float:
        """Akaike's criterion for small samples, the variance counted as a parameter.

        Hurvich and Tsai, "Regression and time series model selection in small samples",
        Biometrika 76 (1989): −2·log L + 2k·n / (n − k − 1).
        """
        n, k = len(self.fitted), len(self.beta) + 1
        return -2 * self.log_likelihood + 2 * k * n / (n - k - 1)

    def f_test(self, lower: Solution) -> float:
        """The p value of the F test against a model of fewer columns, nested in this one."""
        from scipy.special import fdtrc

        more = lower.dof - self.dof
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.float64(lower.ssr - self.ssr) / more / (self.ssr / np.float64(self.dof))
        return float(fdtrc(more, self.dof, ratio))


def solve(X: Array, y: Array, weights: Array) -> Solution:
    """Solve for y (n,) on the columns of X (n, p), n > p, with weights (n,) above 0."""
    root = np.sqrt(weights)
    Q, R = np.linalg.qr(X * root[:, None])
    beta = np.linalg.solve(R, Q.T @ (y * root))
    fitted = X @ beta
    n, p = X.shape
    ssr = float(np.sum(weights * (y - fitted) ** 2))
    inverse = np.linalg.inv(R)
    with np.errstate(divide="ignore"):
        spread = math.log(2 * math.pi) + float(np.log(np.float64(ssr) / n)) + 1
    return Solution(
        beta=beta,
        covariance=inverse @ inverse.T * ssr / (n - p),
        fitted=fitted,
        ssr=ssr,
        dof=n - p,
        log_likelihood=float(np.sum(np.log(root))) - n / 2 * spread,
    )
