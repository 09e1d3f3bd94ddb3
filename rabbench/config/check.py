"""The regression gate: its policy, and a check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

from rabbench.config.declaration import REQUIRED, option, part
from rabbench.config.value_types import tolerances
from rabbench.types import BadInputError, UsageError

Tier = Literal["exact", "noisy"]
TIERS: tuple[Tier, ...] = get_args(Tier)
WRITING, OUTPUT = "writing the baseline", "output"  # titles in the help


@dataclass(frozen=True, kw_only=True)
class Policy:
    """The changes that a gate lets through; the baseline holds it, so a reviewed commit changes it.

    ``tolerance`` of an exact measure by name, in both directions: an absolute difference for
    metrics (unit ``1``), relative otherwise; 0 for those not named. ``floor`` is the relative
    change of a ratio that is never called a regression, ``elsewhere`` the same on another machine,
    where a ratio keeps the machine's speed out but not its balance (caches, bandwidth). Noise above
    ``ceiling`` makes a comparison unclear. ``references`` are one or two ``system/phase``: every
    cost is set over the first, the first's own over the second.
    """

    GROUP: ClassVar = ("policy", "in place of the one that FILE keeps")
    tolerance: Mapping[str, float] = option(
        dict,
        "allowed change of exact measures: of a metric absolute, otherwise relative",
        parse=tolerances,
        metavar="MEASURE=X",
    )
    floor: float = option(0.10, "growth of a ratio that is no regression (default {default})")
    elsewhere: float = option(
        0.50, "the same on another machine (default {default})", flag="--floor-elsewhere"
    )
    ceiling: float = 0.50
    references: tuple[str, ...] = option(
        (),
        "the phase that costs are set over, and one to set its own over",
        flag="--reference",
        metavar="SYSTEM/PHASE,…",
    )

    def __post_init__(self) -> None:
        """Refuse a number that would let everything or nothing through, and broken references."""
        for name, value in self.tolerance.items():
            _within(f"tolerance of {name}", value, 0.0, 1e9)
        for name in ("floor", "elsewhere", "ceiling"):
            _within(name, getattr(self, name), 0.01, 10.0)
        if len(self.references) > 2:
            raise UsageError(f"references {self.references}: give one or two as SYSTEM/PHASE")
        for reference in self.references:
            if reference.count("/") != 1:
                form = "write it as SYSTEM/PHASE, as teacher/score"
                raise UsageError(f"reference {reference!r}: {form}")

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Policy:
        """The policy of a baseline; BadInputError if it is none."""
        try:
            return cls(**{**raw, "references": tuple(raw.get("references", ()))})
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
    """A check of runs against a baseline, and the files it writes.

    ``policy`` holds fields in place of those that the baseline keeps. ``measure``: measure each of
    ``folders`` anew, from the second on only while the verdict is unclear. ``reason``: write the
    baseline from the run. ``junit`` is a file, ``benchmark_json`` a folder, ``summary`` says
    whether GitHub's step summary is added to.
    """

    folders: tuple[Path, ...] = option(
        REQUIRED,
        "results folders of the run; several are repeated runs",
        flag="folders",
        nargs="+",
        metavar="DIR",
    )
    baseline: tuple[Path, ...] = option(
        REQUIRED,
        "what the run must live up to; given again for repeated runs of it",
        repeatable=True,
        metavar="FILE",
    )
    tiers: tuple[Tier, ...] = option(
        TIERS,
        "default all",
        flag="--tier",
        choices={**{tier: (tier,) for tier in TIERS}, "all": TIERS},
    )
    measure: bool = option(
        False, "first measure into DIR what FILE holds; into the next DIR only while unclear"
    )
    absolute: bool = option(
        False, "compare times and bytes themselves, not ratios; both must be of one machine"
    )
    policy: Mapping[str, Any] = part(Policy, partial=True)
    update: bool = option(False, "write FILE from the run", group=WRITING)
    reason: str = option("", "why; kept in FILE", metavar="TEXT", group=WRITING)
    junit: Path | None = option(None, "write JUnit XML", metavar="FILE", group=OUTPUT)
    summary: bool = option(
        False, "annotate, and add to the step's summary", flag="--github", group=OUTPUT
    )
    benchmark_json: Path | None = option(
        None,
        "write smaller.json and bigger.json for github-action-benchmark",
        metavar="DIR",
        group=OUTPUT,
    )
