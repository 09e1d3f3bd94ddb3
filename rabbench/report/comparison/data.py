"""A comparison as plain data, for whoever goes on with it: what the tables say, in full numbers.

Knows a comparison; formats nothing.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from rabbench.report.comparison.compare import Comparison
from rabbench.report.comparison.costs import Matched
from rabbench.report.comparison.quality import Ranked


def _whole(found: Comparison) -> dict[str, Any]:
    """The comparison as plain data: what the tables say, with full numbers."""
    return {
        "runs": [
            {
                "run": side.label,
                "folder": str(side.path),
                "machine": side.machine,
                "commit": side.results.environment.get("commit"),
                "sha256": side.sha256,
            }
            for side in found.sides
        ],
        "differences": {
            key: dict(zip(found.labels, values, strict=True))
            for key, values in found.differences.items()
        },
        "costs": [_cost_data(one) for one in found.costs.matched],
        "ratios": [
            {
                "over": one.over,
                "under": one.under,
                "measure": one.measure,
                "pairs": one.pairs,
                "runs": {
                    label: {
                        str(length): {
                            "pair": asdict(ratio.score),
                            "with_query": ratio.with_query and asdict(ratio.with_query),
                        }
                        for length, ratio in column.items()
                    }
                    for label, column in one.columns.items()
                },
            }
            for one in found.factors
        ],
        "quality": [_quality_data(one) for one in found.ranked],
        "changes": [
            {
                "dataset": one.dataset,
                "metric": one.metric,
                "system": one.system,
                **asdict(one.comparison),
            }
            for one in found.changes
        ],
        "left_out": [asdict(one) for one in dict.fromkeys(found.left_out)],
    }


def _cost_data(one: Matched) -> dict[str, Any]:
    work = one.work
    return {
        "system": work.label,
        "phase": work.phase,
        "measure": work.measure,
        "pairs": work.pairs,
        "runs": {
            side: {str(length): sweep[length].value for length in one.lengths}
            for side, sweep in zip(one.sides, one.sweeps, strict=True)
        },
    }


def _quality_data(one: Ranked) -> dict[str, Any]:
    means = {
        system: {
            side: asdict(estimate) if (estimate := cell.estimate()) is not None else None
            for side, cell in of_system.items()
        }
        for system, of_system in one.cells.items()
    }
    return {
        "dataset": one.dataset,
        "fingerprint": one.fingerprint,
        "metric": one.metric,
        "depth": one.depth,
        "queries": one.queries,
        "means": means,
    }


def of(found: Comparison) -> dict[str, Any]:
    """The comparison as JSON can hold it; what is infinite or unknown is null."""
    whole: dict[str, Any] = json.loads(json.dumps(_whole(found)), parse_constant=lambda _: None)
    return whole
