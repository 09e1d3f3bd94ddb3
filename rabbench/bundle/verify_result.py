"""One line of a verification: what was recomputed, whether it agrees, and the particulars.

Knows no results.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

Outcome = Literal["agrees", "disagrees", "not verified"]
OUTCOMES: tuple[Outcome, ...] = ("agrees", "disagrees", "not verified")
EXIT_CODES: dict[Outcome, int] = {"disagrees": 1, "not verified": 3}
MAX_ABOUT_WIDTH = 40  # characters of the column of subjects


@dataclass(frozen=True)
class VerifyResult:
    """One line of a verification: of what kind, about what, the outcome and its particulars."""

    kind: str
    about: str
    status: Outcome
    detail: str


def agrees(kind: str, about: str, detail: str) -> VerifyResult:
    """Recomputed, and the same."""
    return VerifyResult(kind, about, "agrees", detail)


def disagrees(kind: str, about: str, detail: str) -> VerifyResult:
    """Recomputed, and not the same."""
    return VerifyResult(kind, about, "disagrees", detail)


def unverified(kind: str, about: str, detail: str) -> VerifyResult:
    """Not recomputed, because something is missing: never a pass."""
    return VerifyResult(kind, about, "not verified", detail)


def exit_code(results: Sequence[VerifyResult]) -> int:
    """0 where all agree, 1 where anything disagrees, 3 where something was not verified.

    Nothing verified at all is 3: an empty list is no pass.
    """
    outcomes = {result.status for result in results}
    code = next((code for outcome, code in EXIT_CODES.items() if outcome in outcomes), 0)
    return code if results else 3


def to_json(results: Sequence[VerifyResult]) -> dict[str, Any]:
    """The exit code, the number of each outcome, and every line, as plain data."""
    counts = Counter(result.status for result in results)
    return {
        "exit_code": exit_code(results),
        "counts": {outcome: counts[outcome] for outcome in OUTCOMES},
        "findings": [asdict(result) for result in results],
    }


def text_lines(results: Sequence[VerifyResult]) -> list[str]:
    """A line each, in columns, and the number of each outcome; a long subject breaks its column."""
    counts = Counter(result.status for result in results)
    kind = max((len(result.kind) for result in results), default=0)
    about = min(max((len(result.about) for result in results), default=0), MAX_ABOUT_WIDTH)
    lines = [
        f"{r.status:<12}  {r.kind:<{kind}}  {r.about:<{about}}  {r.detail}".rstrip()
        for r in results
    ]
    summary = ", ".join(f"{counts[outcome]} {outcome}" for outcome in OUTCOMES if counts[outcome])
    return [*lines, "", summary or "nothing to verify"]
