"""What a results file says of its machine and releases."""

from __future__ import annotations

import rabbench
from rabbench import environment


def test_the_release_that_is_described_is_the_one_that_runs() -> None:
    versions = environment.describe()["versions"]
    assert list(versions)[:2] == ["rabbench", "python"]
    assert versions["rabbench"] == rabbench.__version__
    assert versions["torch"] != "not installed"
