"""The regression gate: is a run still what the committed baseline says?

Two tiers. *Exact*: counts, index bytes, metrics and orders of growth, which any machine computes
alike. *Noisy*: latency, memory and energy as ratios within one run, by rank tests against a margin
that the benchmark's own noise sets. What was not measured never passes. The baseline is a results
file.
"""

from __future__ import annotations

from rabbench.check.baseline import build_baseline, write_baseline
from rabbench.check.gate import compare_runs
from rabbench.check.job import run
from rabbench.check.model import STATUSES, CheckResult, Verdict
from rabbench.check.reading import baseline_policy, load_baseline, load_run
from rabbench.config.check import TIERS, CheckConfig, Policy, Tier

__all__ = [
    "STATUSES", "TIERS", "CheckConfig", "CheckResult", "Policy", "Tier", "Verdict",
    "baseline_policy", "build_baseline", "compare_runs", "load_baseline", "load_run", "run",
    "write_baseline",
]  # fmt: skip
