"""Finds systems, suites, measures: the folder is the registry, and entry points add to it.

Knows folder names and entry-point groups (``rabbench.systems`` …); holds no table of names and
loads a module only when it is asked for by name.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Literal

from rabbench.records import known

Kind = Literal["systems", "suites", "measures"]


def _builtin(kind: Kind) -> list[str]:
    folder = Path(__file__).parent / kind
    found = (module.name for module in pkgutil.iter_modules([str(folder)]))
    return [name.replace("_", "-") for name in found if not name.startswith("_")]


def names(kind: Kind) -> list[str]:
    """The names of one kind, sorted; a module ``nano_beir`` is named ``nano-beir``."""
    added = (point.name for point in entry_points(group=f"rabbench.{kind}"))
    return sorted({*_builtin(kind), *added})


def load(kind: Kind, name: str) -> Any:
    """The module (or entry-point object) of this name.

    Raises:
        UsageError: for an unknown name; the message lists the known ones.
    """
    if name in _builtin(kind):
        return import_module(f"rabbench.{kind}.{name.replace('-', '_')}")
    for point in entry_points(group=f"rabbench.{kind}"):
        if point.name == name:
            return point.load()
    raise known(kind.removesuffix("s"), name, names(kind))
