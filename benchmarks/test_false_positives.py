"""The A/A run: how often does the timing call two equal things different?

The same workload is entered under two names, many times over, and timed in the interleaved rounds
of ``rabbench scaling``. A rank test at 5 % between the two names of a pair should then fire in
about 5 % of the pairs; much more would mean that the rounds do not cancel drift.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import torch
from scipy.stats import binom, mannwhitneyu

from rabbench.measures import latency
from rabbench.types import Point, Settings, Shape, Workload

PAIRS = 40
ALPHA = 0.05


def _points() -> list[Point]:
    queries, weights = torch.randn(64, 256), torch.randn(256, 256)
    points = []
    for number in range(PAIRS):
        for name in ("a", "b"):
            workload = Workload(
                system=f"{name}{number}",
                phase="score",
                shape=Shape(doc_len=1, query_len=1),
                device="cpu",
                run=lambda: queries @ weights,
            )
            points.append(
                Point(
                    system=workload.system,
                    phase="score",
                    params={"doc_len": 1},
                    build=partial(replace, workload),
                )
            )
    return points


def test_equal_work_is_rarely_called_different(benchmark: Any) -> None:
    settings = Settings(rounds=20, max_rounds=20, min_time_s=0)
    rows = benchmark.pedantic(
        lambda: list(latency.measure(_points(), settings)), rounds=1, iterations=1
    )
    samples = {row.system: row.samples for row in rows}
    fired = sum(
        mannwhitneyu(samples[f"a{i}"], samples[f"b{i}"]).pvalue < ALPHA for i in range(PAIRS)
    )
    benchmark.extra_info.update(pairs=PAIRS, fired=fired, rate=fired / PAIRS)
    # Above this count a true rate of 5 % is refuted at one in a thousand.
    assert fired <= binom.ppf(0.999, PAIRS, ALPHA), f"{fired} of {PAIRS} equal pairs differ"


def test_a_real_difference_is_found() -> None:
    """The same instrument must see a quarter more work, or its silence above says nothing."""
    small, large = torch.randn(400, 256), torch.randn(500, 256)
    weights = torch.randn(256, 256)

    def point(name: str, rows: torch.Tensor) -> Point:
        workload = Workload(
            system=name,
            phase="score",
            shape=Shape(doc_len=1, query_len=1),
            device="cpu",
            run=lambda: rows @ weights,
        )
        return Point(system=name, phase="score", params={"doc_len": 1}, build=lambda: workload)

    settings = Settings(rounds=30, max_rounds=30, min_time_s=0)
    measured = latency.measure([point("small", small), point("large", large)], settings)
    samples = {row.system: row.samples for row in measured}
    assert mannwhitneyu(samples["large"], samples["small"], alternative="greater").pvalue < 0.01
