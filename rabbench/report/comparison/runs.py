"""Several results side by side: what each is called, in what they differ, what is left out.

Knows results files and their environment; knows no measure and judges no figure.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rabbench.report.page import Table
from rabbench.report.wording import amount, join_words
from rabbench.results import FILENAME, load_results
from rabbench.types import Results, UsageError

MOMENTARY = frozenset({"date", "clock", "load_average"})
"""Of an environment, what differs between any two runs and says nothing of their kind."""


HASH = re.compile(r"(sha256:)?[0-9a-f]{40,}")
OF_MACHINE = frozenset({"machine", "cpu", "cores", "gpus"})
"""What the line of the machine says."""


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


@dataclass(frozen=True)
class LeftOut:
    """What stands in no comparison: what, of which sides, and why it is not compared."""

    what: str
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
    deepest, several, depth = max(map(len, parts)), len(set(parts)), 1
    while len({path[-depth:] for path in parts}) < several and depth < deepest:
        depth += 1
    tails = [list(path[-depth:]) for path in parts]
    while min(map(len, tails)) > 1 and len({path[-1] for path in tails}) == 1:
        tails = [path[:-1] for path in tails]
    names = ["/".join(path) for path in tails]
    words = [name.split("-") for name in names]
    while len({first for first, *_ in words}) == 1:
        shorter = [rest for _, *rest in words]
        if not all(re.search("[A-Za-z]", "-".join(rest)) for rest in shorter):
            break
        words = shorter
    short = ["-".join(rest) for rest in words]
    # One file of several in a folder has its folder's name: tell them apart by number.
    return [
        name if short.count(name) == 1 else f"{name} {short[: i + 1].count(name)}"
        for i, name in enumerate(short)
    ]


def overview(sides: Sequence[Side], differing: Mapping[str, Sequence[str]]) -> Table:
    """What each side is, a column each: where it lies and ran, and every key that differs."""
    always = {
        "folder": [str(side.path) for side in sides],
        "machine": [_machine(side) for side in sides],
        "date": [str(side.results.environment.get("date") or "–") for side in sides],
        "results.json, SHA-256": [shortened(side.sha256) for side in sides],
    }
    differing = {name: values for name, values in differing.items() if name not in OF_MACHINE}
    rows = [(name, *values) for name, values in {**always, **differing}.items()]
    caption = "The runs, and where they differ" if differing else "The runs"
    return Table("runs", caption, ("", *(side.label for side in sides)), rows)


def _machine(side: Side) -> str:
    environment = side.results.environment
    cores = environment.get("cores")
    parts = [
        side.machine or "not named",
        ", ".join(map(str, environment.get("gpus") or ())),
        str(environment.get("cpu") or ""),
        f"{cores} cores" if cores else "",
    ]
    return ", ".join(filter(None, parts))


def shortened(digest: str) -> str:
    """The beginning of a hash, enough to tell two apart."""
    digest = digest.removeprefix("sha256:")
    return f"{digest[:12]}…" if len(digest) > 12 else digest


def differences(sides: Sequence[Side]) -> dict[str, list[str]]:
    """Each key of command, configuration, environment and data that is not the same everywhere.

    An absent key and None are the same: an option that a release did not have yet was not set.
    """
    flat = [_flat(side.results) for side in sides]
    names = dict.fromkeys(name for one in flat for name in one)
    found = {name: [said(name, one.get(name)) for one in flat] for name in names}
    return {name: values for name, values in found.items() if len(set(values)) > 1}


def _flat(results: Results) -> dict[str, Any]:
    """Command, configuration, environment and fingerprints with dotted names."""
    environment = {k: v for k, v in results.environment.items() if k not in MOMENTARY}
    data = {str(suite.get("name")): suite.get("fingerprint") for suite in results.suites}
    whole = {"command": results.command, "config": results.config, **environment, "data": data}
    return dict(_leaves("", whole))


def _leaves(prefix: str, value: Any) -> Iterable[tuple[str, Any]]:
    if not isinstance(value, Mapping):
        yield prefix, value
        return
    for name, inner in value.items():
        yield from _leaves(f"{prefix}.{name}" if prefix else str(name), inner)


def said(name: str, value: Any) -> str:
    """A value of a configuration in words."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(said("", item) for item in value) or "–"
    if isinstance(value, int) and name.endswith("_bytes"):
        return amount(value, "B")
    if isinstance(value, str) and HASH.fullmatch(value):
        return shortened(value)
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def left_out_table(left_out: Sequence[LeftOut]) -> Table | None:
    """A line for each thing that is left out."""
    rows = [(item.what, join_words(item.sides), item.reason) for item in dict.fromkeys(left_out)]
    return Table("left-out", "What is not compared", ("what", "of", "why"), rows) if rows else None
