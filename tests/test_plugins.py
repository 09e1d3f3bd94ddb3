"""The folder is the registry; entry points add to it."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from rabbench import plugins
from rabbench.records import UsageError


def test_folders_are_read_and_private_modules_skipped() -> None:
    assert {"bm25", "dense", "teacher", "rabtriever"} <= set(plugins.names("systems"))
    assert {"demo", "rationale", "beir", "nano-beir"} <= set(plugins.names("suites"))
    assert "index-size" in plugins.names("measures")
    assert not any(name.startswith(("_", "-")) for name in plugins.names("systems"))


def test_an_entry_point_adds_a_system(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("mine", "rabbench.systems.bm25", "rabbench.systems")
    monkeypatch.setattr(
        "rabbench.plugins.entry_points",
        lambda group: [point] if group == "rabbench.systems" else [],
    )
    assert "mine" in plugins.names("systems")
    assert plugins.load("systems", "mine").build.__module__ == "rabbench.systems.bm25"
    assert "mine" not in plugins.names("suites")


def test_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(
        UsageError, match=r"unknown system 'x'; known: bm25, cross-encoder, dense, "
    ):
        plugins.load("systems", "x")
