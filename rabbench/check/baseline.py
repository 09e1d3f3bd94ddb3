"""Writes a baseline: a results file with the reason, the date and the policy in its ``config``.

Takes over the rows that are compared and refuses runs that cannot stand for what is meant to be.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

from rabbench.check.exact import check_exact
from rabbench.check.ratios import choose_references
from rabbench.check.reading import CONFIG_KEY, Reading, read_runs, row_text, tier
from rabbench.config.check import TIERS, Policy, Tier
from rabbench.results import save_results, write_file
from rabbench.types import BadInputError, MissingError, Results, UsageError

FAILED = {"oom", "timeout", "error"}


def build_baseline(
    runs: Sequence[Results],
    *,
    reason: str,
    policy: Policy,
    tiers: tuple[Tier, ...] = TIERS,
) -> Results:
    """The baseline that these runs make.

    Exact rows stand once; noisy ones of every run, with ``run`` in their params where there are
    several. References that the policy leaves open are settled here.

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
    readings = read_runs(runs)
    first = [row for row in readings[0].rows.values() if row.value is not None]
    rows = [row for row in first if tier(row) == "exact" and "exact" in tiers]
    for number, reading in enumerate(readings if "noisy" in tiers else []):
        params = {"run": number} if len(readings) > 1 else {}
        rows += [
            row.with_changes(params=params)
            for row in reading.rows.values()
            if row.value is not None and tier(row) == "noisy"
        ]
    if not rows:
        raise MissingError(
            f"--update: these runs hold nothing that the {' or '.join(tiers)} tier compares; "
            "measure FLOPs, index size, latency or memory, or evaluate on a data set"
        )
    noisy = [row for row in first if tier(row) == "noisy"]
    if "noisy" in tiers and noisy:
        _refuse_machines(readings)
        policy = replace(policy, references=policy.references or choose_references(noisy))
    entry = {
        "reason": reason.strip(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "policy": asdict(policy),
    }
    baseline = replace(runs[0], config={**runs[0].config, CONFIG_KEY: entry}, rows=rows)
    if "exact" in tiers and len(runs) > 1:
        for result in check_exact(read_runs([baseline]), readings, policy):
            if result.status != "pass":
                raise BadInputError(
                    f"--update: the runs differ in {result.name}, which must be exact: "
                    f"{result.message}"
                )
    return baseline


def write_baseline(baseline: Results, path: Path) -> None:
    """Write a baseline to its file, or into a folder as its results."""
    if path.is_dir():
        save_results(baseline, path)
        return
    with tempfile.TemporaryDirectory() as folder:
        text = save_results(baseline, Path(folder)).read_text(encoding="utf-8")
    write_file(path, text)


def _refuse_failed(runs: Sequence[Results]) -> None:
    failed = [row for run in runs for row in run.rows if row.status in FAILED]
    if failed:
        row = failed[0]
        example = f"{row_text(row)}: {row.status}: {row.params.get('message', '')}"
        raise MissingError(
            f"--update: {len(failed)} points of the run failed, such as {example}; a "
            "baseline needs every point measured: run again, or sweep less"
        )


def _refuse_machines(readings: Sequence[Reading]) -> None:
    machines = sorted({str(reading.environment.get("machine")) for reading in readings})
    if len(machines) > 1:
        raise BadInputError(
            f"--update: runs of several machines ({', '.join(machines)}): the noise between them "
            "would count as the benchmark's own; repeat the runs on one"
        )
