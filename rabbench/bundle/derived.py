"""Files that follow from results and travel with them, so that a recomputation can be compared.

Configuration and environment as files of their own, and every fit as numbers. Reads results;
writes nothing.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from rabbench.report.labels import is_cost
from rabbench.scaling.fits import fit_sweeps
from rabbench.types import Results

CONFIG, ENVIRONMENT, FITS = "config.json", "environment.json", "fits.json"
IDENTITY = ("system", "phase", "measure", "key")
FIT_FIELDS = (
    *IDENTITY, "unit", "lengths", "order", "exact", "verdict", "coefficients", "leading",
    "exponent", "crossover", "growth", "residual", "failed",
)  # fmt: skip


def files(results: Results) -> dict[str, Any]:
    """The content of each derived file, as JSON can hold it."""
    contents = {CONFIG: dict(results.config), ENVIRONMENT: dict(results.environment)}
    fits = fit_records(results)
    return {**contents, FITS: fits} if fits else contents


def to_text(content: Any) -> str:
    """A derived file's content as the text of the file."""
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def fit_records(results: Results) -> list[dict[str, Any]]:
    """The fits of the results' costs, ``FIT_FIELDS`` of each; an infinite bound is null."""
    fits = map(asdict, fit_sweeps([row for row in results.rows if is_cost(row)]))
    return [through_json({name: fit[name] for name in FIT_FIELDS}) for fit in fits]


def through_json(value: Any) -> Any:
    """The value as JSON gives it back: tuples become lists, infinity and NaN null."""
    return json.loads(json.dumps(value), parse_constant=lambda _: None)
