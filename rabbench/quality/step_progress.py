"""Progress of a run of unlike steps, told as one share of the whole.

Knows how much work each step is expected to be, not what it does. A step tells of its passes one
after another (documents encoded, then pairs scored), each with a count of its own.
"""

from __future__ import annotations

from statistics import fmean

from rabbench.types import Progress

WHOLE = 1000  # the share is told in thousandths


class StepProgress:
    """Where a run is.

    Args:
        progress: told the place and its share of the whole in thousandths.
        steps: how many there are.
    """

    def __init__(self, progress: Progress, steps: int) -> None:
        self._progress = progress
        self._work: list[float | None] = [None] * steps
        self._units = [0.0] * steps
        self._step = 0
        self._passes: list[tuple[int, int]] = []

    def expect(self, step: int, work: float, units: float) -> None:
        """Say how much work a step will be, in any measure, and what its passes will count up to.

        A step of which nothing is said is taken to be like those that are known.
        """
        self._work[step] = work
        self._units[step] = units

    def begin(self, step: int, what: str) -> None:
        """A step begins; all before it are over."""
        self._step, self._passes = step, []
        self._tell(what)

    def within(self, what: str, done: int, total: int) -> None:
        """A step has come so far in its present pass."""
        if not self._passes or total != self._passes[-1][1] or done < self._passes[-1][0]:
            self._passes.append((done, total))
        self._passes[-1] = (done, total)
        self._tell(what)

    def end(self) -> None:
        """All is done."""
        self._progress("done", WHOLE, WHOLE)

    def _tell(self, what: str) -> None:
        known = [work for work in self._work if work]
        like = fmean(known) if known else 1.0
        works = [like if work is None else work for work in self._work]
        gone = sum(works[: self._step]) + works[self._step] * self._share()
        self._progress(what, int(WHOLE * gone / (sum(works) or 1.0)), WHOLE)

    def _share(self) -> float:
        """Of the step at hand: what its passes have gone through of what they will, at least."""
        if not self._passes:
            return 0.0
        over = sum(total for _, total in self._passes[:-1])
        done, total = self._passes[-1]
        return (over + done) / max(self._units[self._step], over + total, 1.0)
