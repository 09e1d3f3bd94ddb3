"""Several results folders as one comparison: read, matched, and written as a report.

The face of the ``compare_…`` modules: what they find is held here, once each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from rabbench.report.comparison import factors as comparison_factors
from rabbench.report.comparison import quality, runs
from rabbench.report.comparison.costs import Costs
from rabbench.report.comparison.factors import Compared, Grown
from rabbench.report.comparison.quality import Change, Ranked
from rabbench.report.comparison.runs import LeftOut, Side
from rabbench.report.page import Table

DATA = "comparison.json"


@dataclass(frozen=True)
class Comparison:
    """Everything that may be said of several results side by side."""

    sides: tuple[Side, ...]

    @cached_property
    def differences(self) -> dict[str, list[str]]:
        """The keys that differ, with each side's value."""
        return runs.differences(self.sides)

    @cached_property
    def costs(self) -> Costs:
        """Costs of the same work."""
        return Costs(self.sides)

    @cached_property
    def _factors(self) -> tuple[list[Compared], list[LeftOut]]:
        return comparison_factors.compared(self.sides, self.costs)

    @property
    def factors(self) -> list[Compared]:
        """Teacher over student within each run."""
        return self._factors[0]

    @cached_property
    def _ranked(self) -> tuple[list[Ranked], list[LeftOut]]:
        return quality.ranked(self.sides)

    @property
    def ranked(self) -> list[Ranked]:
        """Means over the same queries."""
        return self._ranked[0]

    @cached_property
    def changes(self) -> list[Change]:
        """Each system against itself in another run."""
        return quality.changes(self.ranked)

    @property
    def left_out(self) -> list[LeftOut]:
        """What is not compared, with the reasons."""
        return [*self.costs.left_out, *self._factors[1], *self._ranked[1]]

    @cached_property
    def grown(self) -> Grown:
        """How each cost grows in each run."""
        return comparison_factors.grown(self.sides, self.costs)

    @cached_property
    def orders(self) -> tuple[Table | None, list[str]]:
        """Orders of growth, and sentences on those that differ."""
        return comparison_factors.orders(self.sides, self.grown)

    @property
    def labels(self) -> list[str]:
        """The sides' names, in the order given."""
        return [side.label for side in self.sides]


def gather(folders: Sequence[Path]) -> Comparison:
    """Read these folders; errors as :func:`compare_runs.gather` has them."""
    return Comparison(tuple(runs.gather(folders)))
