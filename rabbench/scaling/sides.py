"""Several results side by side: what each is called, and what is left out with its reason.

Knows results files and their environment; knows no measure and judges no figure.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from rabbench.results import FILENAME, load_results
from rabbench.scaling.labels import is_cost
from rabbench.types import Measurement, Results, UsageError


@dataclass(frozen=True, kw_only=True)
class Side:
    """One results folder of several: its short name, and the hash of its ``results.json``."""

    label: str
    path: Path
    results: Results
    sha256: str

    @property
    def machine(self) -> str | None:
        """The machine's id; None where the results do not name one, so that it equals no other."""
        machine = self.results.environment.get("machine")
        return str(machine) if machine else None

    @cached_property
    def costs(self) -> list[Measurement]:
        """Its rows of cost by document length."""
        return [row for row in self.results.rows if is_cost(row)]


class LeftOut(NamedTuple):
    """What stands in no comparison: its subject, of which sides, and why it is not compared."""

    subject: str
    sides: tuple[str, ...]
    reason: str


def load_sides(folders: Sequence[Path]) -> list[Side]:
    """Read the results of every folder and name each as shortly as distinguishes it from others.

    Raises:
        UsageError: if a folder is given twice.
        BadInputError: if one holds no readable results.
    """
    files = [path / FILENAME if path.is_dir() else path for path in folders]
    places = [file.resolve() for file in files]
    for path, place in zip(folders, places, strict=True):
        if places.count(place) > 1:
            raise UsageError(f"{path} is given twice; a comparison needs different results")
    labels = short_labels([place.parent for place in places])
    return [
        Side(
            label=label,
            path=path,
            results=load_results(file),
            sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
        )
        for label, path, file in zip(labels, folders, files, strict=True)
    ]


def short_labels(folders: Sequence[Path]) -> list[str]:
    """Short names: the part of the paths in which they differ, less the words that all begin with.

    ``out/h100/scaling`` and ``out/cpu/scaling`` are ``h100`` and ``cpu``; ``sweep-qwen2-7b`` and
    ``sweep-llama-8b`` are ``qwen2-7b`` and ``llama-8b``. A name keeps a letter.
    """
    parts = [folder.parts for folder in folders]
    depth = 1
    while len({path[-depth:] for path in parts}) < len(set(parts)):
        depth += 1
    tails = [path[-depth:] for path in parts]
    while min(map(len, tails)) > 1 and len({path[-1] for path in tails}) == 1:
        tails = [path[:-1] for path in tails]
    short = ["/".join(path) for path in tails]
    while len({name.split("-")[0] for name in short}) == 1:
        shorter = [name.partition("-")[2] for name in short]
        if not all(re.search("[A-Za-z]", name) for name in shorter):
            break
        short = shorter
    # One file of several in a folder has its folder's name: tell them apart by number.
    return [
        name if short.count(name) == 1 else f"{name} {short[: i + 1].count(name)}"
        for i, name in enumerate(short)
    ]


def shortened(digest: str) -> str:
    """The beginning of a hash, enough to tell two apart."""
    digest = digest.removeprefix("sha256:")
    return f"{digest[:12]}…" if len(digest) > 12 else digest
