"""BRIGHT: questions whose answers need reasoning to be found; ``biology``, ``biology-long`` ….

Each query lists documents that must not count (it was built from them); ir_datasets marks them in
the judgements with grade −100. The long split has whole pages and reports recall@1.

Source: Su et al., "BRIGHT: A Realistic and Challenging Benchmark for Reasoning-Intensive
Retrieval", ICLR 2025, arXiv 2407.12883; ir_datasets' ``bright/*``.
"""

from __future__ import annotations

from collections.abc import Mapping

from rabbench.suites import _irds
from rabbench.types import Suite

FAMILY = _irds.Family("bright")
datasets = FAMILY.datasets

EXCLUDED_GRADE = -100
SHORT = (
    "aops", "biology", "earth-science", "economics", "leetcode", "pony", "psychology", "robotics",
    "stackoverflow", "sustainable-living", "theoremqa-questions", "theoremqa-theorems",
)  # fmt: skip
"""The 12 sets of passages."""

NO_PAGES = {"aops", "leetcode", "theoremqa-questions", "theoremqa-theorems"}
LONG = tuple(f"{name}-long" for name in SHORT if name not in NO_PAGES)
"""The 8 sets of whole pages."""

GROUPS: Mapping[str, tuple[str, ...]] = {"short": SHORT, "long": LONG}

DEFAULT: tuple[str, ...] = ()
"""None: data sets must be named, since the short and the long split are two tasks."""


def metrics(name: str) -> tuple[str, ...]:
    """The default metrics of a data set."""
    return ("recall@1",) if name.endswith("-long") else ("ndcg@10", "recall@100")


def load(name: str) -> Suite:
    """Load a data set by short name (``biology``) or full id; errors as in ``beir.load``."""
    dataset_id = FAMILY.resolve(name)
    return _irds.load(
        dataset_id,
        licence="CC BY 4.0",
        split="long" if dataset_id.endswith("-long") else "short",
        excluded_grade=EXCLUDED_GRADE,
    )
