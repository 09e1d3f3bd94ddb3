"""Progress of a job on standard error: one live bar, or a line now and then.

Knows shares and time, nothing of jobs. The remaining time follows from the completed share.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rabbench.report.wording import duration
from rabbench.types import Progress, no_progress

PLAIN_S = 10.0  # without a terminal, a line this often
SURE_S = 3.0  # an earlier estimate is worth nothing


class RemainingTime:
    """The completed share of a job, its time so far and the time it still needs, in words.

    A count that falls, or has another total, is taken for the beginning of another part.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._start: tuple[float, int] | None = None
        self._last = (0, 0)

    def __call__(self, completed: int, total: int) -> str:
        """``41 %, 3 min gone, about 5 min left``; the estimate only once there is ground for it."""
        now = self._clock()
        if self._start is None or total != self._last[1] or completed < self._last[0]:
            self._start = (now, completed)
        self._last = (completed, total)
        start_s, start = self._start
        elapsed_s, steps = now - start_s, completed - start
        text = f"{100 * completed // max(total, 1)} %, {duration(elapsed_s, rough=True)} gone"
        if elapsed_s >= SURE_S and steps > 0:
            remaining_s = elapsed_s * (total - completed) / steps
            text += f", about {duration(remaining_s, rough=True)} left"
        return text


@contextmanager
def show_progress(quiet: bool) -> Iterator[Progress]:
    """The progress that a terminal, a log or ``quiet`` calls for."""
    if quiet:
        yield no_progress
    elif sys.stderr.isatty():
        with _bar() as progress:
            yield progress
    else:
        yield _lines()


@contextmanager
def _bar() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar

    remaining_time = RemainingTime()
    columns = (
        BarColumn(bar_width=24),
        TextColumn("{task.fields[text]}", markup=False),
        TextColumn("{task.description}", markup=False, style="dim"),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task_id = bar.add_task("starting", total=None, text="")

        def progress(stage: str, completed: int, total: int) -> None:
            text = remaining_time(completed, total)
            bar.update(task_id, description=stage, completed=completed, total=total, text=text)

        yield progress


def _lines() -> Progress:
    remaining_time, last = RemainingTime(), time.monotonic()

    def progress(stage: str, completed: int, total: int) -> None:
        nonlocal last
        text = remaining_time(completed, total)
        if time.monotonic() - last >= PLAIN_S:
            last = time.monotonic()
            print(f"{stage} ({text})", file=sys.stderr, flush=True)  # noqa: T201 - as it comes

    return progress
