"""Where the figures come from and how to get them again: command, machine, versions, inputs.

Reads the configuration, environment, cards and rows that a results file carries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from rabbench.report import command
from rabbench.report.page import Section, Table
from rabbench.report.wording import flatten, text_of
from rabbench.types import Results

HASH = 12  # digits of a commit in a sentence; the table has all


def section(results: Results) -> Section:
    """How to reproduce the results, and every value that they were made with."""
    environment = dict(results.environment)
    versions = environment.pop("versions", None) or {}
    tables = [
        _inputs(results),
        _items("hardware", "Machine and state", environment),
        _items("software", "Versions", versions if isinstance(versions, Mapping) else {}),
        _items("configuration", "Configuration", results.config),
    ]
    commit = environment.get("commit")
    checkout = [f"git checkout {commit}"] if commit else []
    return Section(
        id="provenance",
        title="Provenance",
        text=_sentences(results),
        code=[*checkout, command.render_command(results.command, results.config)],
        tables=[replace(one, folded=one.id != "inputs") for one in tables if one is not None],
        group="About",
    )


def source_text(results: Results) -> str:
    """The run in a line: command, release, commit, machine, date."""
    environment = results.environment
    release = (environment.get("versions") or {}).get("rabbench")
    return (
        f"rabbench {results.command}, release {release}, commit {environment.get('commit')}, "
        f"machine {environment.get('machine')}, {environment.get('date')}"
    )


def _sentences(results: Results) -> list[str]:
    found = results.environment
    date = str(found.get("date") or "")[:16].replace("T", " ")
    gpus = ", ".join(map(str, found.get("gpus") or ()))
    memory = text_of("memory_bytes", found.get("memory_bytes"))
    parts = [
        gpus,
        str(found.get("cpu") or ""),
        f"{found['cores']} cores" if found.get("cores") else "",
        memory if found.get("memory_bytes") else "",
        str(found.get("system") or ""),
    ]
    machine = ", ".join(filter(None, parts)) or "a machine that is not described"
    version = (found.get("versions") or {}).get("rabbench")
    said = f"Measured{f' with rabbench {version}' if version else ''} on {machine}"
    said += f", {date} UTC" if date else ""
    commit = found.get("commit")
    if commit:
        changed = ", with changes that are not committed" if found.get("modified") else ""
        said += f", at commit {str(commit)[:HASH]}{changed}"
    return [f"{said}. The same figures, times aside, come from:"]


def _inputs(results: Results) -> Table | None:
    """Data sets and models: source, licence, content hash."""
    rows = [
        (
            "data set",
            str(suite.get("id") or suite.get("name") or "–"),
            *(text_of("", suite.get(name)) for name in ("source", "licence", "fingerprint")),
        )
        for suite in results.suites
    ]
    models: dict[str, str] = {}
    for row in results.rows:
        model = row.params.get("model")
        if model:
            weights = str(row.params.get("weights") or models.get(str(model)) or "–")
            models[str(model)] = weights
    rows += [("model", name, "–", "–", weights) for name, weights in models.items()]
    if not rows:
        return None
    columns = ("kind", "name", "source", "licence", "content hash")
    return Table("inputs", "Data and models", columns, rows)


def _items(id_: str, caption: str, values: Mapping[str, Any]) -> Table | None:
    rows = [
        (name, text_of(name.rpartition(".")[2], value)) for name, value in flatten(values).items()
    ]
    return Table(id_, caption, ("item", "value"), rows) if rows else None


def suites(cards: Sequence[Mapping[str, Any]], hidden: frozenset[str], few: int) -> Section:
    """The data sets' cards; few long ones read better as columns."""
    names = list(dict.fromkeys(name for card in cards for name in card if name not in hidden))
    lines = [[text_of(name, card.get(name)) for name in names] for card in cards]
    columns = [name.removeprefix("n_").replace("_", " ") for name in names]
    table = Table("suites", "The test collections used", columns, lines)
    if 0 < len(lines) <= few:
        turned = [(name, *cells) for name, *cells in zip(columns, *lines, strict=True)]
        table = Table("suites", "The test collections used", turned[0], turned[1:])
    shown = [table] if lines else []
    return Section(id="suites", title="Test collections", tables=shown, group="About")
