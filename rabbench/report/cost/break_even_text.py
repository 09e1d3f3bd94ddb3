"""Break-evens in words: names of the sides, cells of a table, clauses of a sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from rabbench.report.labels import CACHED, CHUNKED, STUDENT, TEACHER
from rabbench.scaling.break_even import BreakEven
from rabbench.stats.intervals import Estimate

WHO: Mapping[str, str] = {
    TEACHER: "the teacher",
    CACHED: "the cached teacher",
    STUDENT: "the student",
    CHUNKED: "the chunked student",
}
NOUNS = {"flops": "FLOPs", "latency": "time"}


def cell(found: BreakEven) -> str:
    """“12 (11 to 13)”, “never”, or why there is nothing."""
    if found.queries is None:
        return f"not measured ({found.why})"
    value, low, high = found.queries.value, found.queries.low, found.queries.high
    if found.kind == "until":
        return f"1 to {found.last:,} only"
    text = "never" if math.isinf(value) else f"{value:,.0f}"
    if low == high or math.isinf(low):
        return text
    if math.isinf(high):
        return (
            f"{text} ({low:,.0f} or later)" if math.isfinite(value) else f"{text} (or {low:,.0f})"
        )
    return f"{text} ({low:,.0f} to {high:,.0f})"


def when(found: BreakEven) -> str:
    """“from the 3rd query on”, for a sentence."""
    if found.queries is None:
        return f"at no known number of queries ({found.why} not measured)"
    value, low, high = found.queries.value, found.queries.low, found.queries.high
    if found.kind == "until":
        return f"for the first {found.last:,} queries only"
    if found.kind == "never":
        return "at no number of queries"
    text = "from the first query on" if value == 1 else f"from the {ordinal(value)} query on"
    return f"{text}{_within(low, high)}"


def _within(low: float, high: float) -> str:
    if low == high or math.isinf(low):
        return ""
    return f" ({ordinal(low)} {'or later' if math.isinf(high) else 'to ' + ordinal(high)})"


def against(found: Sequence[BreakEven]) -> str:
    """“than the teacher from the 3rd query on in FLOPs and from the 4th (3rd to 5th) in time”."""
    who = WHO[found[0].reference]
    first = found[0].queries
    same = first is not None and all(
        one.kind == found[0].kind and one.queries and one.queries.value == first.value
        for one in found
    )
    if same and len(found) == 2:
        noisy = next((one.queries for one in found if one.queries != first), None)
        within = _within(noisy.low, noisy.high) if noisy else ""
        once = when(replace(found[0], queries=_sure(first)))
        return f"than {who} {once} in FLOPs as in time{within}"
    said = " and ".join(f"{when(one)} in {NOUNS[one.measure]}" for one in found)
    return f"than {who} {said}"


def _sure(estimate: Estimate | None) -> Estimate | None:
    return estimate and Estimate(estimate.value, estimate.value, estimate.value)


def ordinal(value: float) -> str:
    """1st, 2nd, 3rd, 4th, 11th, 1,002nd."""
    n = round(value)
    suffix = "th" if n % 100 in {11, 12, 13} else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n:,}{suffix}"


def capital(text: str) -> str:
    """The text with a capital letter first, the rest as it is."""
    return text[:1].upper() + text[1:]
