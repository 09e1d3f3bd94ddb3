"""Words and colours of a report's phases and systems, and the paper's figures.

Machines, models and versions of the data of the paper (Rabtriever, arXiv 2604.23336) are its own:
they agree with a run's in kind only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from rabbench.plan.rows import CALIBRATION, RUN
from rabbench.scaling.labels import STUDENT, TEACHER
from rabbench.types import Measurement

PHASE_WORDS: Mapping[str, str] = {
    "index": "index (per document, offline)",
    "query": "query (per query)",
    "score": "score (per pair)",
}

LONGEST = "longest_feasible"
"""Not a cost: the longest document, in tokens, that a phase could take."""

FIRST = (TEACHER, STUDENT, "bm25", "dense")
"""Systems that every report shows in the same colour."""


def slots(rows: Iterable[Measurement]) -> dict[str, int]:
    """Each system's place in the palette, the same in every figure of a report."""
    present = {row.system for row in rows if row.phase not in {CALIBRATION, RUN}}
    return {name: i for i, name in enumerate([*FIRST, *sorted(present - set(FIRST))])}


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


PAPER = PairLatency(
    teacher_s=0.980,
    student_s=0.095,
    model="Qwen2-7B-Instruct",
    hardware="8×A100",
    source="Rabtriever, arXiv 2604.23336, online latency of one pair",
)
PAPER_TRAINING = (
    "training its student of Qwen2-7B took under 10 hours on 8 A100, at most 288,000 s of one "
    "such GPU"
)
PAPER_RETENTION: Mapping[tuple[str, str], tuple[float, float]] = {
    ("esconv", "hit_rate@1"): (32.8, 34.4),
    ("saycan", "hit_rate@1"): (67.3, 71.2),
    ("msmarco", "mrr@10"): (49.3, 52.4),
}
"""Student and teacher in percent, by data set and metric."""

PAPER_RETENTION_RANGE = "94–95 %"
