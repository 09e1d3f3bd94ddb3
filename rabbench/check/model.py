"""The result of a check, the verdict of a gate, and the constants that its rules go by.

Compares nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from rabbench.config.check import TIERS, Policy, Tier
from rabbench.types import Better

CheckStatus = Literal["regression", "missing", "unclear", "pass"]
STATUSES: tuple[CheckStatus, ...] = get_args(CheckStatus)
"""Worst first: a verdict is the worst of its results."""

ORDER = "order"
"""The unit of an order of growth, whose value is its place in ``scaling.fits.ORDERS``."""

MEANT = "if this is meant, write the baseline again with --update --reason TEXT"

EXIT_CODES: Mapping[CheckStatus, int] = {"regression": 1, "missing": 3, "unclear": 3, "pass": 0}
ROUNDING = 1e-9  # of a metric: a mean that was summed in another order
ALPHA = 0.01  # of a regression; the margin stands between this and every pair of equal runs
SURE = 0.05  # of a pass


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """One comparison: what was compared, both figures, and the status.

    ``where`` distinguishes it within its measure (length, model, data set). ``base`` and
    ``head`` are values of ``unit``, or ratios to ``over`` (``system/phase``), geometric means over
    the lengths where there are several. ``change`` is head over base, with ``margin`` the factor it
    had to exceed and ``p`` the rank test's. ``chance`` is how often a sample of the head is worse
    than one of the base (0.5: no difference).
    ``message`` is one sentence or a few; empty where all is well.
    """

    tier: Tier
    system: str
    phase: str
    measure: str
    where: str
    status: CheckStatus
    unit: str
    better: Better
    base: float | None = None
    head: float | None = None
    change: float | None = None
    over: str = ""
    margin: float | None = None
    p: float | None = None
    chance: float | None = None
    message: str = ""

    @property
    def name(self) -> str:
        """What was compared, in words."""
        over = f" over {self.over.replace('/', ' ')}" if self.over else ""
        where = f" ({self.where})" if self.where else ""
        return f"{self.system} {self.phase} {self.measure}{over}{where}"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """All results of one gate. ``new`` rows are not in the baseline, ``left_out`` in no tier."""

    findings: Sequence[CheckResult]
    policy: Policy
    tiers: tuple[Tier, ...] = TIERS
    new: int = 0
    left_out: int = 0

    @property
    def counts(self) -> Mapping[CheckStatus, int]:
        """How many results there are of each status, worst first."""
        counts = Counter(result.status for result in self.findings)
        return {status: counts[status] for status in STATUSES}

    @property
    def status(self) -> CheckStatus:
        """The worst status; where nothing was compared, nothing has passed."""
        return next((status for status, n in self.counts.items() if n), "missing")

    @property
    def exit_code(self) -> int:
        """0 passed, 1 a regression, 3 where something is missing that a pass would need."""
        return EXIT_CODES[self.status]

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        if not self.findings:
            tiers = " and ".join(self.tiers)
            return (
                f"missing: nothing was compared in the {tiers} tier: neither the baseline nor the "
                "run holds what it compares; measure what the gate is to watch and write the "
                "baseline with --update --reason TEXT"
            )
        counts = ", ".join(f"{n} {status}" for status, n in self.counts.items() if n)
        total = len(self.findings)
        checks = "check" if total == 1 else "checks"
        new = f"; {self.new} rows are not in the baseline" if self.new else ""
        return f"{self.status}: of {total} {checks} {counts}{new}"

    def to_json(self) -> dict[str, Any]:
        """The verdict as ``rabbench check --json`` prints it."""
        return {
            "status": self.status,
            "exit_code": self.exit_code,
            "sentence": self.sentence,
            "tiers": list(self.tiers),
            "counts": dict(self.counts),
            "new": self.new,
            "left_out": self.left_out,
            "policy": asdict(self.policy),
            "findings": [{"name": result.name, **asdict(result)} for result in self.findings],
        }
