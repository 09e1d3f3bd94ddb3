"""Files a suite is made of, declared the ir_datasets way: name, pinned URL, content hash, licence.

Knows where a copy may lie (``RABBENCH_DATA``, then the cache) and how to fetch one; a file whose
content is not the declared one is never used. Knows nothing of what the files say.
"""

from __future__ import annotations

import hashlib
import logging
import os
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from rabbench.environment import home
from rabbench.types import BadInputError, MissingError

_LOG = logging.getLogger(__name__)
TIMEOUT_S = 60


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One file of a data set.

    ``git_blob`` is the file's id in its own repository: it says the same as ``sha256`` in the
    terms of the source. ``terms`` is the licence, shown each time before the file is used.
    """

    family: str
    filename: str
    url: str
    sha256: str
    git_blob: str
    terms: str


def _checked(data: bytes, resource: Resource, where: str, remedy: str) -> bytes:
    found = hashlib.sha256(data).hexdigest()
    if found != resource.sha256:
        raise BadInputError(
            f"{where} is not the {resource.filename} that this release knows: sha256 {found}, "
            f"expected {resource.sha256} (git blob {resource.git_blob[:8]}); {remedy}"
        )
    return data


def _download(resource: Resource, cached: Path) -> bytes:
    """Fetch the file, check it, and keep it whole or not at all."""
    try:
        with urllib.request.urlopen(resource.url, timeout=TIMEOUT_S) as answer:  # noqa: S310
            data: bytes = answer.read()
    except (urllib.error.URLError, OSError) as error:
        raise MissingError(
            f"data set {resource.family!r}: {resource.filename} is not on this machine and "
            f"{resource.url} cannot be reached ({error}); set RABBENCH_DATA to a folder that has "
            f"{resource.family}/{resource.filename}, or run once with a network"
        ) from None
    _checked(data, resource, resource.url, "the source has changed: report it")
    cached.parent.mkdir(parents=True, exist_ok=True)
    partial = cached.with_name(f"{cached.name}.{os.getpid()}.partial")
    partial.write_bytes(data)
    partial.replace(cached)
    return data


def read(resource: Resource) -> str:
    """The content of a file: a local copy, else the cached one, else a fresh download.

    Raises:
        MissingError: if there is no copy and the source cannot be reached.
        BadInputError: if a copy or the download has another content hash, which the message
            gives beside the expected one.
    """
    _LOG.warning("%s: %s; licence: %s", resource.family, resource.url, resource.terms)
    local = os.environ.get("RABBENCH_DATA")
    places = [Path(local).expanduser() / resource.family / resource.filename] if local else []
    cached = home() / "data" / resource.family / resource.filename
    for path in (*places, cached):
        if path.is_file():
            remedy = f"remove it, or take it from {resource.url}"
            return _checked(path.read_bytes(), resource, str(path), remedy).decode("utf-8")
    return _download(resource, cached).decode("utf-8")
