"""A plan: what it holds, its words, budgets (``20m,8GB``), and the refusal of one that costs more.

Knows rows and numbers; runs nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from rabbench.types import Measurement, UsageError

SECONDS = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
BYTES = {
    **{f"{prefix}b": 1000**power for power, prefix in enumerate("kmgt", start=1)},
    **{f"{prefix}ib": 1024**power for power, prefix in enumerate("kmgt", start=1)},
}
PART = re.compile(r"(?:(?P<limit>[a-z]+)=)?(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[a-z]+)")
EXAMPLES = "20m, 1.5h, 8GB, 20m,8GB or 20m,memory=8GB,index=1GB,download=2GB"


@dataclass(frozen=True, kw_only=True)
class Step:
    """A part of the wall time: of which work and system, in how many seconds."""

    work: str
    system: str
    seconds: float
    doc_len: int | None = None

    def to_json(self) -> dict[str, Any]:
        """As a dictionary that JSON can hold."""
        raw = asdict(self)
        return {"what": raw.pop("work"), **raw}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A prediction: rows as the run will write them, totals, and what was assumed.

    ``rows`` carry the names and units of the measures that they predict, and ``bound`` in their
    params: ``compute``, ``memory`` or ``overhead``, or ``timed`` where a short run was scaled.
    ``models`` says of each model how many parameters it has and what must be downloaded.
    """

    command: str
    rows: Sequence[Measurement]
    steps: Sequence[Step]
    peak_bytes: int
    index_bytes: int
    download_bytes: int
    models: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    assumptions: Sequence[str] = ()
    machine: str = ""

    @property
    def wall_s(self) -> float:
        """Predicted wall time of the whole run, in seconds."""
        return sum(step.seconds for step in self.steps)

    def by_system(self) -> dict[str, float]:
        """Seconds of each system, largest first."""
        shares: dict[str, float] = {}
        for step in self.steps:
            shares[step.system] = shares.get(step.system, 0.0) + step.seconds
        return dict(sorted(shares.items(), key=lambda item: -item[1]))

    def to_json(self) -> dict[str, Any]:
        """As a dictionary that JSON can hold, totals included."""
        steps = [step.to_json() for step in self.steps]
        return {**asdict(self), "steps": steps, "wall_s": self.wall_s}


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What a run may cost at most; None is no limit. ``index_bytes`` is of each system."""

    wall_s: float | None = None
    peak_bytes: float | None = None
    index_bytes: float | None = None
    download_bytes: float | None = None


LIMITS = {
    "time": "wall_s",
    "memory": "peak_bytes",
    "index": "index_bytes",
    "download": "download_bytes",
}
"""The field of a budget, and of a plan, for each name of a limit."""


def parse_budget(text: str) -> Budget:
    """Read a budget: a time, a size (of memory, unless a limit is named), or several with commas.

    Raises:
        UsageError: for anything else; the message has examples.
    """
    limits: dict[str, float] = {}
    for part in text.split(","):
        match = PART.fullmatch(part.strip().lower())
        if match is None:
            raise UsageError(f"--budget {text}: {part.strip()!r} is no amount; give {EXAMPLES}")
        limit, number, unit = match["limit"], float(match["number"]), match["unit"]
        is_time = unit in SECONDS
        if not is_time and unit not in BYTES:
            units = ", ".join([*SECONDS, *(name.upper() for name in BYTES)])
            raise UsageError(f"--budget {text}: unknown unit {unit!r}; known: {units}")
        limit = limit or ("time" if is_time else "memory")
        if limit not in LIMITS:
            raise UsageError(
                f"--budget {text}: unknown limit {limit!r}; known: {', '.join(LIMITS)}"
            )
        if is_time != (limit == "time"):
            raise UsageError(
                f"--budget {text}: {limit} is given in {unit}; time takes s, m, h or d, everything "
                "else KB, MB, GB or TB"
            )
        key = LIMITS[limit]
        if key in limits or not number:
            why = "is given twice" if key in limits else "must be more than 0"
            raise UsageError(f"--budget {text}: {limit} {why}; give {EXAMPLES}")
        limits[key] = number * (SECONDS[unit] if is_time else BYTES[unit])
    return Budget(**limits)


def check_budget(plan: Plan, budget: Budget) -> None:
    """Refuse a plan that would exceed a budget.

    Raises:
        UsageError: saying predicted against allowed, what takes most, and what to lower.
    """
    excesses = []
    for limit, key in LIMITS.items():
        predicted, allowed = getattr(plan, key), getattr(budget, key)
        if allowed is not None and predicted > allowed:
            texts = render_amount(predicted, limit), render_amount(allowed, limit)
            excesses.append(f"{limit}: predicted {texts[0]}, allowed {texts[1]}")
    if excesses:
        raise UsageError(f"--budget would be exceeded; {'; '.join(excesses)}. {_remedy(plan)}")


def render_amount(value: float, limit: str) -> str:
    """A time as ``1 h 12 min`` or ``42 s``, bytes in decimal units."""
    if limit == "time":
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


def render_plan(plan: Plan) -> Iterator[str]:
    """The lines that ``rabbench plan`` prints: totals, where the time goes, what was assumed."""
    flops = sum(
        row.value or 0.0
        for row in plan.rows
        if row.measure == "flops" and row.params.get("pairs", "dense") == "dense"
    )
    titles = ("wall time", "peak memory", "index", "download")
    for title, (limit, key) in zip(titles, LIMITS.items(), strict=True):
        yield f"{title:<14} {render_amount(getattr(plan, key), limit)}"
    if flops:
        yield f"FLOPs          {flops:.3g}, once through every phase and length"
    yield ""
    for system, seconds in plan.by_system().items():
        yield f"  {system:<20} {render_amount(seconds, 'time')}"
    if plan.assumptions:
        yield ""
        yield from (f"assumed: {line}" for line in plan.assumptions)
