"""Where the figures come from and how to get them again: command, machine, versions, inputs.

Reads the configuration, environment, cards and rows that a results file carries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from rabbench.config.echo import render_command
from rabbench.report.page import Section, Table
from rabbench.report.wording import flatten, text_of
from rabbench.types import Results

HASH = 12  # digits of a commit in a sentence; the table has all
FEW = 3  # data sets that read better as columns
HIDDEN = frozenset({"sampled", "relevant_words"})
"""What a data set's card holds for every query, and no table shows."""


def provenance_section(results: Results) -> Section:
    """How to reproduce the results, and every value of their configuration and environment."""
    environment = dict(results.environment)
    versions = environment.pop("versions", None) or {}
    tables = [
        _inputs_table(results),
        _items_table("hardware", "Machine and state", environment),
        _items_table("software", "Versions", versions),
        _items_table("configuration", "Configuration", results.config),
    ]
    commit = environment.get("commit")
    checkout = [f"git checkout {commit}"] if commit else []
    return Section(
        id="provenance",
        title="Provenance",
        text=[f"Measured{_origin(results)}. The same figures, times aside, come from:"],
        code=[*checkout, render_command(results.command, results.config)],
        tables=[replace(table, folded=table.id != "inputs") for table in tables if table.rows],
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


def _origin(results: Results) -> str:
    """Release, machine, date and commit, as far as they are known."""
    environment = results.environment
    cores, memory = environment.get("cores"), environment.get("memory_bytes")
    hardware = [
        *map(str, environment.get("gpus") or ()),
        str(environment.get("cpu") or ""),
        f"{cores} cores" if cores else "",
        text_of("memory_bytes", memory) if memory else "",
        str(environment.get("system") or ""),
    ]
    machine = ", ".join(filter(None, hardware)) or "a machine that is not described"
    version = (environment.get("versions") or {}).get("rabbench")
    date = str(environment.get("date") or "")[:16].replace("T", " ")
    commit = str(environment.get("commit") or "")[:HASH]
    changes = ", with changes that are not committed" if environment.get("modified") else ""
    return (
        f"{f' with rabbench {version}' if version else ''} on {machine}"
        f"{f', {date} UTC' if date else ''}{f', at commit {commit}{changes}' if commit else ''}"
    )


def _inputs_table(results: Results) -> Table:
    """Data sets and models: source, licence, content hash."""
    rows: list[tuple[str, ...]] = [
        (
            "data set",
            str(suite.get("id") or suite.get("name") or "–"),
            *(text_of("", suite.get(name)) for name in ("source", "licence", "fingerprint")),
        )
        for suite in results.suites
    ]
    weights: dict[str, str] = {}
    for row in results.rows:
        model = row.params.get("model")
        if model:
            weights[model] = str(row.params.get("weights") or weights.get(model) or "–")
    rows += [("model", model, "–", "–", digest) for model, digest in weights.items()]
    columns = ("kind", "name", "source", "licence", "content hash")
    return Table("inputs", "Data and models", columns, rows)


def _items_table(id_: str, caption: str, values: Mapping[str, Any]) -> Table:
    items = flatten(values).items()
    rows = [(name, text_of(name.rpartition(".")[2], value)) for name, value in items]
    return Table(id_, caption, ("item", "value"), rows)


def suites_section(cards: Sequence[Mapping[str, Any]]) -> Section:
    """The data sets' cards, a line each; few are shown as columns."""
    names = list(dict.fromkeys(name for card in cards for name in card if name not in HIDDEN))
    headings = [name.removeprefix("n_").replace("_", " ") for name in names]
    lines = [headings, *([text_of(name, card.get(name)) for name in names] for card in cards)]
    columns, *rows = list(zip(*lines, strict=True)) if 0 < len(cards) <= FEW else lines
    table = Table("suites", "The test collections used", columns, rows)
    tables = [table] if cards else []
    return Section(id="suites", title="Test collections", tables=tables, group="About")
