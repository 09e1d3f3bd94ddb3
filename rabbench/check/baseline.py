"""Writes a baseline: a results file with the reason, the date and the policy in its ``config``.

Takes over the rows that are compared and refuses runs that cannot stand for what is meant to be.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

from rabbench.check import exact, ratios, reading
from rabbench.config.check import TIERS, Policy, Tier
from rabbench.results import save_results, write_text
from rabbench.types import BadInputError, Measurement, MissingError, Results, UsageError

FAILED = {"oom", "timeout", "error"}


def build_baseline(
    runs: Sequence[Results],
    *,
    reason: str,
    policy: Policy,
    tiers: tuple[Tier, ...] = TIERS,
) -> Results:
    """The baseline that these runs make.

    Exact rows are kept once; noisy ones of every run, told apart by ``run`` in their params where
    there are several. References that the policy leaves open are settled here.

    Raises:
        UsageError: without a reason.
        MissingError: if a point failed, or nothing is there that the gate compares.
        BadInputError: if the runs differ where they must not, or come from several machines.
    """
    if not reason.strip():
        raise UsageError(
            "--update needs --reason TEXT: why the baseline changes is what its reviewers ask first"
        )
    _refuse_failed(runs)
    readings = reading.readings(runs)
    first = [row for row in readings[0].rows.values() if row.value is not None]
    rows = [row for row in first if reading.tier(row) == "exact" and "exact" in tiers]
    for number, one in enumerate(readings if "noisy" in tiers else []):
        costs = (row for row in one.rows.values() if row.value is not None)
        marked = {"run": number} if len(readings) > 1 else {}
        rows += [row.with_changes(params=marked) for row in costs if reading.tier(row) == "noisy"]
    if not rows:
        raise MissingError(
            f"--update: these runs hold nothing that the {' or '.join(tiers)} tier compares; "
            "measure FLOPs, index size, latency or memory, or evaluate on a data set"
        )
    timed = [row for row in first if reading.tier(row) == "noisy"]
    if "noisy" in tiers and timed:
        _refuse_machines(readings)
        policy = replace(policy, references=policy.references or ratios.chosen(timed))
    kept = {
        "reason": reason.strip(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "policy": asdict(policy),
    }
    written = replace(runs[0], config={**runs[0].config, reading.KEPT: kept}, rows=rows)
    _refuse_differing(written, runs, policy, tiers)
    return written


def write_baseline(baseline: Results, path: Path) -> None:
    """Write a baseline to its file, or into a folder as its results."""
    if path.is_dir():
        save_results(baseline, path)
        return
    with tempfile.TemporaryDirectory() as folder:
        text = save_results(baseline, Path(folder)).read_text(encoding="utf-8")
    write_text(path, text)


def _refuse_failed(runs: Sequence[Results]) -> None:
    failed = [row for one in runs for row in one.rows if row.status in FAILED]
    if failed:
        raise MissingError(
            f"--update: {len(failed)} points of the run failed, such as {_failure(failed[0])}; a "
            "baseline needs every point measured: run again, or sweep less"
        )


def _failure(row: Measurement) -> str:
    return f"{reading.told(row)}: {row.status}: {row.params.get('message', '')}"


def _refuse_machines(readings: Sequence[reading.Reading]) -> None:
    machines = sorted({str(one.environment.get("machine")) for one in readings})
    if len(machines) > 1:
        raise BadInputError(
            f"--update: runs of several machines ({', '.join(machines)}): the noise between them "
            "would count as the benchmark's own; repeat the runs on one"
        )


def _refuse_differing(
    written: Results, runs: Sequence[Results], policy: Policy, tiers: tuple[Tier, ...]
) -> None:
    if "exact" not in tiers or len(runs) < 2:
        return
    base, head = reading.readings([written]), reading.readings(runs)
    for found in exact.findings(base, head, policy):
        if found.status != "pass":
            raise BadInputError(
                f"--update: the runs differ in {found.name}, which must be exact: {found.message}"
            )
