"""Packs a results folder into one zip whose bytes depend on its contents alone.

Knows what belongs to results (rankings and judgements by their rows, reports, what follows from
them) and what a licence keeps back. Times in the zip are fixed and names sorted; the bytes are the
same wherever zlib compresses alike, and the manifest's hash is the same everywhere.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import rabbench
from rabbench.bundle import derived, licences, manifest
from rabbench.bundle.manifest import Manifest
from rabbench.report import HTML, MARKDOWN
from rabbench.results import FILENAME, load_results
from rabbench.types import BadInputError, Results, UsageError

Qrels = Literal["auto", "all", "none"]
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip can hold
MODE = 0o100644 << 16  # a plain file, readable by all
UNIX = 3
HOW = {
    "demo": "it is built into rabbench",
    "rationale": "rabbench fetches it, or reads it from the folder that RABBENCH_DATA names",
}


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """A bundle that was written; ``identity`` is the SHA-256 of its manifest."""

    path: Path
    manifest: Manifest
    identity: str

    def to_json(self) -> dict[str, Any]:
        """As ``rabbench bundle --json`` prints it."""
        return {
            "bundle": str(self.path),
            "identity": self.identity,
            "sha256": manifest.sha256(self.path),
            "files": dict(self.manifest.files),
            "absent": dict(self.manifest.absent or {}),
        }

    def text_lines(self) -> list[str]:
        """As ``rabbench bundle`` prints it."""
        absent = [f"not in it: {what}: {why}" for what, why in (self.manifest.absent or {}).items()]
        count = len(self.manifest.files)
        return [*absent, f"{count} files, manifest SHA-256 {self.identity}", str(self.path)]


def write(folder: Path, out: Path | None = None, *, qrels: Qrels = "auto") -> Bundle:
    """Pack ``folder`` into ``out`` (by default ``FOLDER.zip`` beside it), whole or not at all.

    Args:
        folder: of results.
        out: the zip; replaced where it exists.
        qrels: the judgements to pack: by licence, all (whoever says so answers for it), or none.

    Raises:
        BadInputError: if the folder holds no readable results.
        UsageError: if ``out`` is a folder.
    """
    if not folder.is_dir():
        raise BadInputError(f"{folder} is not a results folder; give the folder that --out named")
    results = load_results(folder)
    whole = folder.resolve()
    out = out or whole.with_name(f"{whole.name}.zip")
    if out.is_dir():
        raise UsageError(f"--out {out} is a folder; name a file, such as {out}/{whole.name}.zip")
    contents = {FILENAME: (folder / FILENAME).read_bytes()}
    contents |= {
        name: derived.text(content).encode() for name, content in derived.files(results).items()
    }
    absent: dict[str, str] = {}
    for name in (MARKDOWN, HTML):
        _take(folder, name, contents, absent, "not in the folder; 'rabbench report DIR' writes it")
    data = [_data(results, card, folder, contents, absent, qrels) for card in results.suites]
    made = Manifest(
        release=rabbench.__version__,
        files={name: hashlib.sha256(content).hexdigest() for name, content in contents.items()},
        data=tuple(data),
        absent=absent,
    )
    listed = made.text().encode()
    _zip(out, {**contents, manifest.NAME: listed})
    return Bundle(path=out, manifest=made, identity=hashlib.sha256(listed).hexdigest())


def _take(
    folder: Path, name: str, contents: dict[str, bytes], absent: dict[str, str], why: str
) -> None:
    """Take a file of the folder in, or note that it is not there."""
    path = folder / name
    if path.is_file():
        contents[name] = path.read_bytes()
    else:
        absent[name] = why


def _data(
    results: Results,
    card: Mapping[str, Any],
    folder: Path,
    contents: dict[str, bytes],
    absent: dict[str, str],
    qrels: Qrels,
) -> dict[str, Any]:
    """Take in a data set's rankings and judgements as far as they may travel; say what it is."""
    name, licence = str(card.get("name")), str(card.get("licence") or "")
    allowed, why = licences.leave(licence)
    if qrels == "all":
        allowed, why = "all", f"--qrels all, whatever its licence says ({licence or 'none'})"
    judged = allowed == "all" and qrels != "none"
    measured = [row for row in results.rows if row.phase == "quality" and row.status == "ok"]
    systems = dict.fromkeys(row.system for row in measured if row.params.get("dataset") == name)
    for system in systems:
        run = manifest.run_name(name, system)
        if allowed == "nothing":
            absent[run] = f"{why}; its document ids may be texts"
        else:
            _take(folder, run, contents, absent, "not in the folder: measure again with --out")
    if judged:
        _take(folder, manifest.qrels_name(name), contents, absent, "not in the folder")
    else:
        absent[manifest.qrels_name(name)] = why if qrels != "none" else "--qrels none"
    suite = str(card.get("suite"))
    return {
        "dataset": name,
        "id": card.get("id"),
        "fingerprint": card.get("fingerprint"),
        "licence": licence,
        "source": card.get("source"),
        "judgements": "packed" if judged else "not packed",
        "why": why if qrels != "none" else "--qrels none",
        "to get it": f"rabbench quality --suite {suite} --datasets {name}: "
        f"{HOW.get(suite, 'rabbench reads or fetches it by name')}; source: {card.get('source')}",
    }


def _zip(out: Path, contents: Mapping[str, bytes]) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(out.name + ".partial")
    with zipfile.ZipFile(partial, "w") as archive:
        for name in sorted(contents):
            entry = zipfile.ZipInfo(name, date_time=EPOCH)
            entry.external_attr, entry.create_system = MODE, UNIX
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, contents[name], compresslevel=9)
    partial.replace(out)
