"""The manifest of a bundle: the names of its files with their SHA-256, and its data sets' terms.

Knows names and hashes; reads no results.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rabbench.types import BadInputError

SCHEMA = 1
NAME = "manifest.json"
KIND = "rabbench bundle"


def sha256(path: Path) -> str:
    """A file's SHA-256, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def json_text(content: Any) -> str:
    """The text of a bundle's JSON file."""
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """The content of ``manifest.json``.

    ``files`` are SHA-256 by name, ``data`` the terms of each data set, ``absent`` the files that
    the results speak of and the bundle does not hold, with the reason.
    """

    release: str
    files: Mapping[str, str]
    data: tuple[Mapping[str, Any], ...] = ()
    absent: Mapping[str, str] = field(default_factory=dict)

    def text(self) -> str:
        """The text of the file: the same manifest gives the same bytes."""
        content = {
            "schema": SCHEMA,
            "kind": KIND,
            "rabbench": self.release,
            "files": dict(sorted(self.files.items())),
            "data": list(self.data),
            "absent": dict(sorted(self.absent.items())),
        }
        return json_text(content)


def read(path: Path, bundle: Path) -> Manifest:
    """Read a manifest; ``bundle`` is the path for messages, as the user gave it.

    Raises:
        BadInputError: if it is none, or of another schema.
    """
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        files, schema = raw["files"], raw["schema"]
        readable = raw["kind"] == KIND and all(
            isinstance(name, str) and isinstance(digest, str) for name, digest in files.items()
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadInputError(
            f"{bundle}: its {NAME} is damaged ({type(error).__name__}: {error}); bundle again"
        ) from None
    if not readable or schema != SCHEMA:
        raise BadInputError(
            f"{bundle}: its {NAME} is of {raw['kind']!r}, schema {schema!r}; this rabbench reads "
            f"{KIND!r}, schema {SCHEMA}"
        )
    return Manifest(
        release=str(raw.get("rabbench")),
        files=files,
        data=tuple(raw.get("data") or ()),
        absent=raw.get("absent") or {},
    )
