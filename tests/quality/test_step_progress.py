"""The share of a run: steps weigh as much as they are expected to be, passes add up."""

from __future__ import annotations

from rabbench.quality.step_progress import StepProgress


def step_progress(steps: int) -> tuple[StepProgress, list[tuple[str, int]]]:
    """A progress of so many steps, and the list of the texts and thousandths that it reports."""
    reports: list[tuple[str, int]] = []

    def progress(text: str, count: int, total: int) -> None:
        assert total == 1000
        reports.append((text, count))

    return StepProgress(progress, steps), reports


def test_a_heavy_step_is_most_of_the_way() -> None:
    run, reports = step_progress(3)
    run.expect(0, 1.0, 10)
    run.expect(1, 98.0, 200)
    run.expect(2, 1.0, 10)
    run.begin(0, "light")
    run.advance("light", 5, 10)
    run.begin(1, "heavy")
    run.advance("heavy", 100, 200)
    run.begin(2, "light again")
    run.end()
    assert reports == [
        ("light", 0), ("light", 5), ("heavy", 10), ("heavy", 500), ("light again", 990),
        ("done", 1000),
    ]  # fmt: skip


def test_passes_of_a_step_follow_each_other() -> None:
    run, reports = step_progress(1)
    run.expect(0, 1.0, 100)
    run.begin(0, "x")
    for count, total in ((0, 60), (30, 60), (60, 60), (0, 40), (20, 40), (40, 40)):
        run.advance("x", count, total)
    assert [count for _, count in reports] == [0, 0, 300, 600, 600, 800, 1000]


def test_more_passes_than_expected_never_pass_the_end() -> None:
    run, reports = step_progress(1)
    run.begin(0, "x")
    run.expect(0, 1.0, 5)
    for count in (0, 10, 0, 10):
        run.advance("x", count, 10)
    assert max(count for _, count in reports) == 1000


def test_what_is_done_already_is_no_part_of_the_way() -> None:
    run, reports = step_progress(4)
    for step in (0, 1):
        run.expect(step, 0.0, 0.0)
    run.expect(2, 3.0, 1)
    run.begin(2, "x")
    run.begin(3, "unknown, so like the others")
    assert [count for _, count in reports] == [0, 500]


def test_nothing_left_to_do_is_no_error() -> None:
    run, reports = step_progress(1)
    run.expect(0, 0.0, 0.0)
    run.begin(0, "x")
    assert reports == [("x", 0)]
