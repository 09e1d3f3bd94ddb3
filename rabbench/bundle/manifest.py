"""What a bundle holds: the names of its files with their SHA-256, and its data sets' terms.

Knows names and hashes; reads no results.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rabbench import registry
from rabbench.types import BadInputError

SCHEMA = 1
NAME = "manifest.json"
KIND = "rabbench bundle"
QRELS = "qrels.txt.gz"


def run_name(dataset: str, system: str) -> str:
    """Where an evaluation keeps a system's ranking, within its results folder."""
    return f"runs/{registry.file_name(dataset)}/{registry.file_name(system)}.trec.gz"


def qrels_name(dataset: str) -> str:
    """Where an evaluation keeps a data set's judgements."""
    return f"runs/{registry.file_name(dataset)}/{QRELS}"


def sha256(path: Path) -> str:
    """A file's SHA-256, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """The content of ``manifest.json``.

    ``files`` are SHA-256 by name, ``data`` what is to be known of each data set, ``absent`` what
    the results speak of and the bundle does not hold, with the reason.
    """

    release: str
    files: Mapping[str, str]
    data: tuple[Mapping[str, Any], ...] = ()
    absent: Mapping[str, str] | None = None

    def text(self) -> str:
        """As it is written: the same manifest gives the same bytes."""
        whole = {
            "schema": SCHEMA,
            "kind": KIND,
            "rabbench": self.release,
            "files": dict(sorted(self.files.items())),
            "data": list(self.data),
            "absent": dict(sorted((self.absent or {}).items())),
        }
        return json.dumps(whole, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def read(path: Path, where: Path) -> Manifest:
    """Read a manifest; ``where`` is what the user named.

    Raises:
        BadInputError: if it is none, or of another schema.
    """
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        found, schema = raw["files"], raw["schema"]
        known = raw["kind"] == KIND and all(
            isinstance(name, str) and isinstance(digest, str) for name, digest in found.items()
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadInputError(
            f"{where}: its {NAME} is damaged ({type(error).__name__}: {error}); bundle again"
        ) from None
    if not known or schema != SCHEMA:
        raise BadInputError(
            f"{where}: its {NAME} is of {raw['kind']!r}, schema {schema!r}; this rabbench reads "
            f"{KIND!r}, schema {SCHEMA}"
        )
    return Manifest(
        release=str(raw.get("rabbench")),
        files=found,
        data=tuple(raw.get("data") or ()),
        absent=raw.get("absent") or {},
    )
