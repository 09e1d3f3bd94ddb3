"""The folder is the registry; entry points add to it."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from rabbench import registry
from rabbench.types import UsageError


def test_folders_are_read_and_private_modules_skipped() -> None:
    assert {"bm25", "dense", "teacher", "rabtriever"} <= set(registry.names("systems"))
    assert {"demo", "rationale", "beir", "nano-beir"} <= set(registry.names("suites"))
    assert "index-size" in registry.names("measures")
    assert not any(name.startswith(("_", "-")) for name in registry.names("systems"))


def test_an_entry_point_adds_a_system(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("mine", "rabbench.systems.bm25", "rabbench.systems")
    monkeypatch.setattr(
        "rabbench.registry.entry_points",
        lambda group: [point] if group == "rabbench.systems" else [],
    )
    assert "mine" in registry.names("systems")
    assert registry.load("systems", "mine").build.__module__ == "rabbench.systems.bm25"
    assert "mine" not in registry.names("suites")


def test_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(
        UsageError, match=r"unknown system 'x'; known: bm25, cross-encoder, dense, "
    ):
        registry.load("systems", "x")
