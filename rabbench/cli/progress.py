"""Shows a job's progress on standard error: one live bar, or a line now and then.

Knows shares and time; nothing of jobs. What is left is estimated from the share that is done.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rabbench.types import Progress, no_progress

PLAIN_S = 10.0  # without a terminal, a line this often
SURE_S = 3.0  # before that no estimate is worth saying


class RemainingTime:
    """How far a job is and how long it will still take, in words.

    A count that falls, or has another total, is taken for the beginning of another part.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._start: tuple[float, int] | None = None
        self._last = (0, 0)

    def __call__(self, done: int, total: int) -> str:
        """``41 %, 3 min gone, about 5 min left``; the estimate only once there is ground for it."""
        now = self._clock()
        if self._start is None or total != self._last[1] or done < self._last[0]:
            self._start = (now, done)
        self._last = (done, total)
        began, before = self._start
        gone, made = now - began, done - before
        said = f"{100 * done // max(total, 1)} %, {duration(gone)} gone"
        if gone >= SURE_S and made > 0:
            said += f", about {duration(gone * (total - done) / made)} left"
        return said


def duration(seconds: float) -> str:
    """``8 s``, ``12 min``, ``3.4 h``."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


@contextmanager
def show_progress(quiet: bool) -> Iterator[Progress]:
    """A progress that shows itself, on standard error."""
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

    left = RemainingTime()
    columns = (
        BarColumn(bar_width=24),
        TextColumn("{task.fields[left]}", markup=False),
        TextColumn("{task.description}", markup=False, style="dim"),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=None, left="")

        def progress(what: str, done: int, total: int) -> None:
            bar.update(task, description=what, completed=done, total=total, left=left(done, total))

        yield progress


def _lines() -> Progress:
    left, last = RemainingTime(), time.monotonic()

    def progress(what: str, done: int, total: int) -> None:
        nonlocal last
        said = left(done, total)
        if time.monotonic() - last >= PLAIN_S:
            last = time.monotonic()
            print(f"{what} ({said})", file=sys.stderr, flush=True)  # noqa: T201 - as it comes

    return progress
