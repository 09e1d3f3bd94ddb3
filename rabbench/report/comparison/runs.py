"""Several results side by side: in what they differ, what to know of each, what is left out.

Knows results files and their environment; knows no measure and judges no figure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from rabbench.report import build
from rabbench.report.page import Table
from rabbench.report.wording import flatten, text_of
from rabbench.scaling.labels import join_words
from rabbench.scaling.sides import LeftOut, Side, shortened
from rabbench.types import Results

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
