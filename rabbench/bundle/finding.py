"""One thing that was verified: what it is, whether it agrees, and what was seen.

Knows no results.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

Status = Literal["agrees", "disagrees", "not verified"]
ORDER: tuple[Status, ...] = ("agrees", "disagrees", "not verified")
WIDEST = 40  # characters of the column of subjects
CODES: tuple[tuple[Status, int], ...] = (("disagrees", 1), ("not verified", 3))


@dataclass(frozen=True)
class Finding:
    """One line of a verification: of what kind, about what, the outcome and its particulars."""

    kind: str
    about: str
    status: Status
    detail: str


def agrees(kind: str, about: str, detail: str) -> Finding:
    """It was recomputed and is the same."""
    return Finding(kind, about, "agrees", detail)


def disagrees(kind: str, about: str, detail: str) -> Finding:
    """It was recomputed and is not the same."""
    return Finding(kind, about, "disagrees", detail)


def unverified(kind: str, about: str, detail: str) -> Finding:
    """What it takes to recompute it is missing: never a pass."""
    return Finding(kind, about, "not verified", detail)


def exit_code(found: Sequence[Finding]) -> int:
    """0 where all agree, 1 where anything disagrees, 3 where something was not verified.

    Nothing verified at all is 3: an empty list is no pass.
    """
    statuses = {one.status for one in found}
    code = next((code for status, code in CODES if status in statuses), 0)
    return code if found else 3


def data(found: Sequence[Finding]) -> dict[str, Any]:
    """All of it as plain data: the exit code, how many of each outcome, and every line."""
    counts = Counter(one.status for one in found)
    return {
        "exit_code": exit_code(found),
        "counts": {status: counts[status] for status in ORDER},
        "findings": [asdict(one) for one in found],
    }


def table(found: Sequence[Finding]) -> list[str]:
    """A line each, in columns, and what they come to; a long subject breaks its column."""
    lines = list(found)
    kind = max((len(one.kind) for one in lines), default=0)
    about = min(max((len(one.about) for one in lines), default=0), WIDEST)
    counts = Counter(one.status for one in lines)
    summary = ", ".join(f"{counts[status]} {status}" for status in ORDER if counts[status])
    return [
        *(
            f"{one.status:<12}  {one.kind:<{kind}}  {one.about:<{about}}  {one.detail}".rstrip()
            for one in lines
        ),
        "",
        summary or "nothing to verify",
    ]
