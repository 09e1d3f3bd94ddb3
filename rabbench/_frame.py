"""Results as a pandas DataFrame, for analysis outside the reports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rabbench.records import Results

if TYPE_CHECKING:
    import pandas as pd


def frame(results: Results) -> pd.DataFrame:
    """One row a measurement; each param is a column, and ``n_samples`` counts the raw samples.

    Args:
        results: of any command.

    Returns:
        Columns ``system, phase, measure, value, unit, better, status, n_samples`` and the params.
        A value that was not measured is NaN, its status says why.
    """
    import pandas as pd

    records = []
    for row in results.rows:
        fields = {
            "system": row.system,
            "phase": row.phase,
            "measure": row.measure,
            "value": row.value,
            "unit": row.unit,
            "better": row.better,
            "status": row.status,
            "n_samples": len(row.samples),
        }
        params = {key: value for key, value in row.params.items() if not isinstance(value, Mapping)}
        records.append({**fields, **params})
    return pd.DataFrame.from_records(records)
