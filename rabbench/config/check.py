"""The regression gate: its policy, and what to check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from rabbench.types import BadInputError, UsageError

Tier = Literal["exact", "noisy"]
TIERS: tuple[Tier, ...] = get_args(Tier)


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What a gate lets through; kept in the baseline, so that it changes by a reviewed commit.

    ``tolerance`` of an exact measure by name, in both directions: an absolute difference for
    metrics (unit ``1``), relative otherwise; 0 for those not named. ``floor`` is the relative
    change of a ratio that is never called a regression, ``elsewhere`` the same on another machine,
    where a ratio keeps the machine's speed out but not its balance (caches, bandwidth). Noise above
    ``ceiling`` makes a comparison unclear. ``references`` are one or two ``system/phase``: every
    cost is set over the first, the first's own over the second.
    """

    tolerance: Mapping[str, float] = field(default_factory=dict)
    floor: float = 0.10
    elsewhere: float = 0.50
    ceiling: float = 0.50
    references: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a number that would let everything or nothing through.

        Raises:
            UsageError: if a number is not finite, or out of its range, or there are too many
                references.
        """
        numbers = {f"tolerance of {name}": value for name, value in self.tolerance.items()}
        for name, value in numbers.items():
            _within(name, value, 0.0, 1e9)
        for name in ("floor", "elsewhere", "ceiling"):
            _within(name, getattr(self, name), 0.01, 10.0)
        if len(self.references) > 2:
            raise UsageError(f"references {self.references}: give one or two as SYSTEM/PHASE")
        for one in self.references:
            if one.count("/") != 1:
                raise UsageError(f"reference {one!r}: write it as SYSTEM/PHASE, as teacher/score")

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Policy:
        """The policy that a baseline keeps.

        Raises:
            BadInputError: if it is none.
        """
        try:
            known = {**kept, "references": tuple(kept.get("references", ()))}
            return cls(**known)
        except (TypeError, AttributeError, ValueError, UsageError) as error:
            raise BadInputError(
                f"the baseline's config.check.policy cannot be read: {error}; write the baseline "
                "again with --update --reason TEXT"
            ) from None


def _within(name: str, value: Any, low: float, high: float) -> None:
    """Refuse what is no number in the range; NaN is in none."""
    if not isinstance(value, (int, float)) or not low <= value <= high:
        raise UsageError(f"{name} = {value!r}: must be a number from {low:g} to {high:g}")


@dataclass(frozen=True, kw_only=True)
class CheckConfig:
    """What to check, and where to write what.

    ``policy`` holds fields in place of those that the baseline keeps. ``measure``: measure each of
    ``folders`` anew, from the second on only while the verdict is unclear. ``reason``: write the
    baseline from the run. ``junit`` is a file, ``benchmark_json`` a folder, ``summary`` says
    whether GitHub's step summary is added to.
    """

    baseline: tuple[Path, ...]
    folders: tuple[Path, ...]
    tiers: tuple[Tier, ...] = TIERS
    absolute: bool = False
    measure: bool = False
    policy: Mapping[str, Any] = field(default_factory=dict)
    update: bool = False
    reason: str = ""
    junit: Path | None = None
    benchmark_json: Path | None = None
    summary: bool = False
