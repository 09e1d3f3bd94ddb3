"""The gate as a job: read or measure, compare, write what was asked for, return the verdict.

The comparing is ``regression``'s, the measuring ``remeasure``'s. Formats and prints nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from rabbench.check import github, junit
from rabbench.check.baseline import build_baseline, write_baseline
from rabbench.check.gate import compare_runs
from rabbench.check.model import Verdict
from rabbench.check.reading import baseline_policy, load_baseline, load_run
from rabbench.check.rerun import rerun
from rabbench.config.check import CheckConfig, Policy
from rabbench.results import write_text
from rabbench.types import BadInputError, Progress, Results, UsageError, no_progress

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
    baseline = _baseline(config)
    kept = baseline_policy(baseline[0]) if baseline else Policy()
    policy = replace(kept, **config.policy)
    runs: list[Results] = []
    verdict = None
    for folder in config.folders:
        if config.measure:
            rerun(baseline[0], out=folder, progress=progress)
        runs.append(load_run(folder))
        if config.measure and not config.update:
            verdict = _verdict(config, baseline, runs, policy)
            if verdict.status != "unclear":
                break
    if baseline and not (config.measure and verdict):
        verdict = _verdict(config, baseline, runs, policy)
    if config.update:
        made = build_baseline(runs, reason=config.reason, policy=policy, tiers=config.tiers)
        write_baseline(made, config.baseline[0])
    if verdict is not None:
        _write(config, verdict)
    return verdict


def _baseline(config: CheckConfig) -> list[Results]:
    """The baseline's files; an update that measures nothing can do without a readable one."""
    try:
        return [load_baseline(path) for path in config.baseline]
    except BadInputError:
        if config.update and not config.measure:
            return []
        raise


def _verdict(
    config: CheckConfig, baseline: Sequence[Results], runs: Sequence[Results], policy: Policy
) -> Verdict:
    return compare_runs(baseline, runs, policy=policy, tiers=config.tiers, absolute=config.absolute)


def _write(config: CheckConfig, verdict: Verdict) -> None:
    if config.junit is not None:
        write_text(config.junit, junit.xml(verdict))
    if config.benchmark_json is not None:
        for name, better in DIRECTIONS.items():
            found = github.benchmark(verdict, better)
            if found:  # github-action-benchmark takes an empty list for an error
                write_text(config.benchmark_json / name, json.dumps(found, indent=1) + "\n")
    if config.summary:
        github.append_summary(verdict, config.baseline[0])
