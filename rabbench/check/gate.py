"""The gate: a baseline and one run or several, to a verdict.

Puts the two tiers together; reads no file and prints nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from rabbench.check.exact import check_exact
from rabbench.check.model import CheckResult, Verdict
from rabbench.check.noisy import check_noisy
from rabbench.check.reading import baseline_policy, read_runs, tier
from rabbench.config.check import TIERS, Policy, Tier
from rabbench.types import Results


def compare_runs(
    baseline: Sequence[Results],
    runs: Sequence[Results],
    *,
    policy: Policy | None = None,
    tiers: tuple[Tier, ...] = TIERS,
    absolute: bool = False,
) -> Verdict:
    """Compare runs with their baseline; several on a side are repeated measurements of one thing.

    The baseline is what ``--update`` wrote, or the runs of another version; ``policy`` is in place
    of the first one's own. ``absolute`` compares the noisy tier's figures themselves instead of
    ratios, which one machine only allows.

    Raises:
        BadInputError: if a file holds a row twice, or the baseline's policy cannot be read.
    """
    policy = policy or baseline_policy(baseline[0])
    base, head = read_runs(baseline), read_runs(runs)
    results: list[CheckResult] = []
    if "exact" in tiers:
        results += check_exact(base, head, policy)
    if "noisy" in tiers:
        results += check_noisy(base, head, policy, absolute=absolute)
    return Verdict(
        findings=results,
        policy=policy,
        tiers=tiers,
        new=sum(
            row.value is not None and identity not in base[0].rows
            for identity, row in head[0].rows.items()
        ),
        left_out=sum(tier(row) is None for run in runs for row in run.rows),
    )
