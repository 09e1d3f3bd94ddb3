"""Reads what is compared: results files, repeated runs in one file, pytest-benchmark's JSON.

Knows files and rows' identities; compares nothing. A repeated run's rows carry ``run`` in their
params, so that one results file can hold several and still be read as any other. One of
pytest-benchmark's counts if its ``extra_info`` holds ``system``, ``phase`` and ``doc_len``, as
those in this project's ``benchmarks/`` do; ``flops`` and ``units`` are read where they are.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rabbench.config.check import Policy, Tier
from rabbench.results import IDENTITY, load_results, row_key
from rabbench.scaling.fits import NOISE_FREE
from rabbench.scaling.labels import PREDICTED
from rabbench.types import PHASES, BadInputError, Measurement, Results

Identity = tuple[str, ...]
CONFIG_KEY = "check"
"""Where in a baseline's ``config`` its reason, date and policy are."""

COUNTS = (*NOISE_FREE, "parameters")
NOT_COMPARED = ("longest_feasible",)  # depends on --memory-limit and on what else is running
BENCHMARKED = {"system", "phase", "doc_len"}  # a benchmark's extra_info
PLACE = ("doc_len", "pairs", "dataset", "model", "attention", "variant", "step")


@dataclass(frozen=True)
class Reading:
    """One run: its rows by identity, and where it was measured."""

    rows: Mapping[Identity, Measurement]
    environment: Mapping[str, Any]
    suites: Sequence[Mapping[str, Any]]


def tier(row: Measurement) -> Tier | None:
    """Where a row is compared: counts and metrics exactly, other costs as ratios, or nowhere."""
    if row.phase == "quality" or row.measure in COUNTS:
        return "exact"
    is_swept = row.phase in PHASES and "doc_len" in row.params
    if not is_swept or row.measure in NOT_COMPARED or row.measure.startswith(PREDICTED):
        return None
    return "noisy"


def load_run(path: Path) -> Results:
    """Read a results file or folder, or a file that pytest-benchmark wrote.

    Raises:
        BadInputError: if it is neither, or a benchmark lacks what the format promises.
    """
    if path.is_file():
        try:
            raw = json.loads(path.read_text(encoding="utf-8"))
        except (json.JSONDecodeError, UnicodeDecodeError):
            raw = None  # load_results says what is wrong with it
        if isinstance(raw, dict) and {"benchmarks", "machine_info"} <= raw.keys():
            return _parse_benchmarks(raw, path)
    return load_results(path)


def _parse_benchmarks(raw: Mapping[str, Any], path: Path) -> Results:
    """The benchmarks as results: a latency row each, and a FLOPs row where they were counted."""
    machine = raw["machine_info"]
    try:
        rows = [row for benchmark in raw["benchmarks"] for row in _benchmark_rows(benchmark)]
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


def _benchmark_rows(benchmark: Mapping[str, Any]) -> Iterator[Measurement]:
    extra, stats = benchmark["extra_info"], benchmark["stats"]
    if not extra.keys() >= BENCHMARKED:
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


def load_baseline(path: Path) -> Results:
    """Read a baseline: any results file or folder, best one that ``--update`` wrote.

    Raises:
        BadInputError: if there is none or it cannot be read.
    """
    if not path.exists():
        raise BadInputError(
            f"no baseline at {path}; look at what was measured, then write it with "
            f"'rabbench check --baseline {path} DIR --update --reason TEXT'"
        )
    return load_run(path)


def baseline_policy(baseline: Results) -> Policy:
    """The policy in a baseline's configuration; the default one without any."""
    entry = baseline.config.get(CONFIG_KEY)
    return Policy.from_json(entry.get("policy", {})) if isinstance(entry, Mapping) else Policy()


def read_runs(results: Iterable[Results]) -> list[Reading]:
    """Every run in these files, one after another.

    Raises:
        BadInputError: if a file holds one row twice, so that one of them would go unseen.
    """
    readings = []
    for file in results:
        runs: dict[int, dict[Identity, Measurement]] = {0: {}}
        for row in file.rows:
            rows = runs.setdefault(int(row.params.get("run", 0)), {})
            identity = row_key(row)
            if identity in rows:
                raise BadInputError(f"a file holds the row '{row_text(row)}' twice; measure again")
            rows[identity] = row
        readings += [
            Reading(rows, file.environment, file.suites) for _, rows in sorted(runs.items())
        ]
    return readings


def row_text(row: Measurement) -> str:
    """A row in words."""
    place = row_place(row.params)
    return f"{row.system} {row.phase} {row.measure}" + (f" ({place})" if place else "")


def row_place(params: Mapping[str, Any], *, without: Iterable[str] = ()) -> str:
    """The params that a person distinguishes rows of one measure by."""
    names = [name for name in PLACE if params.get(name) is not None and name not in without]
    return ", ".join(f"{name} {params[name]}" for name in names)


def nearest_row(row: Measurement, candidates: Iterable[Measurement]) -> str:
    """How the most similar of some rows differs; empty where none is of this row's measure."""

    def differing(candidate: Measurement) -> list[str]:
        return [name for name in IDENTITY if row.params.get(name) != candidate.params.get(name)]

    def measured(candidate: Measurement) -> tuple[str, ...]:
        return candidate.system, candidate.phase, candidate.measure

    closest = min(
        (candidate for candidate in candidates if measured(candidate) == measured(row)),
        key=lambda candidate: len(differing(candidate)),
        default=row,
    )
    differences = [
        f"{name} {closest.params.get(name)!r} instead of {row.params.get(name)!r}"
        for name in differing(closest)
    ]
    return "; the closest row has " + ", ".join(differences) if differences else ""
