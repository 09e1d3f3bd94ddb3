"""Reads what is compared: results files, repeated runs kept in one, pytest-benchmark's JSON.

Knows files and rows' identities; compares nothing. A repeated run's rows carry ``run`` in their
params, so that one results file can hold several and still be read as any other.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rabbench.check.pytest_json import is_pytest_benchmark, results_of
from rabbench.config.check import Policy, Tier
from rabbench.results import IDENTITY, load_results, row_key
from rabbench.scaling.fits import NOISE_FREE
from rabbench.types import PHASES, BadInputError, Measurement, Results

Identity = tuple[str, ...]
KEPT = "check"
"""Where in a baseline's ``config`` its reason, date and policy are."""

COUNTED = (*NOISE_FREE, "parameters")
NOT_COMPARED = ("longest_feasible",)  # depends on --memory-limit and on what else is running
PREDICTED = "predicted_"
NAMED = ("doc_len", "pairs", "dataset", "model", "attention", "variant", "step")


@dataclass(frozen=True)
class Reading:
    """One run: its rows by identity, and where it was measured."""

    rows: Mapping[Identity, Measurement]
    environment: Mapping[str, Any]
    suites: Sequence[Mapping[str, Any]]


def tier(row: Measurement) -> Tier | None:
    """Where a row is compared: counts and metrics exactly, other costs as ratios, or nowhere."""
    if row.phase == "quality" or row.measure in COUNTED:
        return "exact"
    swept = row.phase in PHASES and "doc_len" in row.params
    if not swept or row.measure in NOT_COMPARED or row.measure.startswith(PREDICTED):
        return None
    return "noisy"


def load_run(path: Path) -> Results:
    """Read a results file or folder, or a file that pytest-benchmark wrote.

    Raises:
        BadInputError: if it is neither.
    """
    if path.is_file():
        try:
            raw = json.loads(path.read_text(encoding="utf-8"))
        except (json.JSONDecodeError, UnicodeDecodeError):
            raw = None  # the store says what is wrong with it
        if is_pytest_benchmark(raw):
            return results_of(raw, str(path))
    return load_results(path)


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
    """The policy that a baseline keeps; the default one where it keeps none."""
    kept = baseline.config.get(KEPT)
    return Policy.from_json(kept.get("policy", {})) if isinstance(kept, Mapping) else Policy()


def readings(results: Iterable[Results]) -> list[Reading]:
    """Every run in these files, one after another.

    Raises:
        BadInputError: if a file holds one row twice, so that one of them would go unseen.
    """
    found = []
    for one in results:
        runs: dict[int, dict[Identity, Measurement]] = {0: {}}
        for row in one.rows:
            rows = runs.setdefault(int(row.params.get("run", 0)), {})
            identity = row_key(row)
            if identity in rows:
                raise BadInputError(f"a file holds the row '{told(row)}' twice; measure again")
            rows[identity] = row
        found += [Reading(rows, one.environment, one.suites) for _, rows in sorted(runs.items())]
    return found


def told(row: Measurement) -> str:
    """A row in words."""
    where = located(row.params)
    return f"{row.system} {row.phase} {row.measure}" + (f" ({where})" if where else "")


def located(params: Mapping[str, Any], *, without: Iterable[str] = ()) -> str:
    """The params that a person tells rows of one measure by."""
    names = [name for name in NAMED if params.get(name) is not None and name not in without]
    return ", ".join(f"{name} {params[name]}" for name in names)


def nearest(row: Measurement, others: Iterable[Measurement]) -> str:
    """What the most similar of other rows has instead; empty where none is of its measure."""

    def differing(other: Measurement) -> list[str]:
        names = IDENTITY
        return [name for name in names if row.params.get(name) != other.params.get(name)]

    same = [o for o in others if (o.system, o.phase, o.measure) == _name(row)]
    if not same:
        return ""
    closest = min(same, key=lambda other: len(differing(other)))
    words = [
        f"{name} {closest.params.get(name)!r} instead of {row.params.get(name)!r}"
        for name in differing(closest)
    ]
    return "; the closest row has " + ", ".join(words) if words else ""


def _name(row: Measurement) -> tuple[str, str, str]:
    return row.system, row.phase, row.measure
