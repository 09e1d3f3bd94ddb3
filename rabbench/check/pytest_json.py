"""Rows from the JSON that pytest-benchmark writes, where a benchmark says what it measured.

A benchmark counts if its ``extra_info`` holds ``system``, ``phase`` and ``doc_len``, as those in
this project's ``benchmarks/`` do; ``flops`` and ``units`` are read where they are. Knows that
format and rows, no test and no system.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from rabbench.results import IDENTITY
from rabbench.types import BadInputError, Measurement, Results

NEEDED = {"system", "phase", "doc_len"}


def is_pytest_benchmark(raw: Any) -> bool:
    """Whether a JSON document is one of pytest-benchmark's."""
    return isinstance(raw, dict) and {"benchmarks", "machine_info"} <= raw.keys()


def parse_benchmarks(raw: Mapping[str, Any], path: str) -> Results:
    """The benchmarks as results: a latency row each, and a FLOPs row where they were counted.

    Raises:
        BadInputError: if a benchmark lacks what the format promises.
    """
    machine = raw["machine_info"]
    try:
        rows = [row for benchmark in raw["benchmarks"] for row in _rows(benchmark)]
        hardware = f"{machine.get('node')} {(machine.get('cpu') or {}).get('brand_raw')}"
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BadInputError(
            f"{path} is damaged: {type(error).__name__}: {error}; write it again with "
            "'pytest benchmarks --benchmark-only --benchmark-json FILE'"
        ) from None
    environment = {
        "date": raw.get("datetime"),
        "machine": hashlib.sha256(hardware.encode()).hexdigest()[:12],
    }
    return Results(command="pytest-benchmark", config={}, environment=environment, rows=rows)


def _rows(benchmark: Mapping[str, Any]) -> Iterator[Measurement]:
    extra, stats = benchmark["extra_info"], benchmark["stats"]
    if not extra.keys() >= NEEDED:
        return
    units = extra.get("units", 1)
    latency = Measurement(
        system=extra["system"],
        phase=extra["phase"],
        measure="latency",
        value=stats["median"] / units,
        unit="s",
        better="lower",
        params={name: extra[name] for name in IDENTITY if name in extra},
        samples=[seconds / units for seconds in stats["data"]],
    )
    yield latency
    if extra.get("flops") is not None:
        count = extra["flops"] / units
        yield latency.with_changes(
            measure="flops", value=count, unit="FLOP", samples=(), params={"pairs": "dense"}
        )
