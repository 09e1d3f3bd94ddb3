"""Finds systems, suites and measures by name: the folder is the registry, entry points add to it.

Knows entry-point groups (``rabbench.systems`` …) and imports a module only when its name is loaded.
The folder's ``_compose`` reads a composed name (``bm25>>teacher``, ``run:FILE``, ``trec:…``).
"""

from __future__ import annotations

import hashlib
import pkgutil
import re
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Literal

from rabbench.types import unknown_name_error

MAX_STEM = 120  # characters of a file's stem; file systems allow 255 bytes
PluginKind = Literal["systems", "suites", "measures"]


def _builtin(kind: PluginKind) -> list[str]:
    folder = Path(__file__).parent / kind
    modules = (module.name for module in pkgutil.iter_modules([str(folder)]))
    return [name.replace("_", "-") for name in modules if not name.startswith("_")]


def names(kind: PluginKind) -> list[str]:
    """The names of one kind, sorted; a module ``nano_beir`` is named ``nano-beir``."""
    plugins = (point.name for point in entry_points(group=f"rabbench.{kind}"))
    return sorted({*_builtin(kind), *plugins})


def file_name(name: str) -> str:
    """A system's or data set's name as the stem of a file: one word, without path or shell signs.

    Names of the registry stay as they are; ``bm25>>teacher`` becomes ``bm25--teacher``.
    """
    stem = re.sub(r"[^\w.+=@-]", "-", name)
    if len(stem) <= MAX_STEM:
        return stem
    return f"{stem[: MAX_STEM - 9]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def load(kind: PluginKind, name: str) -> Any:
    """The module or entry-point object of this name, or the one that a composed name stands for.

    Raises:
        UsageError: for an unknown name; the message lists all names.
    """
    if name in _builtin(kind):
        return import_module(f"rabbench.{kind}.{name.replace('-', '_')}")
    for point in entry_points(group=f"rabbench.{kind}"):
        if point.name == name:
            return point.load()
    if kind != "measures":
        reader = import_module(f"rabbench.{kind}._compose")
        if reader.is_composed(name):
            return reader.parse(name)
    raise unknown_name_error(kind.removesuffix("s"), name, names(kind))
