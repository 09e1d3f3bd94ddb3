"""Synthetic results, made once for all report tests."""

from __future__ import annotations

import pytest

from rabbench.report.build import build_page
from rabbench.report.page import Page
from rabbench.types import Results
from tests.report import synthetic


@pytest.fixture(scope="session")
def demo() -> Results:
    return synthetic.results("demo")


@pytest.fixture(scope="session")
def full() -> Page:
    """The page of all six systems."""
    return build_page(synthetic.results("scaling", synthetic.full_rows()))
