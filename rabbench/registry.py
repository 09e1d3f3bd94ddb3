"""Finds systems, suites, measures: the folder is the registry, and entry points add to it.

Knows folder names and entry-point groups (``rabbench.systems`` …); holds no table of names and
loads a module only when it is asked for by name. A name that is composed of others
(``bm25>>teacher``, ``run:FILE``, ``trec:…``) is handed to the folder's own reader of such names.
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

LONGEST = 120  # characters of a file's stem; file systems allow 255 bytes
Kind = Literal["systems", "suites", "measures"]


def _builtin(kind: Kind) -> list[str]:
    folder = Path(__file__).parent / kind
    found = (module.name for module in pkgutil.iter_modules([str(folder)]))
    return [name.replace("_", "-") for name in found if not name.startswith("_")]


def names(kind: Kind) -> list[str]:
    """The names of one kind, sorted; a module ``nano_beir`` is named ``nano-beir``."""
    added = (point.name for point in entry_points(group=f"rabbench.{kind}"))
    return sorted({*_builtin(kind), *added})


def file_name(name: str) -> str:
    """A system's or data set's name as the stem of a file: one word, without path or shell signs.

    Names of the registry stay as they are; ``bm25>>teacher`` becomes ``bm25--teacher``.
    """
    stem = re.sub(r"[^\w.+=@-]", "-", name)
    if len(stem) <= LONGEST:
        return stem
    return f"{stem[: LONGEST - 9]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _composed(kind: Kind, name: str) -> Any:
    """The reading of a composed name by the folder's own reader, or None if it is a plain one."""
    if kind == "measures":
        return None
    reader = import_module(f"rabbench.{kind}._compose")
    return reader.parse(name) if reader.is_composed(name) else None


def load(kind: Kind, name: str) -> Any:
    """The module (or entry-point object) of this name, or what a composed name means.

    Raises:
        UsageError: for an unknown name; the message lists the known ones.
    """
    if name in _builtin(kind):
        return import_module(f"rabbench.{kind}.{name.replace('-', '_')}")
    for point in entry_points(group=f"rabbench.{kind}"):
        if point.name == name:
            return point.load()
    if (composed := _composed(kind, name)) is not None:
        return composed
    raise unknown_name_error(kind.removesuffix("s"), name, names(kind))
