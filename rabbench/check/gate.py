"""The gate: a baseline and one run or several, to a verdict.

Puts the two tiers together; reads no file and prints nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from rabbench.check import exact, noisy, reading
from rabbench.check.model import Verdict
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
    """Compare runs with their baseline.

    Args:
        baseline: what ``--update`` wrote, or the runs of another version; several are repeated
            measurements of one thing.
        runs: what is judged, likewise.
        policy: in place of the one that the first baseline keeps.
        tiers: which to compare.
        absolute: compare the noisy tier's figures themselves instead of ratios; one machine only.

    Raises:
        BadInputError: if a file holds a row twice, or the baseline's policy cannot be read.
    """
    policy = policy or reading.baseline_policy(baseline[0])
    base, head = reading.readings(baseline), reading.readings(runs)
    found = []
    if "exact" in tiers:
        found += list(exact.findings(base, head, policy))
    if "noisy" in tiers:
        found += list(noisy.findings(base, head, policy, absolute=absolute))
    known = base[0].rows.keys()
    return Verdict(
        findings=found,
        policy=policy,
        tiers=tiers,
        new=sum(row.value is not None for key, row in head[0].rows.items() if key not in known),
        left_out=sum(reading.tier(row) is None for one in runs for row in one.rows),
    )
