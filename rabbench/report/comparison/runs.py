"""Several results side by side: what each is called, in what they differ, what is left out.

Knows results files and their environment; knows no measure and judges no figure.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from rabbench.report import build
from rabbench.report.labels import is_cost
from rabbench.report.page import Table
from rabbench.report.wording import flatten, join_words, text_of
from rabbench.results import FILENAME, load_results
from rabbench.types import Measurement, Results, UsageError

LISTED = 4  # keys that differ, in a sentence
MOMENTARY = frozenset({"date", "clock", "load_average"})
"""Of an environment, what differs between any two runs and says nothing of their kind."""

HASH = re.compile(r"(sha256:)?[0-9a-f]{40,}")
OF_MACHINE = frozenset({"machine", "cpu", "cores", "gpus"})
"""What the line of the machine says."""

UNLIKE = ("threads", "config.options.device", "config.options.dtype", "versions.torch")
"""What makes runs on one machine unlike each other."""

MODIFIED = "its code had changes that no commit holds, so its commit does not say what ran."

Differences = Mapping[str, Mapping[str, str]]
"""Of each key that differs between runs, its value by the run's label, as text."""


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


def find_differences(sides: Sequence[Side]) -> Differences:
    """Each key of command, configuration, environment and data that is not the same everywhere.

    An absent key and None are the same: an option that a release did not have yet was not set.
    """
    settings = {side.label: _settings(side.results) for side in sides}
    names = dict.fromkeys(name for values in settings.values() for name in values)
    texts = {
        name: {label: _text(name, values.get(name)) for label, values in settings.items()}
        for name in names
    }
    return {name: values for name, values in texts.items() if len(set(values.values())) > 1}


def _settings(results: Results) -> dict[str, Any]:
    """Command, configuration, environment and fingerprints with dotted names."""
    environment = {k: v for k, v in results.environment.items() if k not in MOMENTARY}
    data = {str(suite.get("name")): suite.get("fingerprint") for suite in results.suites}
    return flatten(
        {"command": results.command, "config": results.config, **environment, "data": data}
    )


def _text(name: str, value: Any) -> str:
    text = text_of(name, value)
    return shortened(text) if HASH.fullmatch(text) else text


def shortened(digest: str) -> str:
    """The beginning of a hash, enough to tell two apart."""
    digest = digest.removeprefix("sha256:")
    return f"{digest[:12]}…" if len(digest) > 12 else digest


def difference_sentence(sides: Sequence[Side], differences: Differences) -> str:
    """In what the runs differ: the first keys, and how many more."""
    names = join_words([side.label for side in sides])
    keys = [key.removeprefix("config.").removeprefix("options.") for key in differences]
    if not keys:
        return f"{names} differ in nothing that their results record: the same run again."
    more = f" and {len(keys) - LISTED} more" if len(keys) > LISTED else ""
    return f"{names} differ in {', '.join(keys[:LISTED])}{more}."


def unlike_sentences(differences: Differences) -> list[str]:
    """What makes runs on one machine unlike each other, where it is known."""
    settings = {
        name.rpartition(".")[2]: [f"{value} in {side}" for side, value in differences[name].items()]
        for name in UNLIKE
        if name in differences
    }
    return [f"They also differ in {noun}: {join_words(s)}." for noun, s in settings.items()]


def find_warnings(sides: Sequence[Side]) -> list[str]:
    """What must be known of each run before its figures are believed."""
    labels: dict[str, list[str]] = {}
    for side in sides:
        modified = [MODIFIED] if side.results.environment.get("modified") else []
        for text in [*build.find_warnings(side.results.rows), *modified]:
            labels.setdefault(text, []).append(side.label)
    return [f"{join_words(names)}: {text}" for text, names in labels.items()]


def overview(sides: Sequence[Side], differences: Differences) -> Table:
    """What each side is, a column each: where it lies and ran, and every key that differs."""
    differing = [
        (name, *values.values()) for name, values in differences.items() if name not in OF_MACHINE
    ]
    rows = [
        ("folder", *(str(side.path) for side in sides)),
        ("machine", *map(_machine, sides)),
        ("date", *(str(side.results.environment.get("date") or "–") for side in sides)),
        ("results.json, SHA-256", *(shortened(side.sha256) for side in sides)),
        *differing,
    ]
    caption = "The runs, and where they differ" if differing else "The runs"
    return Table("runs", caption, ("", *(side.label for side in sides)), rows)


def _machine(side: Side) -> str:
    environment = side.results.environment
    cores = environment.get("cores")
    parts = [
        side.machine or "not named",
        ", ".join(map(str, environment.get("gpus") or ())),
        environment.get("cpu"),
        f"{cores} cores" if cores else "",
    ]
    return ", ".join(str(part) for part in parts if part)


def left_out_table(left_out: Sequence[LeftOut]) -> Table:
    """A line for each thing that is left out."""
    rows = [(subject, join_words(sides), reason) for subject, sides, reason in left_out]
    return Table("left-out", "What is not compared", ("what", "of", "why"), rows)
