"""The curves: the exact polynomial of a count, and the nested models of a noisy cost.

Counts without noise must be met exactly by a polynomial. Of a noisy cost (latency, memory) the
squares of the *relative* residuals are minimised (WLS, weights 1/fit², iterated) over each length's
median. What repetitions at one length have in common (a tile, a cache) does not average out, so
residuals between lengths carry the interval: Student's t with n − 3 degrees of freedom. Simulated,
it covers the true c in 95 % of the runs with such an effect and without; a bootstrap of the samples
covers 45 to 79 % with it and is reported as ``sampling`` only (tests/scaling/test_fits.py).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from rabbench.scaling.fits import model
from rabbench.scaling.fits.least_squares import Solution, solve
from rabbench.scaling.fits.model import EXACT, ORDERS, Fit, Model, Triple
from rabbench.stats.intervals import Array, Estimate, percentile_interval, resampled_medians


def _basis(fit: Fit) -> tuple[Array, float, Array]:
    """Columns 1, x, x² of x = L / largest L, that largest L, and the values."""
    top = float(fit.lengths[-1])
    x = np.asarray(fit.lengths, dtype=float) / top
    return np.stack([np.ones_like(x), x, x * x], axis=1), top, np.asarray(fit.values)


def exact_fit(fit: Fit) -> Fit | None:
    """The lowest polynomial that meets every value; None where none of order ≤ 2 does."""
    X, top, y = _basis(fit)
    scale = np.where(y == 0, 1.0, y)
    for degree in range(3):
        A = X[:, : degree + 1] / scale[:, None]
        beta = np.zeros(3)
        beta[: degree + 1] = np.linalg.lstsq(A, y / scale, rcond=None)[0]
        residual = float(np.max(np.abs((X @ beta - y) / scale)))
        if residual < EXACT and beta[degree] >= 0:
            break
    else:
        return None
    a, b, c = (float(value) for value in beta / (1.0, top, top**2))
    exponents = _exponents(fit.lengths, (a, b, c))
    fit = replace(
        fit,
        order=ORDERS[degree],
        exact=True,
        coefficients=(a, b, c),
        c=_exact(c),
        leading=_exact((a, b, c)[degree]),
        exponents=exponents,
        exponent=_exact(exponents[-1]),
        growth=_exact(fit.values[-1] / fit.values[0] if fit.values[0] else 1.0),
        crossover=_exact(b / c) if c > 0 else None,
        residual=residual,
    )
    remarks = {"constant": "the same at every length", "linear": "no quadratic term"}
    remark = remarks.get(fit.order) or f"the quadratic term is {model.cost_share(fit, c)}"
    return replace(fit, verdict=model.render_verdict(fit, remark), remark=remark)


def _exact(value: float) -> Estimate:
    return Estimate(value, value, value)


def _exponents(lengths: Sequence[int], beta: Triple) -> tuple[float, ...]:
    """The local exponent d log F / d log L = (b·L + 2c·L²) / F(L) at each length."""
    a, b, c = beta
    cost = {L: a + b * L + c * L * L for L in lengths}
    return tuple((b * L + 2 * c * L * L) / cost[L] if cost[L] else 0.0 for L in lengths)


def statistical_fit(fit: Fit, samples: list[Array]) -> Fit:
    """Relative least squares over the nested models, and the order the evidence carries."""
    X, top, y = _basis(fit)
    scale = np.array([1.0, top, top**2])
    fitted = y
    for _ in range(5):
        root = 1 / np.clip(fitted, y / 3, y * 3)
        fitted = X @ np.linalg.lstsq(X * root[:, None], y * root, rcond=None)[0]
    weights = root**2
    nested = [solve(X[:, : k + 1], y, weights) for k in range(3)]
    models = []
    for k, solution in enumerate(nested):
        rows = np.pad(solution.intervals() / scale[: k + 1, None], ((0, 2 - k), (0, 0)))
        models.append(
            Model(
                order=ORDERS[k],
                coefficients=tuple(Estimate(*map(float, row)) for row in rows),
                aicc=solution.aicc(),
                p=solution.f_test(nested[k - 1]) if k else None,
                residual=float(np.max(np.abs(solution.fitted / y - 1))),
            )
        )
    c = models[2].coefficients[2]
    fit = replace(fit, c=c, models=tuple(models))
    bent = model.has_bend(fit)
    upward = bent and c.value > 0
    full, slope = nested[2], np.array([0.0, 1.0, 2.0])
    fit = replace(
        fit,
        sampling=_sampling_interval(samples, X, weights, top),
        growth=_ratio(nested[1 + bent], X[-1], X[0]),
        exponent=_ratio(full, X[-1] * slope, X[-1]),
        crossover=_ratio(full, np.array([0, top, 0]), np.array([0, 0, 1])) if upward else None,
    )
    order, remark = model.choose_order(fit, bent)
    bends_down = order == "linear" and c.high < 0
    degree = 2 if bends_down or order == "not judged" else ORDERS.index(order)
    estimates = models[degree].coefficients
    beta = (estimates[0].value, estimates[1].value, estimates[2].value)
    fit = replace(
        fit,
        order=order,
        remark=remark,
        coefficients=beta,
        covariance=_covariance(nested[degree], scale),
        leading=None if bends_down else estimates[degree],
        exponents=_exponents(fit.lengths, beta),
        residual=models[degree].residual,
    )
    return replace(fit, verdict=model.render_verdict(fit, remark))


def _covariance(solution: Solution, scale: Array) -> tuple[Triple, Triple, Triple]:
    """The covariance of a + b·L + c·L² per token, times t²; zeros for what the model lacks."""
    n = len(solution.beta)
    V = solution.covariance / np.outer(scale[:n], scale[:n])
    V = np.pad(V * solution.t**2, (0, 3 - n))
    a, b, c = (tuple(map(float, row)) for row in V)
    return a, b, c  # type: ignore[return-value]


def _ratio(solution: Solution, over: Array, under: Array) -> Estimate:
    """The ratio of two linear forms of the coefficients, with its exact interval under normality.

    Fieller, "Some Problems in Interval Estimation", JRSS B 16 (1954): all r for which the t test
    keeps (over − r·under)·β = 0. Without bounds where the denominator may be 0.
    """
    n = len(solution.beta)
    u, v, beta = over[:n], under[:n], solution.beta
    V = solution.covariance * solution.t**2
    A = (v @ beta) ** 2 - v @ V @ v
    B = (u @ beta) * (v @ beta) - u @ V @ v
    C = (u @ beta) ** 2 - u @ V @ u
    value = float(u @ beta / (v @ beta))
    if A <= 0 or B * B < A * C:
        return Estimate(value)
    root = math.sqrt(B * B - A * C)
    return Estimate(value, float((B - root) / A), float((B + root) / A))


def _sampling_interval(
    samples: list[Array], X: Array, weights: Array, top: float
) -> Estimate | None:
    """The c with the interval that resampling the repetitions of each length gives."""
    if any(len(runs) < 2 for runs in samples):
        return None
    root = np.sqrt(weights)
    row = (np.linalg.pinv(X * root[:, None]) * root)[2] / top**2  # c = row · medians
    value = row @ [np.median(runs) for runs in samples]
    return percentile_interval(float(value), resampled_medians(samples) @ row)
