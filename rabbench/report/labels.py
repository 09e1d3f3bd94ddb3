"""Names of what is compared: a system, and whatever tells its sweeps apart; the paper's figures.

Knows rows' params; the same label always means the same sweep in one report. Machines, models and
versions of the data of the paper (Rabtriever, arXiv 2604.23336) are its own: they agree with a
run's in kind only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from rabbench.plan.rows import CALIBRATION, PREDICTED, RUN
from rabbench.scaling.fits import KEYS
from rabbench.types import PHASES, Measurement

Item = TypeVar("Item")
Key = TypeVar("Key")

MEASURES: Mapping[str, str] = {
    "flops": "FLOPs",
    "latency": "Time",
    "working_memory": "Working memory",
    "peak_memory": "Peak memory",
    "index_size": "Index size",
    "energy": "Energy",
}
"""How a cost is called, in the order in which a report shows them."""

PHASE_WORDS: Mapping[str, str] = {
    "index": "index (per document, offline)",
    "query": "query (per query)",
    "score": "score (per pair)",
}

TEACHER, CACHED = "teacher", "teacher-cached"
STUDENT, CHUNKED = "rabtriever", "rabtriever-chunked"

LONGEST = "longest_feasible"
"""Not a cost: the longest document, in tokens, that a phase could take."""

SEPARATOR = " · "
SHOWN = tuple(name for name in KEYS if name not in {"pairs", "trained"})


def is_cost(row: Measurement) -> bool:
    """Whether a row was measured in a sweep over document length: the less, the better."""
    predicted = row.measure.startswith(PREDICTED)
    swept = row.phase in PHASES and "doc_len" in row.params
    return swept and row.better == "lower" and not predicted


def name_of(measure: str) -> str:
    """A cost in words; an unknown one keeps its own name."""
    return MEASURES.get(measure, measure)


def measures_of(names: Iterable[str]) -> list[str]:
    """The costs present, known ones first."""
    present = set(names)
    return [m for m in MEASURES if m in present] + sorted(present - set(MEASURES))


class Labels:
    """Labels for the sweeps of these rows, of one run or of several.

    A param of ``names`` is in it only where one run measured a system with several of its values,
    so that ``teacher`` stays ``teacher`` until there is ``teacher · eager`` beside
    ``teacher · sdpa``.
    """

    def __init__(self, *runs: Iterable[Measurement], names: Sequence[str] = SHOWN) -> None:
        self.names, self.untrained = names, set[str]()
        self._varies: set[tuple[str, str]] = set()
        for rows in runs:
            values: dict[tuple[str, str], set[str]] = {}
            for row in rows:
                if row.params.get("trained") is False:
                    self.untrained.add(row.system)
                for name in row.params.keys() & set(names):
                    values.setdefault((row.system, name), set()).add(str(row.params[name]))
            self._varies |= {pair for pair, several in values.items() if len(several) > 1}

    def of(self, system: str, params: Mapping[str, Any]) -> str:
        """The label of a system's sweep with these params."""
        names = [n for n in self.names if (system, n) in self._varies and n in params]
        values = [
            f"{name} {params[name]}" if isinstance(params[name], int) else str(params[name])
            for name in names
        ]
        return SEPARATOR.join([system, *values])


def system_label(row: Measurement, labels: Labels) -> str:
    """A row's label, with a word where its system is untrained."""
    note = " (untrained)" if row.params.get("trained") is False else ""
    return labels.of(row.system, row.params) + note


def rank(system: str) -> tuple[int, str]:
    """Where a system stands in a table: teachers, students, then the others by name."""
    return (ORDER.index(system) if system in ORDER else len(ORDER), system)


ORDER = (TEACHER, CACHED, STUDENT, CHUNKED)
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


def group_by(items: Iterable[Item], key: Callable[[Item], Key]) -> dict[Key, list[Item]]:
    """Items by their key, both in the order of the items."""
    groups: dict[Key, list[Item]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups
