"""Names of what is compared: a cost, a system, and whatever tells its sweeps apart.

Knows rows' params; the same label always means the same sweep in one report.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from rabbench.types import PHASES, Measurement

Item = TypeVar("Item")
Key = TypeVar("Key")

KEYS = ("model", "attention", "dtype", "device", "pairs", "query_len", "n_docs", "k", "trained")
"""The params that distinguish two sweeps of a system."""

PREDICTED = "predicted_"
"""What the name of a cost begins with that was predicted, not measured."""

MEASURES: Mapping[str, str] = {
    "flops": "FLOPs",
    "latency": "Time",
    "working_memory": "Working memory",
    "peak_memory": "Peak memory",
    "index_size": "Index size",
    "energy": "Energy",
}
"""How a cost is called, in the order in which a report shows them."""

TEACHER, CACHED = "teacher", "teacher-cached"
STUDENT, CHUNKED = "rabtriever", "rabtriever-chunked"
ORDER = (TEACHER, CACHED, STUDENT, CHUNKED)

SEPARATOR = " · "
COMPARABLE = tuple(name for name in KEYS if name not in {"pairs", "trained"})


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


def rank(system: str) -> tuple[int, str]:
    """Where a system stands in a table: teachers, students, then the others by name."""
    return (ORDER.index(system) if system in ORDER else len(ORDER), system)


def pairs_text(pairs: str) -> tuple[str, str]:
    """A convention of counting as the end of an id, and in brackets."""
    return (f"-{pairs}", f" ({pairs} pairs)") if pairs else ("", "")


class Labels:
    """Labels for the sweeps of these rows, of one run or of several.

    A param of ``names`` is in it only where one run measured a system with several of its values,
    so that ``teacher`` stays ``teacher`` until there is ``teacher · eager`` beside
    ``teacher · sdpa``.
    """

    def __init__(self, *runs: Iterable[Measurement], names: Sequence[str] = COMPARABLE) -> None:
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


def group_by(items: Iterable[Item], key: Callable[[Item], Key]) -> dict[Key, list[Item]]:
    """Items by their key, both in the order of the items."""
    groups: dict[Key, list[Item]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups


def join_words(words: Sequence[str], last: str = "and") -> str:
    """A list in a sentence: “A”, “A and B”, “A, B and C”."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"
