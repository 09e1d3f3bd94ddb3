"""Opens a bundle or a results folder for reading, and refuses a zip that could do harm.

A bundle comes from someone else: names that lead out of its folder, links, encrypted, doubled or
oversized entries are refused before anything is written. The rest is unpacked into a temporary
folder, which is removed after reading. Knows zips, not results.
"""

from __future__ import annotations

import gzip
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from rabbench.bundle import manifest
from rabbench.bundle.manifest import Manifest
from rabbench.results import FILENAME
from rabbench.types import BadInputError

LARGEST = 1 << 30  # bytes of one file, unpacked; of a gzipped one also what is in it
LARGEST_IN_ALL = 1 << 32
MOST_FILES = 10_000
CHUNK = 1 << 20


@dataclass(frozen=True)
class Content:
    """A folder to verify; ``source`` is the path the user gave, ``manifest`` that of a bundle."""

    folder: Path
    source: Path
    manifest: Manifest | None

    def path(self, name: str) -> Path | None:
        """The file of this name, or None where it is not there."""
        path = self.folder / name
        return path if path.is_file() else None

    def files(self) -> list[str]:
        """The names of all files but the manifest, sorted."""
        paths = (path for path in self.folder.rglob("*") if path.is_file())
        names = {path.relative_to(self.folder).as_posix() for path in paths}
        return sorted(names - {manifest.NAME})


@contextmanager
def open_bundle(path: Path) -> Iterator[Content]:
    """The content of a bundle, unpacked or not, or of a results folder.

    Raises:
        BadInputError: if there is nothing at the path, or a zip is broken, harmful or no bundle.
    """
    if path.is_dir():
        file = path / manifest.NAME
        yield Content(path, path, manifest.read(file, path) if file.is_file() else None)
        return
    if not path.is_file():
        raise BadInputError(f"no file {path}; give a bundle or a results folder")
    with tempfile.TemporaryDirectory(prefix="rabbench-verify-") as temporary:
        folder = Path(temporary)
        _unpack(path, folder)
        for name in (manifest.NAME, FILENAME):
            if not (folder / name).is_file():
                raise BadInputError(
                    f"{path} holds no {name}: it is no bundle; 'rabbench bundle DIR' makes one"
                )
        yield Content(folder, path, manifest.read(folder / manifest.NAME, path))


def _unpack(path: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            _refuse(path, entries)
            for entry in entries:
                target = folder / entry.filename
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(entry) as stream, target.open("wb") as out:
                    for chunk in _bounded(stream, f"{path}: {entry.filename}"):
                        out.write(chunk)
                if target.suffix == ".gz":
                    _check_gzip(target, f"{path}: {entry.filename}")
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError) as error:
        raise BadInputError(
            f"{path} is not a zip that can be read ({type(error).__name__}: {error}); fetch or "
            "bundle it again"
        ) from None


def _refuse(path: Path, entries: list[zipfile.ZipInfo]) -> None:
    """Refuse a zip by its directory, before any entry is read."""
    names: set[str] = set()
    for entry in entries:
        name = entry.filename
        parts = PurePosixPath(name).parts
        outside = name.startswith("/") or ".." in parts or not parts
        odd = any(sign in name for sign in "\\:") or not name.isprintable()
        problem = (
            "leads out of the bundle" if outside or odd
            else "is a link" if stat.S_ISLNK(entry.external_attr >> 16)
            else "is encrypted" if entry.flag_bits & 1
            else "is there twice" if name.lower() in names
            else f"unpacks to {entry.file_size:,} bytes, at most {LARGEST:,} are read"
            if entry.file_size > LARGEST
            else ""
        )  # fmt: skip
        if problem:
            raise BadInputError(f"{path}: {name!r} {problem}; a bundle has no such file")
        names.add(name.lower())
    total = sum(entry.file_size for entry in entries)
    if len(entries) > MOST_FILES or total > LARGEST_IN_ALL:
        raise BadInputError(
            f"{path} unpacks to {len(entries):,} files and {total:,} bytes; at most {MOST_FILES:,} "
            f"and {LARGEST_IN_ALL:,} are read"
        )


def _bounded(stream: IO[bytes] | gzip.GzipFile, where: str) -> Iterator[bytes]:
    """The stream in pieces, at most ``LARGEST`` bytes, whatever size the zip claims."""
    size = 0
    while chunk := stream.read(CHUNK):
        size += len(chunk)
        if size > LARGEST:
            raise BadInputError(f"{where} unpacks to more than {LARGEST:,} bytes; it is not read")
        yield chunk


def _check_gzip(path: Path, where: str) -> None:
    """Refuse a gzipped file that unpacks to too much; a broken one is left to its reader."""
    with suppress(OSError, EOFError, zlib.error), gzip.open(path, "rb") as stream:
        for _ in _bounded(stream, where):
            pass
