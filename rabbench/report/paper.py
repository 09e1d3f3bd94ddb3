"""Figures of the paper (Rabtriever, arXiv 2604.23336) that a report sets beside measured ones.

Its machines, models and versions of the data are its own: they agree with a run's in kind only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class PairLatency(NamedTuple):
    """Seconds that one pair answered online took teacher and student."""

    teacher_s: float
    student_s: float
    model: str
    hardware: str
    source: str

    @property
    def factor(self) -> float:
        """Teacher over student."""
        return self.teacher_s / self.student_s


ONLINE = PairLatency(
    teacher_s=0.980,
    student_s=0.095,
    model="Qwen2-7B-Instruct",
    hardware="8×A100",
    source="Rabtriever, arXiv 2604.23336, online latency of one pair",
)
RETENTION: Mapping[tuple[str, str], tuple[float, float]] = {
    ("esconv", "hit_rate@1"): (32.8, 34.4),
    ("saycan", "hit_rate@1"): (67.3, 71.2),
    ("msmarco", "mrr@10"): (49.3, 52.4),
}
"""Student and teacher in percent, by data set and metric."""

RETENTION_RANGE = "94–95 %"
TRAINING = (
    "training its student of Qwen2-7B took under 10 hours on 8 A100, at most 288,000 s of one "
    "such GPU"
)
