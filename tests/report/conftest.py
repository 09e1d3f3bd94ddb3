"""Synthetic results, made once for all report tests."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from rabbench.records import Results
from rabbench.report import content
from rabbench.report.page import Page


def _synthetic() -> ModuleType:
    path = Path(__file__).with_name("synthetic.py")
    spec = importlib.util.spec_from_file_location("report_synthetic", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def synthetic() -> ModuleType:
    return _synthetic()


@pytest.fixture(scope="session")
def demo(synthetic: ModuleType) -> Results:
    made: Results = synthetic.results("demo")
    return made


@pytest.fixture(scope="session")
def full(synthetic: ModuleType) -> Page:
    """The page of all six systems."""
    return content.build(synthetic.results("scaling", synthetic.full_rows()))
