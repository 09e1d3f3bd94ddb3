"""How a cost grows with document length: fits of a + b·L + c·L² and verdicts in words.

Knows measurement rows and statistics; runs nothing, knows no system. It refuses a verdict that the
data cannot carry, and says what would.

Counts without noise must be met exactly by a polynomial. A noisy cost (latency, memory) has
multiplicative noise: the squares of its *relative* residuals are minimised (WLS, weights 1/fit²,
iterated) over one observation per length, the median. What the repetitions at one length have in
common (a kernel's tile, a cache) does not average out over repetitions, so the residuals between
lengths carry the interval: Student's t with n − 3 degrees of freedom. Simulated, it covers the true
c in 95 % of the runs with such an effect and without; a bootstrap of the raw samples covers 45 to
79 % with it and is kept beside it as ``sampling`` only (tests/test_complexity.py).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from itertools import groupby
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from rabbench.records import PHASES, Measurement

Order = Literal["constant", "linear", "quadratic", "not judged"]
ORDERS: tuple[Order, ...] = ("constant", "linear", "quadratic")
Array = NDArray[np.float64]
Triple = tuple[float, float, float]

KEYS = ("model", "attention", "dtype", "device", "pairs", "query_len", "n_docs", "k", "trained")
"""The params that tell two sweeps of one system apart."""

NOISE_FREE = ("flops", "index_size")
RESOLUTION = 1 << 20  # bytes: allocators and page counts differ that much from run to run
MIN_LENGTHS, MIN_RANGE, EXACT_LENGTHS = 6, 10.0, 4
EXACT = 1e-9  # largest relative residual of an exact polynomial
ALPHA, SURE = 0.05, 0.01  # below SURE an F test stands where AICc, severe at small n, objects
FLAT, FLATTISH = 0.05, 0.1  # average exponent: constant anyway; constant if no growth is seen
HOPELESS = 5.0  # a factor of growth that noise cannot exclude: beyond it no number is worth saying
MATTERS = 0.25  # share of the cost at the largest length in which a quadratic term may hide
MISFIT = 0.25  # largest relative residual of a fit that a verdict may rest on
RESAMPLES = 999


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval; equal bounds mean exact, infinite ones unknown."""

    value: float
    low: float = -math.inf
    high: float = math.inf


UNKNOWN = Estimate(math.nan)


@dataclass(frozen=True, kw_only=True)
class Model:
    """One of the nested models; ``p`` is the F test against the next lower one."""

    order: Order
    coefficients: tuple[Estimate, ...]
    aicc: float
    p: float | None
    residual: float


@dataclass(frozen=True, kw_only=True)
class Fit:
    """The growth of one cost of one phase of one system.

    ``a``, ``b``, ``c`` belong to the full model a + b·L + c·L² whatever order was chosen,
    ``coefficients`` and ``leading`` (the highest one, with interval) to the chosen one.
    ``exponents`` is d log F / d log L at each length, ``exponent`` that at the largest by the full
    model, ``crossover`` L* = b/c, ``growth`` F(largest)/F(smallest) as fitted, ``residual`` the
    largest relative one, ``sampling`` c by bootstrap. ``failed``: lengths without a value.
    ``remark`` is the verdict without order and coefficient. ``reads_at_most``: tokens of a document
    that a truncating system reads; longer documents are left out.
    """

    system: str
    phase: str
    measure: str
    unit: str
    key: Mapping[str, Any]
    lengths: tuple[int, ...]
    values: tuple[float, ...]
    order: Order = "not judged"
    verdict: str = ""
    remark: str = ""
    exact: bool = False
    coefficients: Triple | None = None
    a: Estimate | None = None
    b: Estimate | None = None
    c: Estimate | None = None
    leading: Estimate | None = None
    sampling: Estimate | None = None
    models: tuple[Model, ...] = ()
    exponents: tuple[float, ...] = ()
    exponent: Estimate | None = None
    crossover: Estimate | None = None
    growth: Estimate | None = None
    residual: float | None = None
    failed: tuple[tuple[int, str], ...] = ()
    reads_at_most: int | None = None

    @property
    def n_points(self) -> int:
        """How many lengths the fit rests on."""
        return len(set(self.lengths))

    def predict(self, length: float) -> float:
        """The cost at a length by ``coefficients``; NaN without them."""
        a, b, c = self.coefficients or (math.nan,) * 3
        return a + b * length + c * length**2


def key(row: Measurement) -> dict[str, Any]:
    """The params of a row that tell its sweep from another of the same system."""
    return {name: row.params[name] for name in KEYS if name in row.params}


def fits(rows: Iterable[Measurement]) -> list[Fit]:
    """Fit every cost over document length: one ``Fit`` per system, phase, measure and key."""

    def group(row: Measurement) -> tuple[str, ...]:
        phase = str([*PHASES].index(row.phase))  # type: ignore[arg-type]
        return (row.measure, phase, row.system, *(str(row.params.get(name)) for name in KEYS))

    costs = [row for row in rows if row.phase in PHASES and "doc_len" in row.params]
    return [fit(list(of_one)) for _, of_one in groupby(sorted(costs, key=group), key=group)]


def fit(rows: Sequence[Measurement]) -> Fit:
    """Fit the rows of one group: one system, phase, measure and key."""
    rows = sorted(rows, key=lambda row: int(row.params["doc_len"]))
    first = rows[0]
    cut = [row for row in rows if row.phase != "query" and _read(row) < row.params["doc_len"]]
    good = [row for row in rows if row.value is not None and row not in cut]
    known = Fit(
        system=first.system,
        phase=first.phase,
        measure=first.measure,
        unit=first.unit,
        key=key(first),
        lengths=tuple(int(row.params["doc_len"]) for row in good),
        values=tuple(float(row.value) for row in good if row.value is not None),
        failed=tuple((int(r.params["doc_len"]), r.status) for r in rows if r.value is None),
        reads_at_most=max((_read(row) for row in cut), default=None),
    )
    found = _judge(known, [_samples(row) for row in good])
    notes = []
    if found.reads_at_most is not None:
        notes.append(
            f"reads at most {found.reads_at_most:,} tokens of a document: beyond that its cost is "
            "constant because text is dropped"
        )
    if found.failed and good:
        statuses = "/".join(sorted({status for _, status in found.failed}))
        lengths = sorted(length for length, _ in found.failed)
        where = f"{lengths[0]:,}" if len(lengths) == 1 else f"{lengths[0]:,} to {lengths[-1]:,}"
        notes.append(f"nothing measured at {where} tokens ({statuses})")
    verdict = "; ".join([found.verdict, *notes])
    return replace(found, verdict=verdict, remark="; ".join(filter(None, [found.remark, *notes])))


def _read(row: Measurement) -> int:
    return int(row.params.get("tokens_read") or row.params["doc_len"])


def _samples(row: Measurement) -> Array:
    """The raw samples of a row, scaled so that their median is its value."""
    samples = np.asarray(() if isinstance(row.samples, Mapping) else row.samples, dtype=float)
    middle = float(np.median(samples)) if samples.size else 0.0
    return samples * ((row.value or 0.0) / middle) if middle > 0 else np.array([row.value or 0.0])


def _judge(known: Fit, samples: list[Array]) -> Fit:
    """The exact polynomial where there is one, otherwise a refusal or the statistical fit."""
    refusal = _refusal(known)
    counted = known.measure in NOISE_FREE and known.n_points >= EXACT_LENGTHS
    if (counted or refusal is None) and (exact := _exact(known)) is not None:
        return exact
    memory = known.unit == "B" and known.measure not in NOISE_FREE
    if refusal is None and memory and np.ptp(known.values) <= RESOLUTION:
        return _unresolved(known)
    if refusal is None and min(known.values) <= 0:
        refusal = "a value is 0 or less"
    return _refused(known, refusal) if refusal else _statistical(known, samples)


def _unresolved(known: Fit) -> Fit:
    """Constant: no length can be told from another."""
    middle = float(np.median(known.values))
    remark = f"all lengths lie within {RESOLUTION >> 20} MiB, closer than memory can be measured"
    return replace(
        known,
        order="constant",
        verdict=f"constant: {remark}",
        remark=remark,
        coefficients=(middle, 0.0, 0.0),
        leading=Estimate(middle),
        exponents=(0.0,) * len(known.lengths),
        exponent=Estimate(0.0),
    )


def _refused(known: Fit, why: str) -> Fit:
    return replace(known, verdict=f"not judged: {why}", remark=why)


def _refusal(known: Fit) -> str | None:
    """Why these lengths cannot carry a verdict on a noisy cost, and what could."""
    if not known.lengths:
        statuses = "/".join(sorted({status for _, status in known.failed}))
        return f"nothing was measured ({statuses})"
    n, low, high = known.n_points, known.lengths[0], known.lengths[-1]
    need = EXACT_LENGTHS if known.measure in NOISE_FREE else MIN_LENGTHS
    if n < need:
        lengths = "1 length" if n == 1 else f"{n} lengths"
        remedy = "" if known.reads_at_most is not None else f" (--points {need})"
        return f"{lengths}, at least {need} are needed{remedy}"
    if high < MIN_RANGE * low:
        return (
            f"{low:,} to {high:,} tokens is less than one decade of lengths; needs "
            f"--max-doc-len ≥ {math.ceil(MIN_RANGE * low):,}"
        )
    return None


def _basis(known: Fit) -> tuple[Array, float, Array]:
    """Columns 1, x, x² of x = L / largest L, that largest L, and the values."""
    top = float(known.lengths[-1])
    x = np.asarray(known.lengths, dtype=float) / top
    return np.stack([np.ones_like(x), x, x * x], axis=1), top, np.asarray(known.values)


def _exact(known: Fit) -> Fit | None:
    """The lowest polynomial that meets every value; None where none of order ≤ 2 does."""
    X, top, y = _basis(known)
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
    exponents = _exponents(known.lengths, (a, b, c))
    found = replace(
        known,
        order=ORDERS[degree],
        exact=True,
        coefficients=(a, b, c),
        a=_point(a),
        b=_point(b),
        c=_point(c),
        leading=_point((a, b, c)[degree]),
        exponents=exponents,
        exponent=_point(exponents[-1]),
        growth=_point(known.values[-1] / known.values[0] if known.values[0] else 1.0),
        crossover=_point(b / c) if c > 0 else None,
        residual=residual,
    )
    words = {"constant": "the same at every length", "linear": "no quadratic term"}
    remark = words.get(found.order) or f"the quadratic term is {_part(found, c)}"
    return replace(found, verdict=_said(found, remark), remark=remark)


def _point(value: float) -> Estimate:
    return Estimate(value, value, value)


def _exponents(lengths: Sequence[int], beta: Triple) -> tuple[float, ...]:
    """The local exponent d log F / d log L = (b·L + 2c·L²) / F(L) at each length."""
    a, b, c = beta
    cost = {L: a + b * L + c * L * L for L in lengths}
    return tuple((b * L + 2 * c * L * L) / cost[L] if cost[L] else 0.0 for L in lengths)


def _statistical(known: Fit, samples: list[Array]) -> Fit:
    """Relative least squares over the nested models, and the order the evidence carries."""
    from statsmodels.regression.linear_model import WLS
    from statsmodels.tools.eval_measures import aicc

    X, top, y = _basis(known)
    scale = np.array([1.0, top, top**2])
    fitted = y
    for _ in range(5):
        root = 1 / np.clip(fitted, y / 3, y * 3)
        fitted = X @ np.linalg.lstsq(X * root[:, None], y * root, rcond=None)[0]
    weights = root**2
    nested = [WLS(y, X[:, : k + 1], weights=weights).fit() for k in range(3)]
    models = []
    for k, result in enumerate(nested):
        table = np.column_stack([result.params, result.conf_int()]) / scale[: k + 1, None]
        rows = np.pad(table, ((0, 2 - k), (0, 0)))
        models.append(
            Model(
                order=ORDERS[k],
                coefficients=tuple(Estimate(*map(float, row)) for row in rows),
                aicc=float(aicc(result.llf, len(y), k + 2)),
                p=float(result.compare_f_test(nested[k - 1])[1]) if k else None,
                residual=float(np.max(np.abs(result.fittedvalues / y - 1))),
            )
        )
    a, b, c = models[2].coefficients
    bent = _passes(models, 2)
    upward = bent and c.value > 0
    full, slope = nested[2], np.array([0.0, 1.0, 2.0])
    found = replace(
        known,
        a=a,
        b=b,
        c=c,
        models=tuple(models),
        sampling=_bootstrap(samples, X, weights, top),
        growth=_ratio(nested[1 + bent], X[-1], X[0]),
        exponent=_ratio(full, X[-1] * slope, X[-1]),
        crossover=_ratio(full, np.array([0, top, 0]), np.array([0, 0, 1])) if upward else None,
    )
    order, remark = _decide(found, bent)
    bends_down = order == "linear" and c.high < 0
    degree = 2 if bends_down or order == "not judged" else ORDERS.index(order)
    chosen = models[degree].coefficients
    beta = (chosen[0].value, chosen[1].value, chosen[2].value)
    found = replace(
        found,
        order=order,
        remark=remark,
        coefficients=beta,
        leading=None if bends_down else chosen[degree],
        exponents=_exponents(known.lengths, beta),
        residual=models[degree].residual,
    )
    return replace(found, verdict=_said(found, remark))


def _passes(models: Sequence[Model], k: int) -> bool:
    """Whether the evidence carries order k over k - 1: the F test, and AICc unless p < SURE."""
    p = models[k].p
    return p is not None and p < ALPHA and (p < SURE or models[k].aicc < models[k - 1].aicc)


def _ratio(result: Any, over: Array, under: Array) -> Estimate:
    """The ratio of two linear forms of the coefficients, with its exact interval under normality.

    Fieller, "Some Problems in Interval Estimation", JRSS B 16 (1954): all r for which the t test
    keeps (over − r·under)·β = 0. Without bounds where the denominator may be 0.
    """
    from scipy.stats import t

    n = len(result.params)
    u, v, beta = over[:n], under[:n], np.asarray(result.params)
    V = np.asarray(result.cov_params()) * float(t.ppf(0.975, result.df_resid)) ** 2
    A = (v @ beta) ** 2 - v @ V @ v
    B = (u @ beta) * (v @ beta) - u @ V @ v
    C = (u @ beta) ** 2 - u @ V @ u
    value = float(u @ beta / (v @ beta))
    if A <= 0 or B * B < A * C:
        return Estimate(value)
    root = math.sqrt(B * B - A * C)
    return Estimate(value, float((B - root) / A), float((B + root) / A))


def _bootstrap(samples: list[Array], X: Array, weights: Array, top: float) -> Estimate | None:
    """The interval of c that resampling the repetitions of each length gives."""
    from scipy import stats

    if any(len(sample) < 2 for sample in samples):
        return None
    root = np.sqrt(weights)
    row = (np.linalg.pinv(X * root[:, None]) * root)[2] / top**2  # c = row · medians

    def c_of(*drawn: Array, axis: int = -1) -> Any:
        return sum(r * np.median(one, axis=axis) for r, one in zip(row, drawn, strict=True))

    rng = np.random.default_rng(0)
    options: Any = {"n_resamples": RESAMPLES, "method": "percentile", "random_state": rng}
    found = stats.bootstrap(samples, c_of, **options).confidence_interval
    return Estimate(float(c_of(*samples)), float(found.low), float(found.high))


def _decide(found: Fit, bent: bool) -> tuple[Order, str]:
    """The order and why, by the constants at the top of this file."""
    low, high = found.lengths[0], found.lengths[-1]
    growth, c, b = found.growth or UNKNOWN, found.c or UNKNOWN, found.models[1].coefficients[1]
    grows = _passes(found.models, 1)
    worst = max(abs(math.log(max(bound, 1e-9))) for bound in (growth.low, min(growth.high, 1e9)))
    flatness = worst / math.log(high / low)  # bound on the average exponent
    change = f"{_percent(math.expm1(worst))} over a {high / low:.3g}-fold range of lengths"
    hidden = _part(found, c.high)
    misfit = found.models[2 if bent else 1].residual
    if flatness < FLAT or (not bent and not grows and flatness < FLATTISH):
        return "constant", f"changes by less than {change} ({low:,} to {high:,} tokens)"
    if not bent and not grows:
        words = f"no growth is certain, but {change} cannot be excluded"
        if worst > math.log(HOPELESS):
            words = "the values scatter too much to say how they grow"
        return "not judged", f"{words}; more repetitions or longer documents would decide"
    if misfit > MISFIT:
        words = f"no a + b·L + c·L² fits: it misses a value by {_percent(misfit)}"
        return "not judged", f"{words}; see the values by length"
    if bent and c.value > 0:
        return "quadratic", f"the quadratic term is {_part(found, c.value)}"
    if c.high < 0:
        return "linear", "at most linear: it bends downward (c < 0), sub-quadratic or saturating"
    if _share(found, c.high) > MATTERS:
        longer = f"--max-doc-len {max(b.value / c.high, 2.0 * high):,.0f}"
        words = f"linear fits, but a quadratic term of up to {hidden} cannot be excluded"
        return "not judged", f"{words}; {longer} or more repetitions would decide"
    return "linear", f"a quadratic term is at most {hidden}"


def _percent(share: float) -> str:
    return f"{100 * share:,.0f} %" if share > 0.1 else f"{100 * share:.2g} %"


def _share(found: Fit, c: float) -> float:
    """The part of the cost at the largest length that a quadratic coefficient makes up."""
    return min(max(c * found.lengths[-1] ** 2 / found.values[-1], 0.0), 1.0)


def _part(found: Fit, c: float) -> str:
    return f"{_percent(_share(found, c))} of the cost at {found.lengths[-1]:,} tokens"


def _said(found: Fit, remark: str) -> str:
    """The verdict: order, leading coefficient with interval, and the remark."""
    if found.leading is None:
        return remark
    if found.order == "not judged" or (found.order == "constant" and not found.exact):
        return f"{found.order}: {remark}"
    if found.order == "quadratic":
        remark += f"; {_turn(found)}"
    value, low, high = astuple(found.leading)
    name, per = {"constant": ("", ""), "linear": ("b = ", "/token")}.get(
        found.order, ("c = ", "/token²")
    )
    if found.exact:
        whole = abs(value - round(value)) < 1e-6 * abs(value)
        text = f"exactly {name}{value:,.0f}" if whole else f"exactly {name}{value:,.6g}"
        return f"{found.order}: {text} {found.unit}{per}; {remark}"
    text = f"{name}{value:.3g} (95 % interval {low:.3g} to {high:.3g}) {found.unit}{per}"
    return f"{found.order}: {text}; {remark}"


def _turn(found: Fit) -> str:
    """Where the quadratic term passes the linear one, and the local exponent."""
    at, slope = (found.crossover or UNKNOWN).value, (found.exponent or UNKNOWN).value
    return (
        f"the quadratic term passes the linear one at {max(at, 0):,.0f} tokens, the local exponent "
        f"is {slope:.2f} at {found.lengths[-1]:,}"
    )
