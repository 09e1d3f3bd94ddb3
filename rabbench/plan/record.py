"""What a plan holds; knows rows and numbers only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from rabbench.types import Measurement


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
