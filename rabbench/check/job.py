"""The gate as a job: read or measure, compare, write the files asked for, return the verdict.

Formats and prints nothing; knows the two jobs that a baseline may be of.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from rabbench import quality, scaling
from rabbench.check import github, junit
from rabbench.check.baseline import build_baseline, write_baseline
from rabbench.check.gate import compare_runs
from rabbench.check.model import Verdict
from rabbench.check.reading import CONFIG_KEY, baseline_policy, load_baseline, load_run
from rabbench.config.check import CheckConfig, Policy
from rabbench.config.options import Options
from rabbench.results import write_file
from rabbench.types import BadInputError, Progress, Results, UsageError, no_progress

JOBS: Mapping[str, tuple[Any, Any]] = {
    "scaling": (scaling.run, scaling.ScalingConfig),
    "quality": (quality.run, quality.QualityConfig),
}
DIRECTIONS: Mapping[str, Any] = {"smaller.json": "lower", "bigger.json": "higher"}


def run(config: CheckConfig, *, progress: Progress = no_progress) -> Verdict | None:
    """Check, or with ``update`` write the baseline.

    Returns:
        The verdict; of an update that against the baseline before it, None if there was none.

    Raises:
        UsageError: for options that do not go together, or an update without a reason.
        MissingError: for an update from a run in which points failed.
        BadInputError: if a file cannot be read.
    """
    if config.reason and not config.update:
        raise UsageError("--reason goes with --update, which writes the baseline; add it")
    if config.update and len(config.baseline) > 1:
        raise UsageError("--update writes one baseline; give --baseline once")
    baseline = _load_baselines(config)
    policy = replace(baseline_policy(baseline[0]) if baseline else Policy(), **config.policy)
    compare = partial(
        compare_runs, baseline, policy=policy, tiers=config.tiers, absolute=config.absolute
    )
    runs: list[Results] = []
    verdict = None
    for folder in config.folders:
        if config.measure:
            rerun(baseline[0], out=folder, progress=progress)
        runs.append(load_run(folder))
        if config.measure and not config.update:
            verdict = compare(runs)
            if verdict.status != "unclear":
                break
    if baseline and verdict is None:
        verdict = compare(runs)
    if config.update:
        updated = build_baseline(runs, reason=config.reason, policy=policy, tiers=config.tiers)
        write_baseline(updated, config.baseline[0])
    if verdict is not None:
        _write(config, verdict)
    return verdict


def _load_baselines(config: CheckConfig) -> list[Results]:
    """The baseline's files; an update that measures nothing can do without a readable one."""
    try:
        return [load_baseline(path) for path in config.baseline]
    except BadInputError:
        if config.update and not config.measure:
            return []
        raise


def _write(config: CheckConfig, verdict: Verdict) -> None:
    if config.junit is not None:
        write_file(config.junit, junit.render_xml(verdict))
    if config.benchmark_json is not None:
        for name, better in DIRECTIONS.items():
            entries = github.benchmark(verdict, better)
            if entries:  # github-action-benchmark takes an empty list for an error
                write_file(config.benchmark_json / name, json.dumps(entries, indent=1) + "\n")
    if config.summary:
        github.append_summary(verdict, config.baseline[0])


def rerun(earlier: Results, *, out: Path, progress: Progress = no_progress) -> Results:
    """Run the command of ``earlier`` with its configuration; ``out`` is written anew.

    Raises:
        UsageError: if it is of a command that is not repeated.
        BadInputError: if its configuration is not one that this release knows.
    """
    if earlier.command not in JOBS:
        raise UsageError(
            f"--measure: the baseline is of {earlier.command!r}, which is not measured again from "
            f"its file (only {' and '.join(JOBS)} are); measure into DIR and leave --measure out"
        )
    job, config_class = JOBS[earlier.command]
    try:
        fields: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value  # JSON has no tuples
            for key, value in earlier.config.items()
            if key != CONFIG_KEY
        }
        config = config_class(**{**fields, "options": Options(**fields["options"])})
    except (KeyError, TypeError) as error:
        raise BadInputError(
            f"--measure: the baseline's configuration is not of this release: {error}; measure "
            "with the command's own options and write the baseline again"
        ) from None
    results: Results = job(config, out=out, progress=progress)
    return results
