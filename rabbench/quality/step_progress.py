"""Progress of a run of unlike steps, as one share of the whole.

Knows how much work each step is expected to be, not what it does. A step reports its passes in
turn (documents encoded, then pairs scored), each with a count of its own.
"""

from __future__ import annotations

from statistics import fmean

from rabbench.types import Progress

WHOLE = 1000  # the share is reported in thousandths


class StepProgress:
    """The place of a run among its steps.

    Args:
        progress: called with the place and its share of the whole in thousandths.
        steps: their number.
    """

    def __init__(self, progress: Progress, steps: int) -> None:
        self._progress = progress
        self._work: list[float | None] = [None] * steps
        self._units = [0.0] * steps
        self._step = 0
        self._passes: list[tuple[int, int]] = []

    def expect(self, step: int, work: float, units: float) -> None:
        """Set a step's work, in any measure, and the sum that the counts of its passes reach.

        A step without expectation is taken to be the mean of those that have one.
        """
        self._work[step] = work
        self._units[step] = units

    def begin(self, step: int, text: str) -> None:
        """Begin a step; all before it are over."""
        self._step, self._passes = step, []
        self._report(text)

    def advance(self, text: str, count: int, total: int) -> None:
        """Report how far the step at work is in its present pass."""
        if not self._passes or total != self._passes[-1][1] or count < self._passes[-1][0]:
            self._passes.append((count, total))
        self._passes[-1] = (count, total)
        self._report(text)

    def end(self) -> None:
        """End the run."""
        self._progress("done", WHOLE, WHOLE)

    def _report(self, text: str) -> None:
        mean = fmean([work for work in self._work if work] or [1.0])
        works = [mean if work is None else work for work in self._work]
        passed = sum(works[: self._step]) + works[self._step] * self._share()
        self._progress(text, int(WHOLE * passed / (sum(works) or 1.0)), WHOLE)

    def _share(self) -> float:
        """The share of the step at work that its passes have gone through, at least."""
        if not self._passes:
            return 0.0
        earlier = sum(total for _, total in self._passes[:-1])
        count, total = self._passes[-1]
        return (earlier + count) / max(self._units[self._step], earlier + total, 1.0)
