"""Synthetic rankings of four systems, and the tables of their report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rabbench.report.build import build_page
from rabbench.report.page import Cell, Page, Table
from rabbench.types import Measurement, Results
from tests.report.pages import section

QUERIES = 40
MEANS = {"bm25": 0.4, "dense": 0.5, "teacher": 0.6, "rabtriever": 0.57}


def quality_row(
    system: str, dataset: str, scores: Sequence[float], measure: str = "mrr", **params: Any
) -> Measurement:
    """A mean with the score of each query."""
    return Measurement(
        system=system,
        phase="quality",
        measure=measure,
        value=float(np.mean(scores)),
        unit="1",
        better="higher",
        params={"dataset": dataset, "n_queries": len(scores), "n_docs": 100, **params},
        samples={f"q{i}": float(score) for i, score in enumerate(scores)},
    )


COST = {
    "bm25": {"flops_per_query": 0, "search_wall_s": 0.04},
    "dense": {"flops_per_query": 10**9, "search_wall_s": 2.0, "model": "minilm"},
    "teacher": {"flops_per_query": 10**13, "search_wall_s": 400.0, "model": "smollm"},
    "rabtriever": {
        "flops_per_query": 2 * 10**10,
        "search_wall_s": 44.0,
        "documents_wall_s": 40.0,
        "model": "smollm",
        "trained": True,
    },
}


def four_systems(dataset: str = "esconv", *, seed: int = 0) -> list[Measurement]:
    """Four systems whose scores go together, query by query."""
    rng = np.random.default_rng(seed)
    shared = 0.15 * rng.normal(size=QUERIES)
    return [
        quality_row(
            system,
            dataset,
            list(np.clip(mean + shared + 0.05 * rng.normal(size=QUERIES), 0, 1)),
            **COST[system],
        )
        for system, mean in MEANS.items()
    ]


def report_page(
    rows: Sequence[Measurement],
    suites: Sequence[Mapping[str, Any]] = (),
    *,
    draw: bool = False,
    **config: Any,
) -> Page:
    """The report of some quality rows."""
    results = Results(command="quality", config=config, environment={}, suites=suites, rows=rows)
    return build_page(results, draw=draw)


def only_table(page: Page, id_: str) -> Table:
    """The table of a section that has but one."""
    (table,) = section(page, id_).tables
    return table


def values(table: Table) -> list[list[object]]:
    """The bare values of a table's cells."""
    return [[cell.value for cell in line] for line in table.cells]


def column(table: Table, name: str) -> list[Cell]:
    """The cells under a heading."""
    place = [heading.name for heading in table.headings].index(name)
    return [line[place] for line in table.cells]
