"""Sweeps as a machine would measure them, with what goes wrong between two equal runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from rabbench.types import Measurement, Results

LENGTHS = (64, 128, 256, 512, 1024, 2048, 4096, 8192)
SECONDS: Mapping[tuple[str, str], Callable[[int], float]] = {
    ("teacher", "score"): lambda length: 1e-4 * length,
    ("rabtriever", "index"): lambda length: 9e-5 * length,
    ("rabtriever", "query"): lambda _: 0.05,
    ("rabtriever", "score"): lambda _: 5e-5,
}
MEASURES = ("latency", "working_memory")
MIB = 1 << 20
Factor = Callable[[int], float]
Planted = Mapping[tuple[str, str, str], Factor]
"""What a (system, phase, measure) costs more, by length."""


def _same(length: int) -> float:
    del length
    return 1.0


def sweep(
    seed: int,
    *,
    planted: Planted = MappingProxyType({}),
    samples: int = 8,
    noise: float = 0.04,
    shift: float = 0.015,
    speed: float = 1.0,
    machine: str = "here",
    threads: int = 2,
) -> Results:
    """One run: latency (s) and working memory (B) of two systems.

    Args:
        seed: of all that is random.
        planted: what costs more.
        samples: rounds.
        noise: standard deviation of a sample's logarithm.
        shift: of what a process does to one point for as long as it lives.
        speed: seconds here for a second elsewhere; it also drifts from round to round.
        machine: its id.
        threads: of its environment.
    """
    rng = np.random.default_rng(seed)
    drift = speed * np.exp(np.cumsum(rng.normal(0, 0.02, samples)))
    rows = []
    for length in LENGTHS:
        for key, seconds in SECONDS.items():
            slower, larger = (planted.get((*key, name), _same)(length) for name in MEASURES)
            noise_factors = np.exp(rng.normal(0, noise, samples) + rng.normal(0, shift))
            times = seconds(length) * slower * drift * noise_factors
            base_bytes = MIB / 2 if key == ("rabtriever", "score") else 40 * MIB + 1e5 * length
            working_bytes = max(base_bytes * larger + rng.normal(0, 2e5), 4096.0)
            rows += [
                row(
                    *key,
                    "latency",
                    float(np.median(times)),
                    "s",
                    length,
                    times.tolist(),
                ),
                row(*key, "working_memory", working_bytes, "B", length, [working_bytes]),
            ]
    environment = {"machine": machine, "threads": threads, "gpus": []}
    return Results(command="scaling", config={}, environment=environment, rows=rows)


def row(
    system: str, phase: str, measure: str, value: float, unit: str, length: int, raw: Any = ()
) -> Measurement:
    """A cost row at one length."""
    params = {"doc_len": length, "query_len": 32, "n_docs": 64, "n_queries": 1, "k": 1, "batch": 1}
    return Measurement(
        system=system,
        phase=phase,
        measure=measure,
        value=value,
        unit=unit,
        better="lower",
        params={**params, "device": "cpu"},
        samples=raw,
    )


def exact_run(**changed: Any) -> Results:
    """One run of exact rows: FLOPs, an index size, a metric; ``changed`` replaces values."""
    values = {"flops": 4096.0, "index_size": 512.0, "mrr": 0.5, **changed}
    rows = [
        row("teacher", "score", "flops", values["flops"], "FLOP", 64),
        row("rabtriever", "index", "index_size", values["index_size"], "B", 64),
        Measurement(
            system="bm25",
            phase="quality",
            measure="mrr",
            value=values["mrr"],
            unit="1",
            better="higher",
            params={"dataset": "test", "k": 10},
            samples=values.get("samples", {"q1": 0.25, "q2": 0.75}),
        ),
    ]
    card = {"name": "test", "suite": "demo", "fingerprint": values.get("fingerprint", "abc")}
    return Results(command="quality", config={}, environment={}, suites=[card], rows=rows)


def with_changes(results: Results, change: Callable[[Measurement], Measurement | None]) -> Results:
    """Results with each row changed, or left out where the change is None."""
    rows = [changed for row_ in results.rows if (changed := change(row_)) is not None]
    return replace(results, rows=rows)
