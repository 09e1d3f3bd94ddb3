"""Measures again what a results file says was measured, with the same configuration.

Knows the two jobs that a baseline may be of; decides nothing and prints nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rabbench import quality, scaling
from rabbench.types import BadInputError, Options, Progress, Results, UsageError, no_progress

JOBS: Mapping[str, tuple[Any, Any]] = {
    "scaling": (scaling.run, scaling.ScalingConfig),
    "quality": (quality.run, quality.QualityConfig),
}
NOT_MEASURED = ("check",)  # what a baseline keeps in its configuration beside it


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
    job, made = JOBS[earlier.command]
    try:
        given = {key: _frozen(of) for key, of in earlier.config.items() if key not in NOT_MEASURED}
        config = made(**{**given, "options": Options(**given["options"])})
    except (KeyError, TypeError) as error:
        raise BadInputError(
            f"--measure: the baseline's configuration is not of this release: {error}; measure "
            "with the command's own options and write the baseline again"
        ) from None
    results: Results = job(config, out=out, progress=progress)
    return results


def _frozen(value: Any) -> Any:
    """JSON's lists as the tuples that a configuration has."""
    return tuple(value) if isinstance(value, list) else value
