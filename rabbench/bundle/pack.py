"""Packs a results folder into one zip whose bytes depend on its contents alone.

Knows the files of a results folder (rankings and judgements by their rows, reports, derived files)
and licences by name: one that is not known to allow passing data on does not. Times in the zip are
fixed and names sorted; the bytes are the same wherever zlib compresses alike, and the manifest's
hash is the same everywhere.
"""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import rabbench
from rabbench.bundle import growth, manifest
from rabbench.bundle.manifest import Manifest
from rabbench.quality.job import qrels_name, run_name
from rabbench.report import HTML, MARKDOWN
from rabbench.results import FILENAME, load_results, write_file
from rabbench.types import BadInputError, Results, UsageError

Permission = Literal["all", "runs", "nothing"]

FREE = re.compile(
    r"(CC0|CC BY(?!-ND|-NC-ND| NC ND| ND)[ -]|Apache-2\.0|MIT\b|BSD|GPL-|LGPL-|ODC-BY|ODbL|PDDL)",
)
"""Beginnings of licences that let anyone pass on a copy or a part; no-derivatives does not."""

LOCAL = re.compile(r"not to be passed on|no redistribution|do not redistribute", re.IGNORECASE)
"""Words on the card of data that stay where they are; their document ids may be texts."""

QrelsPolicy = Literal["auto", "all", "none"]
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip can hold
MODE = 0o100644 << 16  # a plain file, readable by all
UNIX = 3
AVAILABILITY = {
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
        """The output of ``rabbench bundle --json``."""
        return {
            "bundle": str(self.path),
            "identity": self.identity,
            "sha256": manifest.sha256(self.path),
            "files": dict(self.manifest.files),
            "absent": dict(self.manifest.absent),
        }

    def text_lines(self) -> list[str]:
        """The output of ``rabbench bundle``."""
        absent = [f"not in it: {name}: {why}" for name, why in self.manifest.absent.items()]
        count = len(self.manifest.files)
        return [*absent, f"{count} files, manifest SHA-256 {self.identity}", str(self.path)]


def write(folder: Path, out: Path | None = None, *, qrels: QrelsPolicy = "auto") -> Bundle:
    """Pack ``folder`` into ``out`` (by default ``FOLDER.zip`` beside it), whole or not at all.

    ``qrels``: judgements are packed by licence, all (whoever says so answers for it), or none.

    Raises:
        BadInputError: if the folder holds no readable results.
        UsageError: if ``out`` is a folder.
    """
    if not folder.is_dir():
        raise BadInputError(f"{folder} is not a results folder; give the folder that --out named")
    results = load_results(folder)
    source = folder.resolve()
    out = out or source.with_name(f"{source.name}.zip")
    if out.is_dir():
        raise UsageError(f"--out {out} is a folder; name a file, such as {out}/{source.name}.zip")
    packing = _Packing(folder, results)
    packing.contents[FILENAME] = (folder / FILENAME).read_bytes()
    for name, content in growth.derived_files(results).items():
        packing.contents[name] = manifest.json_text(content).encode()
    for name in (MARKDOWN, HTML):
        packing.add(name, "not in the folder; 'rabbench report DIR' writes it")
    datasets = tuple(packing.add_dataset(card, qrels) for card in results.suites)
    packed = Manifest(
        release=rabbench.__version__,
        data=datasets,
        files={name: hashlib.sha256(data).hexdigest() for name, data in packing.contents.items()},
        absent=packing.absent,
    )
    text = packed.text().encode()
    _zip(out, {**packing.contents, manifest.NAME: text})
    return Bundle(path=out, manifest=packed, identity=hashlib.sha256(text).hexdigest())


def permission(licence: str) -> tuple[Permission, str]:
    """The content that a licence allows in a bundle, and the reason.

    Returns:
        ``all``: judgements and rankings; ``runs``: rankings, which hold ids alone; ``nothing``.
    """
    if LOCAL.search(licence):
        return "nothing", f"its licence keeps it where it is ({licence})"
    if FREE.match(licence):
        return "all", f"its licence allows it ({licence})"
    return "runs", f"its licence is not known to allow passing judgements on ({licence or 'none'})"


@dataclass(frozen=True)
class _Packing:
    """The contents of a bundle as they grow, and the files that are left out, with the reason."""

    folder: Path
    results: Results
    contents: dict[str, bytes] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, why: str) -> None:
        """Add a file of the folder; ``why`` is the reason where it is not there."""
        path = self.folder / name
        if path.is_file():
            self.contents[name] = path.read_bytes()
        else:
            self.absent[name] = why

    def add_dataset(self, card: Mapping[str, Any], qrels: QrelsPolicy) -> dict[str, Any]:
        """Add a data set's rankings and judgements as far as its licence allows; its terms."""
        name, licence = str(card.get("name")), str(card.get("licence") or "")
        allowed, why = permission(licence)
        if qrels == "all":
            allowed, why = "all", f"--qrels all, whatever its licence says ({licence or 'none'})"
        measured = [
            row
            for row in self.results.rows
            if (row.phase, row.status, row.params.get("dataset")) == ("quality", "ok", name)
        ]
        for system in dict.fromkeys(row.system for row in measured):
            if allowed == "nothing":
                self.absent[run_name(name, system)] = f"{why}; its document ids may be texts"
            else:
                self.add(run_name(name, system), "not in the folder: measure again with --out")
        if qrels == "none":
            why = "--qrels none"
        with_qrels = allowed == "all" and qrels != "none"
        if with_qrels:
            self.add(qrels_name(name), "not in the folder")
        else:
            self.absent[qrels_name(name)] = why
        suite, source = str(card.get("suite")), card.get("source")
        availability = AVAILABILITY.get(suite, "rabbench reads or fetches it by name")
        return {
            "dataset": name,
            "id": card.get("id"),
            "fingerprint": card.get("fingerprint"),
            "licence": licence,
            "source": source,
            "judgements": "packed" if with_qrels else "not packed",
            "why": why,
            "to get it": f"rabbench quality --suite {suite} --datasets {name}: {availability}; "
            f"source: {source}",
        }


def _zip(out: Path, contents: Mapping[str, bytes]) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in sorted(contents):
            entry = zipfile.ZipInfo(name, date_time=EPOCH)
            entry.external_attr, entry.create_system = MODE, UNIX
            archive.writestr(entry, contents[name], zipfile.ZIP_DEFLATED, compresslevel=9)
    write_file(out, stream.getvalue())
