"""A data set's source files, declared as in ir_datasets: name, pinned URL, content hash, licence.

Knows where a copy may lie (``RABBENCH_DATA``, then the cache) and how to fetch one; a file with
another content hash is never used. Knows nothing of the content.
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

    ``sha256`` is the hash of its content, ``git_blob`` its id in the source's own repository.
    ``terms`` is the licence, shown each time before the file is used.
    """

    family: str
    filename: str
    url: str
    sha256: str
    git_blob: str
    terms: str


def local_copy(family: str, filename: str) -> Path | None:
    """A user's copy in the family's folder below ``RABBENCH_DATA``, or None."""
    data = os.environ.get("RABBENCH_DATA")
    path = Path(data).expanduser() / family / filename if data else None
    return path if path is not None and path.is_file() else None


def read(resource: Resource) -> str:
    """The content of a file: a local copy, else the cached one, else a fresh download.

    Raises:
        MissingError: if there is no copy and the source cannot be reached.
        BadInputError: if a copy or the download has another content hash; the message gives both.
    """
    _LOG.warning("%s: %s; licence: %s", resource.family, resource.url, resource.terms)
    cached = home() / "data" / resource.family / resource.filename
    path = local_copy(resource.family, resource.filename) or cached
    if not path.is_file():
        return _download(resource, cached).decode("utf-8")
    data = path.read_bytes()
    _check_hash(data, resource, str(path), f"remove it, or take it from {resource.url}")
    return data.decode("utf-8")


def _check_hash(data: bytes, resource: Resource, where: str, remedy: str) -> None:
    sha256 = hashlib.sha256(data).hexdigest()
    if sha256 != resource.sha256:
        raise BadInputError(
            f"{where} is not the {resource.filename} that this release knows: sha256 {sha256}, "
            f"expected {resource.sha256} (git blob {resource.git_blob[:8]}); {remedy}"
        )


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
    _check_hash(data, resource, resource.url, "the source has changed: report it")
    cached.parent.mkdir(parents=True, exist_ok=True)
    partial = cached.with_name(f"{cached.name}.{os.getpid()}.partial")
    partial.write_bytes(data)
    partial.replace(cached)
    return data
