"""What a person sees while a job runs: the share, the time gone, and what is left."""

from __future__ import annotations

import pytest

from rabbench.cli import progress
from rabbench.cli.progress import RemainingTime, show_progress
from rabbench.types import no_progress


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """The time."""
        return self.now


def test_what_is_left_follows_from_what_is_done() -> None:
    clock = Clock()
    remaining_time = RemainingTime(clock)
    assert remaining_time(0, 1000) == "0 %, 0 s gone"
    clock.now += 2
    assert remaining_time(100, 1000) == "10 %, 2 s gone"  # too early to say
    clock.now += 28
    assert remaining_time(250, 1000) == "25 %, 30 s gone, about 90 s left"
    clock.now += 30
    assert remaining_time(250, 1000) == "25 %, 60 s gone, about 3 min left"


def test_another_part_begins_its_own_count() -> None:
    clock = Clock()
    remaining_time = RemainingTime(clock)
    remaining_time(0, 10)
    clock.now += 1000
    assert remaining_time(5, 10) == "50 %, 17 min gone, about 17 min left"
    assert remaining_time(0, 20) == "0 %, 0 s gone"
    clock.now += 10
    assert remaining_time(10, 20) == "50 %, 10 s gone, about 10 s left"
    assert remaining_time(2, 20) == "10 %, 0 s gone"


def test_without_a_terminal_there_is_a_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "PLAIN_S", 0.0)
    with show_progress(quiet=False) as report:
        report("set: teacher", 1, 4)
    captured = capsys.readouterr()
    assert captured.err == "set: teacher (25 %, 0 s gone)\n"
    assert captured.out == ""


def test_often_enough_is_not_always(capsys: pytest.CaptureFixture[str]) -> None:
    with show_progress(quiet=False) as report:
        for completed in range(1000):
            report("x", completed, 1000)
    assert capsys.readouterr().err == ""


def test_quiet_is_silent() -> None:
    with show_progress(quiet=True) as report:
        assert report is no_progress


def test_a_terminal_has_one_bar(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with show_progress(quiet=False) as report:
        report("set: teacher [odd]", 1, 4)
    captured = capsys.readouterr()
    assert "set: teacher [odd]" in captured.err
    assert "25 %" in captured.err
    assert captured.out == ""
