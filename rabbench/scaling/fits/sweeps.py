"""From rows to fits: groups the rows of each sweep, and refuses what too few lengths can carry.

Knows measurement rows; runs nothing, knows no system.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

import numpy as np

from rabbench.scaling.fits.curve import exact_fit, statistical_fit
from rabbench.scaling.fits.model import NOISE_FREE, RESOLUTION, Fit
from rabbench.scaling.labels import COMPARABLE, KEYS
from rabbench.stats.intervals import Array, Estimate
from rabbench.types import PHASES, Measurement

MIN_LENGTHS, MIN_RANGE, EXACT_LENGTHS = 6, 10.0, 4


def sweep_key(row: Measurement) -> dict[str, Any]:
    """The params of a row that distinguish its sweep from another of the same system."""
    return {name: row.params[name] for name in KEYS if name in row.params}


def comparable(params: Mapping[str, Any], reference: Mapping[str, Any]) -> bool:
    """Whether two systems' rows are of comparable sweeps: equal in every param that both have."""
    shared = params.keys() & reference.keys() & set(COMPARABLE)
    return all(params[name] == reference[name] for name in shared)


def is_dense(key: Mapping[str, Any]) -> bool:
    """Whether a sweep counts every query–key pair, or no pairs at all."""
    return bool(key.get("pairs", "dense") == "dense")


def matching_row(
    row: Measurement, rows: Iterable[Measurement], *, system: str, phase: str
) -> Measurement | None:
    """A system's row of the same measure and sweep in a phase, one with a value if there is one.

    A causal count that equals the dense one has no row of its own, so ``pairs`` only ranks; a
    query's cost does not depend on the document, so there ``doc_len`` only ranks.
    """
    candidates = [
        candidate
        for candidate in rows
        if (candidate.system, candidate.phase, candidate.measure) == (system, phase, row.measure)
        and (phase == "query" or candidate.params["doc_len"] == row.params["doc_len"])
        and comparable(row.params, candidate.params)
    ]

    def mismatches(candidate: Measurement) -> list[bool]:
        differ = [
            candidate.params.get(name) != row.params.get(name) for name in ("doc_len", "pairs")
        ]
        return [candidate.value is None, *differ]

    return min(candidates, key=mismatches, default=None)


def fit_sweeps(rows: Iterable[Measurement]) -> list[Fit]:
    """Fit every cost over document length: one ``Fit`` per system, phase, measure and key."""

    def group(row: Measurement) -> tuple[str, ...]:
        phase = str([*PHASES].index(row.phase))  # type: ignore[arg-type]
        return (row.measure, phase, row.system, *(str(row.params.get(name)) for name in KEYS))

    costs = [
        row
        for row in rows
        if row.phase in PHASES and "doc_len" in row.params and row.better == "lower"
    ]
    return [fit_sweep(list(sweep)) for _, sweep in groupby(sorted(costs, key=group), key=group)]


def fit_sweep(rows: Sequence[Measurement]) -> Fit:
    """Fit the rows of one group: one system, phase, measure and key."""
    rows = sorted(rows, key=lambda row: int(row.params["doc_len"]))
    first = rows[0]
    cut = [
        row for row in rows if row.phase != "query" and _tokens_read(row) < row.params["doc_len"]
    ]
    good = [row for row in rows if row.value is not None and row not in cut]
    fit = Fit(
        system=first.system,
        phase=first.phase,
        measure=first.measure,
        unit=first.unit,
        key=sweep_key(first),
        lengths=tuple(int(row.params["doc_len"]) for row in good),
        values=tuple(float(row.value) for row in good if row.value is not None),
        failed=tuple((int(r.params["doc_len"]), r.status) for r in rows if r.value is None),
        reads_at_most=max((_tokens_read(row) for row in cut), default=None),
    )
    fit = _judge(fit, [samples(row) for row in good])
    notes = []
    if fit.reads_at_most is not None:
        notes.append(
            f"reads at most {fit.reads_at_most:,} tokens of a document: beyond that its cost is "
            "constant because text is dropped"
        )
    if fit.failed and good:
        lengths = sorted(length for length, _ in fit.failed)
        where = f"{lengths[0]:,}" if len(lengths) == 1 else f"{lengths[0]:,} to {lengths[-1]:,}"
        notes.append(f"nothing measured at {where} tokens ({_statuses(fit)})")
    verdict = "; ".join([fit.verdict, *notes])
    return replace(fit, verdict=verdict, remark="; ".join(filter(None, [fit.remark, *notes])))


def _tokens_read(row: Measurement) -> int:
    return int(row.params.get("tokens_read") or row.params["doc_len"])


def _statuses(fit: Fit) -> str:
    return "/".join(sorted({status for _, status in fit.failed}))


def samples(row: Measurement) -> Array:
    """The raw samples of a row, scaled so that their median is its value."""
    raw = np.asarray(() if isinstance(row.samples, Mapping) else row.samples, dtype=float)
    median = float(np.median(raw)) if raw.size else 0.0
    return raw * ((row.value or 0.0) / median) if median > 0 else np.array([row.value or 0.0])


def _judge(fit: Fit, samples: list[Array]) -> Fit:
    """The exact polynomial where there is one, otherwise a refusal or the statistical fit."""
    refusal = _refusal(fit)
    noise_free = fit.measure in NOISE_FREE
    if refusal is None or (noise_free and fit.n_points >= EXACT_LENGTHS):
        polynomial = exact_fit(fit)
        if polynomial is not None:
            return polynomial
    if refusal is None:  # a count that no polynomial meets is fitted as a noisy cost
        refusal = _too_few(fit, MIN_LENGTHS)
    if refusal is None and fit.unit == "B" and not noise_free and np.ptp(fit.values) <= RESOLUTION:
        return _unresolved(fit)
    if refusal is None and min(fit.values) <= 0:
        refusal = "a value is 0 or less"
    if refusal:
        return replace(fit, verdict=f"not judged: {refusal}", remark=refusal)
    return statistical_fit(fit, samples)


def _unresolved(fit: Fit) -> Fit:
    """Constant: all lengths lie within the resolution of the measurement."""
    median = float(np.median(fit.values))
    remark = f"all lengths lie within {RESOLUTION >> 20} MiB, closer than memory can be measured"
    return replace(
        fit,
        order="constant",
        verdict=f"constant: {remark}",
        remark=remark,
        coefficients=(median, 0.0, 0.0),
        leading=Estimate(median),
        exponents=(0.0,) * len(fit.lengths),
        exponent=Estimate(0.0),
    )


def _too_few(fit: Fit, minimum: int) -> str | None:
    n = fit.n_points
    if n >= minimum:
        return None
    lengths = "1 length" if n == 1 else f"{n} lengths"
    remedy = "" if fit.reads_at_most is not None else f" (--points {minimum})"
    return f"{lengths}, at least {minimum} are needed{remedy}"


def _refusal(fit: Fit) -> str | None:
    """Why these lengths cannot carry a verdict on a noisy cost, and what could."""
    if not fit.lengths:
        return f"nothing was measured ({_statuses(fit)})"
    if few := _too_few(fit, EXACT_LENGTHS if fit.measure in NOISE_FREE else MIN_LENGTHS):
        return few
    low, high = fit.lengths[0], fit.lengths[-1]
    if high >= MIN_RANGE * low:
        return None
    return (
        f"{low:,} to {high:,} tokens is less than one decade of lengths; needs "
        f"--max-doc-len ≥ {math.ceil(MIN_RANGE * low):,}"
    )
