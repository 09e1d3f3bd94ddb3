"""Reads and writes ``results.json``: schema version, atomic write, resume, clear refusals.

Knows the identity of a row, not its meaning; refuses a file of another schema or configuration.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rabbench.types import BadInputError, Measurement, Results, UsageError

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = 1
FILENAME = "results.json"
HEAD = ("command", "config", "environment", "suites")
FIELDS = ("system", "phase", "measure", "value", "unit", "better", "status")
IDENTITY = (
    "doc_len", "query_len", "n_docs", "n_queries", "k", "batch", "pairs",
    "model", "attention", "dtype", "device", "dataset", "depth", "step", "seed", "variant",
)  # fmt: skip
"""Params that identify a row; others (counters, notes) describe its value and change with it."""

REPORT_KEYS = ("breakeven", "baseline")
"""Keys of the configuration that change a report's judgement, not a measurement."""


def _clean(value: Any) -> Any:
    """A value as JSON has it: NaN and infinity become null."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {str(key): _clean(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_clean(inner) for inner in value]
    return value


def results_to_json(results: Results) -> dict[str, Any]:
    """The results as the dictionary of the file."""
    return {**_head(results), "rows": [_clean(asdict(row)) for row in results.rows]}


def _head(results: Results) -> dict[str, Any]:
    return {"schema": SCHEMA} | {name: _clean(getattr(results, name)) for name in HEAD}


def _document(results: Results, rows: Iterable[str]) -> str:
    """The whole file: a readable head, then a row a line."""
    head = json.dumps(_head(results), indent=1, allow_nan=False).removesuffix("\n}")
    return head + ',\n "rows": [\n' + ",\n".join(rows) + "\n]\n}\n"


def write_file(path: Path, data: str | bytes) -> None:
    """Write a file whole or not at all: a temporary sibling, then a rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(data.encode("utf-8") if isinstance(data, str) else data)
    partial.replace(path)


def _text(row: Measurement) -> str:
    return json.dumps(_clean(asdict(row)), allow_nan=False)


def save_results(results: Results, out: Path) -> Path:
    """Write ``out/results.json`` atomically and return its path."""
    write_file(out / FILENAME, _document(results, map(_text, results.rows)))
    return out / FILENAME


def load_results(path: Path | str) -> Results:
    """Read a results file, or the one in a results folder.

    Raises:
        BadInputError: if it is absent, not JSON, of another schema, or lacks a field.
    """
    path = Path(path) / FILENAME if Path(path).is_dir() else Path(path)
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadInputError(
            f"no results at {path}; give the folder that --out named, or run a command first"
        ) from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise BadInputError(f"{path} is not a results file: {error}") from None
    schema = raw.get("schema") if isinstance(raw, dict) else None
    if schema != SCHEMA:
        raise BadInputError(
            f"{path} has schema {schema!r}, this rabbench reads schema {SCHEMA}; use the release "
            "that wrote it, or measure again into another --out folder"
        )
    try:
        rows = tuple(Measurement(**row) for row in raw["rows"])
        head = {name: raw[name] for name in HEAD} | {"suites": tuple(raw["suites"])}
        return Results(rows=rows, **head)
    except (KeyError, TypeError, ValueError) as error:
        raise BadInputError(f"{path} is damaged: {type(error).__name__}: {error}") from None


def row_key(row: Measurement) -> tuple[str, ...]:
    """The identity of a row: system, phase, measure and the params of :data:`IDENTITY`."""
    params = {key: row.params[key] for key in IDENTITY if key in row.params}
    return (row.system, row.phase, row.measure, json.dumps(_clean(params), sort_keys=True))


class ResultsStore:
    """The growing results of one command; every ``add`` is on disk before it returns.

    ``out`` is the results folder; None keeps the rows in memory. ``resume`` continues the results
    there; without it a finished folder is written anew.

    Raises:
        UsageError: if ``resume`` meets results of another command or configuration.
    """

    def __init__(self, out: Path | None, results: Results, *, resume: bool = False) -> None:
        self.out = out
        self.results = results
        # A row never changes, so its key and its line are computed once. The entry holds the row
        # too: while it lives, no other has its id().
        self._lines: dict[int, tuple[Measurement, tuple[str, ...], str]] = {}
        if resume and out is not None and (out / FILENAME).exists():
            earlier = load_results(out)
            _refuse_other_run(earlier, results, out)
            self.results = replace(results, rows=earlier.rows, suites=earlier.suites)

    @property
    def rows(self) -> tuple[Measurement, ...]:
        """The rows so far."""
        return tuple(self.results.rows)

    def add(self, *rows: Measurement) -> None:
        """Add rows, each in place of an earlier one of the same identity, and save."""
        new = {self._line(row)[1]: row for row in rows}
        earlier = [row for row in self.results.rows if self._line(row)[1] not in new]
        self._save(rows=(*earlier, *new.values()))

    def drop(self, stale: Callable[[Measurement], bool]) -> None:
        """Remove rows that no longer hold."""
        valid = tuple(row for row in self.results.rows if not stale(row))
        if len(valid) < len(self.results.rows):
            self._save(rows=valid)

    def add_suite(self, suite: Mapping[str, Any]) -> None:
        """Add the card of a suite, in place of an earlier one of the same name."""
        earlier = [card for card in self.results.suites if card.get("name") != suite.get("name")]
        self._save(suites=(*earlier, dict(suite)))

    def _line(self, row: Measurement) -> tuple[Measurement, tuple[str, ...], str]:
        if id(row) not in self._lines:
            self._lines[id(row)] = (row, row_key(row), _text(row))
        return self._lines[id(row)]

    def _save(self, **changes: Any) -> None:
        self.results = replace(self.results, **changes)
        if self.out is not None:
            lines = (self._line(row)[2] for row in self.results.rows)
            write_file(self.out / FILENAME, _document(self.results, lines))


def _refuse_other_run(earlier: Results, now: Results, out: Path) -> None:
    before, after = _clean(earlier.config), _clean(now.config)
    if earlier.command != now.command:
        raise UsageError(
            f"--resume: {out} holds results of 'rabbench {earlier.command}', not "
            f"'{now.command}'; choose another --out"
        )
    differ = [
        f"{key}: {before.get(key)!r} there, {after.get(key)!r} now"
        for key in sorted({*before, *after} - {*REPORT_KEYS})
        if before.get(key) != after.get(key)
    ]
    if differ:
        raise UsageError(
            f"--resume: the configuration differs ({'; '.join(differ)}); give the same options "
            "or choose another --out"
        )


def frame(results: Results) -> pd.DataFrame:
    """One row a measurement; each param is a column, and ``n_samples`` counts the raw samples.

    The columns are ``system, phase, measure, value, unit, better, status, n_samples`` and the
    params. A value that was not measured is NaN, with its reason in the status.
    """
    import pandas as pd

    records = []
    for row in results.rows:
        fields = {name: getattr(row, name) for name in FIELDS}
        params = {key: value for key, value in row.params.items() if not isinstance(value, Mapping)}
        records.append({**fields, "n_samples": len(row.samples), **params})
    return pd.DataFrame.from_records(records)
