"""Recomputes the figures of a bundle or a results folder; a line each, whether it agrees.

Puts the parts together: hashes, judgements and metrics, samples and counts, fits and tables.
Measures nothing; a figure that cannot be recomputed here is not verified, never right.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rabbench.bundle import costs, manifest
from rabbench.bundle.growth import verify_growth
from rabbench.bundle.rankings import verify_rankings
from rabbench.bundle.reader import Content, open_bundle
from rabbench.bundle.verify_result import VerifyResult, agrees, disagrees
from rabbench.results import load_results
from rabbench.types import BadInputError, Results

HASH = "hash"


def run(path: Path, *, data: bool = True) -> list[VerifyResult]:
    """Verify a bundle, unpacked or not, or a results folder (which has no hashes).

    With ``data`` judgements that did not travel are read from the data set of that name.

    Raises:
        BadInputError: if there is nothing there, the zip is broken or harmful, or its results
            cannot be read.
    """
    with open_bundle(path) as content:
        results = _results(content)
        return [
            *_verify_hashes(content),
            *verify_rankings(content, results, data=data),
            *costs.verify_samples(results),
            *costs.verify_counters(results),
            *costs.verify_recount(results),
            *verify_growth(content, results),
        ]


def _results(content: Content) -> Results:
    try:
        return load_results(content.folder)
    except BadInputError as error:
        raise BadInputError(str(error).replace(str(content.folder), str(content.source))) from None
    except RecursionError:
        raise BadInputError(f"{content.source}: its results are nested too deep to read") from None


def _verify_hashes(content: Content) -> Iterator[VerifyResult]:
    """A line for each file of the manifest, and for each file that is not in it."""
    if content.manifest is None:
        return
    for name, digest in sorted(content.manifest.files.items()):
        # A manifest's name must not lead out of its folder.
        inside = not (name.startswith("/") or ".." in Path(name).parts or "\\" in name)
        path = content.path(name) if inside else None
        if path is None:
            yield disagrees(HASH, name, "is in the manifest and not in the bundle")
        elif (computed := manifest.sha256(path)) != digest:
            detail = f"SHA-256 is {computed[:16]}…, the manifest says {digest[:16]}…"
            yield disagrees(HASH, name, detail)
        else:
            yield agrees(HASH, name, f"SHA-256 {digest[:16]}…")
    for name in content.files():
        if name not in content.manifest.files:
            yield disagrees(HASH, name, "is in the bundle and not in the manifest")
