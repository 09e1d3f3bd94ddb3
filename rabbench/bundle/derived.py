"""What follows from results and travels beside them, so that a recomputation can be held to it.

Configuration and environment as files of their own, and every fit as numbers. Reads results;
writes nothing.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from rabbench.report.labels import is_cost
from rabbench.scaling.fits import Fit, fit_sweeps
from rabbench.types import Results

CONFIG, ENVIRONMENT, FITS = "config.json", "environment.json", "fits.json"
IDENTITY = ("system", "phase", "measure", "key")
TOLD = (
    *IDENTITY, "unit", "lengths", "order", "exact", "verdict", "coefficients", "leading",
    "exponent", "crossover", "growth", "residual", "failed",
)  # fmt: skip
"""The fields of a fit that are kept."""


def files(results: Results) -> dict[str, Any]:
    """Each derived file's content, as JSON can hold it."""
    found = {CONFIG: dict(results.config), ENVIRONMENT: dict(results.environment)}
    fits = fitted(results)
    return {**found, FITS: fits} if fits else found


def text(content: Any) -> str:
    """As it is written."""
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def fitted(results: Results) -> list[dict[str, Any]]:
    """Every fit of the results' costs; an infinite bound is null."""
    fits = fit_sweeps([row for row in results.rows if is_cost(row)])
    return [plain(_told(fit)) for fit in fits]


def _told(fit: Fit) -> dict[str, Any]:
    whole = asdict(fit)
    return {name: whole[name] for name in TOLD}


def plain(value: Any) -> Any:
    """A value as it is after JSON: tuples are lists, what is not finite is null."""
    return json.loads(json.dumps(value), parse_constant=lambda _: None)
