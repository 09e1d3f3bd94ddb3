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

from rabbench.scaling.fits.curve import exact, statistical
from rabbench.scaling.fits.model import (
    EXACT_LENGTHS,
    KEYS,
    MIN_LENGTHS,
    MIN_RANGE,
    NOISE_FREE,
    RESOLUTION,
    Array,
    Fit,
)
from rabbench.stats.intervals import Estimate
from rabbench.types import PHASES, Measurement

MATCHED = tuple(name for name in KEYS if name not in {"pairs", "trained"})


def sweep_key(row: Measurement) -> dict[str, Any]:
    """The params of a row that tell its sweep from another of the same system."""
    return {name: row.params[name] for name in KEYS if name in row.params}


def comparable(params: Mapping[str, Any], others: Mapping[str, Any]) -> bool:
    """Whether two systems' rows are of comparable sweeps: equal in every param that both name."""
    shared = (name for name in MATCHED if name in params and name in others)
    return all(params[name] == others[name] for name in shared)


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
    return [fit_sweep(list(of_one)) for _, of_one in groupby(sorted(costs, key=group), key=group)]


def fit_sweep(rows: Sequence[Measurement]) -> Fit:
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
        key=sweep_key(first),
        lengths=tuple(int(row.params["doc_len"]) for row in good),
        values=tuple(float(row.value) for row in good if row.value is not None),
        failed=tuple((int(r.params["doc_len"]), r.status) for r in rows if r.value is None),
        reads_at_most=max((_read(row) for row in cut), default=None),
    )
    found = _judge(known, [samples(row) for row in good])
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


def samples(row: Measurement) -> Array:
    """The raw samples of a row, scaled so that their median is its value."""
    raw = np.asarray(() if isinstance(row.samples, Mapping) else row.samples, dtype=float)
    middle = float(np.median(raw)) if raw.size else 0.0
    return raw * ((row.value or 0.0) / middle) if middle > 0 else np.array([row.value or 0.0])


def _judge(known: Fit, samples: list[Array]) -> Fit:
    """The exact polynomial where there is one, otherwise a refusal or the statistical fit."""
    refusal = _refusal(known)
    counted = known.measure in NOISE_FREE and known.n_points >= EXACT_LENGTHS
    if (counted or refusal is None) and (met := exact(known)) is not None:
        return met
    if refusal is None:  # a count that no polynomial meets is fitted as a noisy cost
        refusal = _too_few(known, MIN_LENGTHS)
    memory = known.unit == "B" and known.measure not in NOISE_FREE
    if refusal is None and memory and np.ptp(known.values) <= RESOLUTION:
        return _unresolved(known)
    if refusal is None and min(known.values) <= 0:
        refusal = "a value is 0 or less"
    return _refused(known, refusal) if refusal else statistical(known, samples)


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


def _too_few(known: Fit, need: int) -> str | None:
    n = known.n_points
    if n >= need:
        return None
    lengths = "1 length" if n == 1 else f"{n} lengths"
    remedy = "" if known.reads_at_most is not None else f" (--points {need})"
    return f"{lengths}, at least {need} are needed{remedy}"


def _refusal(known: Fit) -> str | None:
    """Why these lengths cannot carry a verdict on a noisy cost, and what could."""
    if not known.lengths:
        statuses = "/".join(sorted({status for _, status in known.failed}))
        return f"nothing was measured ({statuses})"
    low, high = known.lengths[0], known.lengths[-1]
    need = EXACT_LENGTHS if known.measure in NOISE_FREE else MIN_LENGTHS
    if few := _too_few(known, need):
        return few
    if high < MIN_RANGE * low:
        return (
            f"{low:,} to {high:,} tokens is less than one decade of lengths; needs "
            f"--max-doc-len ≥ {math.ceil(MIN_RANGE * low):,}"
        )
    return None
