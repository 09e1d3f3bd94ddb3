"""When the student pays off: what answering costs in all, and from which query on it costs less.

Reads rows, runs nothing. Of one document length, for N documents, Q queries and k candidates each:

    total(Q) = training + N · index + Q · (query + k · score)

Every one of the N documents is indexed once, whether it is ever asked about or not; k of them are
scored for each query. The first stage that picks the k is the same for all and left out. Only a
student is trained; a cost of training that was not given is left out, and said to be. What an index
occupies is bytes, not work, and stands apart (``storages``).
"""

from __future__ import annotations

from rabbench.config.scaling import Load
from rabbench.scaling.break_even.bills import (
    MEASURES,
    NEEDS,
    STUDENTS,
    Bill,
    Storage,
    bills,
    storages,
    terms,
    total,
)
from rabbench.scaling.break_even.compare import (
    REFERENCES,
    BreakEven,
    break_even,
    break_evens,
    pair_bills,
)

__all__ = [
    "MEASURES", "NEEDS", "REFERENCES", "STUDENTS", "Bill", "BreakEven", "Load", "Storage",
    "bills", "break_even", "break_evens", "pair_bills", "storages", "terms", "total",
]  # fmt: skip
