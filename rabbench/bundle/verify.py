"""Recomputes what a bundle or a results folder says, and tells line by line whether it agrees.

Puts the parts together: hashes, judgements and metrics, samples and counts, fits and tables.
Measures nothing; what cannot be recomputed here is told as not verified, never as right.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rabbench.bundle import costs, growth, manifest, rankings
from rabbench.bundle.reader import Content, open_bundle
from rabbench.bundle.verify_result import VerifyResult, agrees, disagrees
from rabbench.results import load_results
from rabbench.types import BadInputError, Results

HASHED = "hash"


def run(path: Path, *, data: bool = True) -> list[VerifyResult]:
    """Verify a bundle, unpacked or not, or a results folder (which has no hashes to hold it to).

    Args:
        path: of the zip or the folder.
        data: whether judgements that did not travel are read from the data set of that name.

    Raises:
        BadInputError: if there is nothing there, the zip is broken or harmful, or its results
            cannot be read.
    """
    with open_bundle(path) as content:
        results = _results(content)
        return list(_findings(content, results, data=data))


def _findings(content: Content, results: Results, *, data: bool) -> Iterator[VerifyResult]:
    yield from _hashes(content)
    yield from rankings.findings(content, results, data=data)
    yield from costs.samples(results)
    yield from costs.counters(results)
    yield from costs.recount(results)
    yield from growth.findings(content, results)


def _results(content: Content) -> Results:
    try:
        return load_results(content.folder)
    except BadInputError as error:
        raise BadInputError(str(error).replace(str(content.folder), str(content.named))) from None
    except RecursionError:
        raise BadInputError(f"{content.named}: its results are nested too deep to read") from None


def _hashes(content: Content) -> Iterator[VerifyResult]:
    """A line for each file that the manifest names or that is there unnamed."""
    if content.manifest is None:
        return
    for name, digest in sorted(content.manifest.files.items()):
        path = content.path(name) if _inside(name) else None
        if path is None:
            yield disagrees(HASHED, name, "is in the manifest and not in the bundle")
        elif (found := manifest.sha256(path)) != digest:
            detail = f"SHA-256 is {found[:16]}…, the manifest says {digest[:16]}…"
            yield disagrees(HASHED, name, detail)
        else:
            yield agrees(HASHED, name, f"SHA-256 {digest[:16]}…")
    for name in content.files():
        if name not in content.manifest.files:
            yield disagrees(HASHED, name, "is in the bundle and not in the manifest")


def _inside(name: str) -> bool:
    """Whether a manifest's name stays within its folder."""
    return not (name.startswith("/") or ".." in Path(name).parts or "\\" in name)
