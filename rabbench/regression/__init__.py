"""The regression gate: is a run still what the committed baseline says?

Two tiers. *Exact*: counts, index bytes, metrics and orders of growth, which any machine computes
alike. *Noisy*: latency, memory and energy as ratios within one run, by rank tests against a margin
that the benchmark's own noise sets. What was not measured never passes. The baseline is a results
file. Runs nothing.
"""

from __future__ import annotations

from rabbench.regression.baseline import made, write
from rabbench.regression.gate import check
from rabbench.regression.model import STATUSES, TIERS, Finding, Policy, Tier, Verdict
from rabbench.regression.reading import load, load_baseline, policy

__all__ = [
    "STATUSES",
    "TIERS",
    "Finding",
    "Policy",
    "Tier",
    "Verdict",
    "check",
    "load",
    "load_baseline",
    "made",
    "policy",
    "write",
]
