"""Budgets: ``20m``, ``8GB``, ``20m,8GB,download=2GB``; and the refusal of a plan that exceeds one.

Knows plans and numbers; runs nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from rabbench.plan.record import Plan
from rabbench.types import UsageError

SECONDS = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
BYTES = {
    **{f"{prefix}b": 1000**power for power, prefix in enumerate("kmgt", start=1)},
    **{f"{prefix}ib": 1024**power for power, prefix in enumerate("kmgt", start=1)},
}
PART = re.compile(r"(?:(?P<what>[a-z]+)=)?(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[a-z]+)")
EXAMPLES = "20m, 1.5h, 8GB, 20m,8GB or 20m,memory=8GB,index=1GB,download=2GB"


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What a run may cost at most; None is no limit. ``index_bytes`` is of each system."""

    wall_s: float | None = None
    peak_bytes: float | None = None
    index_bytes: float | None = None
    download_bytes: float | None = None


KEYS = {
    "time": "wall_s",
    "memory": "peak_bytes",
    "index": "index_bytes",
    "download": "download_bytes",
}


def parse_budget(text: str) -> Budget:
    """Read a budget: a time, a size (of memory, unless it says of what), or several with commas.

    Raises:
        UsageError: for anything else; the message has examples.
    """
    limits: dict[str, float] = {}
    for part in text.split(","):
        found = PART.fullmatch(part.strip().lower())
        if found is None:
            raise UsageError(f"--budget {text}: {part.strip()!r} is no amount; give {EXAMPLES}")
        what, number, unit = found["what"], float(found["number"]), found["unit"]
        timed = unit in SECONDS
        if not timed and unit not in BYTES:
            known = ", ".join([*SECONDS, *(name.upper() for name in BYTES)])
            raise UsageError(f"--budget {text}: unknown unit {unit!r}; known: {known}")
        what = what or ("time" if timed else "memory")
        if what not in KEYS:
            raise UsageError(f"--budget {text}: unknown limit {what!r}; known: {', '.join(KEYS)}")
        if timed != (what == "time"):
            raise UsageError(
                f"--budget {text}: {what} is given in {unit}; time takes s, m, h or d, everything "
                "else KB, MB, GB or TB"
            )
        key = KEYS[what]
        if key in limits or not number:
            why = "is given twice" if key in limits else "must be more than 0"
            raise UsageError(f"--budget {text}: {what} {why}; give {EXAMPLES}")
        limits[key] = number * (SECONDS[unit] if timed else BYTES[unit])
    return Budget(**limits)


def check_budget(plan: Plan, budget: Budget) -> None:
    """Refuse a plan that would exceed a budget.

    Raises:
        UsageError: saying predicted against allowed, what takes most, and what to lower.
    """
    over = [
        f"{what}: predicted {said(predicted, what)}, allowed {said(allowed, what)}"
        for what, predicted, allowed in (
            ("time", plan.wall_s, budget.wall_s),
            ("memory", plan.peak_bytes, budget.peak_bytes),
            ("index", plan.index_bytes, budget.index_bytes),
            ("download", plan.download_bytes, budget.download_bytes),
        )
        if allowed is not None and predicted > allowed
    ]
    if over:
        raise UsageError(f"--budget would be exceeded; {'; '.join(over)}. {_remedy(plan)}")


def said(value: float, what: str) -> str:
    """A time as ``1 h 12 min`` or ``42 s``, bytes in decimal units."""
    if what == "time":
        if value < 120:
            return f"{value:.3g} s"
        minutes = round(value / 60)
        return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("KB", 1e3)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.0f} B"


def _remedy(plan: Plan) -> str:
    flags = {
        "scaling": "--max-doc-len, --points, --rounds or --measures",
        "quality": "--max-queries, --depth, --max-doc-tokens or --datasets",
    }[plan.command]
    shares = {name: seconds for name, seconds in plan.by_system().items() if name != "all"}
    if not shares:
        return f"Lower {flags}"
    system, seconds = next(iter(shares.items()))
    share = seconds / plan.wall_s
    return (
        f"Most of the time ({share:.0%}) goes to {system!r}: lower {flags}, or leave it out of "
        "--systems; 'rabbench plan' shows every part"
    )
