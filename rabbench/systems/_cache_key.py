"""What a result depends on, as one hash: only an equal one may be taken over when a run resumes.

Knows names, folders and files; knows no system, no suite and no measure. A model is known by its
content, not by its name: a folder that was trained further is another model.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rabbench
from rabbench.types import Options, Suite

if TYPE_CHECKING:
    from rabbench.models.checkpoint import Checkpoint

DIGITS = 16
NEUTRAL = frozenset({"batch"})
"""Options that change how fast a score is computed, and the score by rounding only."""

PLAIN = frozenset({"device", "dtype", "attention", "first_stage"})
"""Params and options whose text never names a file or a model."""


@lru_cache(maxsize=256)
def _file(path: str, size: int, changed_ns: int) -> str:  # noqa: ARG001 - part of the cache's key
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _digest(path: Path) -> str:
    stat = path.stat()
    return _file(str(path.resolve()), stat.st_size, stat.st_mtime_ns)


def _folder(path: Path) -> str:
    files = sorted(p for p in path.rglob("*") if p.is_file() and not p.name.startswith("."))
    return cache_key(files={str(file.relative_to(path)): _digest(file) for file in files})


def content(name: str) -> str:
    """What a model's name means on this machine: a content hash, a pinned revision, or the name.

    Args:
        name: a folder or file (hashed whole, hidden files left out), a name of the catalogue, or
            a hub id (the commit that the cache holds).
    """
    from rabbench.models import checkpoint
    from rabbench.models.catalog import CAUSAL, DENSE
    from rabbench.models.locate import package_path

    path = Path(name).expanduser()
    if (trained := checkpoint.find(name)) is not None:
        return of_checkpoint(trained)
    if path.is_file():
        return _digest(path)
    if path.is_dir():
        return _folder(path)
    named = {**CAUSAL, **DENSE}.get(name)
    if named is not None and (shipped := package_path(named)) is not None:
        return content(str(shipped))
    return _commit(named.hub if named is not None else name) or name


def of_checkpoint(trained: Checkpoint, *, predictor: bool = True) -> str:
    """What a trained checkpoint computes: its weights and its prompt, whatever its card says.

    Args:
        trained: the checkpoint.
        predictor: whether the student's predictor is read; a teacher reads the adapter alone.
    """
    if trained.adapter is None and trained.base == ".":  # a model of its own
        return cache_key(folder=_folder(trained.folder))
    weights = trained.fingerprint(predictor=predictor)
    return cache_key(weights=weights, prompt=trained.prompt, base=content(trained.base))


def _commit(hub_id: str) -> str | None:
    """The commit of a hub model in the local cache; None where it is not there."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    name, _, revision = hub_id.partition("@")
    if name.count("/") != 1:
        return None
    try:
        found = try_to_load_from_cache(name, "config.json", revision=revision or None)
    except HFValidationError:
        return None
    return Path(found).parent.name if isinstance(found, str) else None


def cache_key(**parts: Any) -> str:
    """A short hash of these parts, the same for equal ones in any order of their keys."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]


Stage = tuple[str, Mapping[str, Any], Mapping[str, str]]
"""A system's name, its ``params``, and its ``contents``: what it reads of a model, by its name."""


def system_key(name: str, stages: Sequence[Stage], options: Options) -> str:
    """What a system's scores of a text depend on: release, params, options, models' content.

    Args:
        name: as in the registry.
        stages: the system and every stage before it.
        options: those it was built with.
    """
    chosen = {key: value for key, value in asdict(options).items() if key not in NEUTRAL}
    told = [*chosen.items(), *(pair for _, params, _ in stages for pair in params.items())]
    names = {value for key, value in told if key not in PLAIN and isinstance(value, str) and value}
    for text in tuple(names):
        readers = [own for _, params, own in stages if text in params.values()]
        if readers and all(text in own for own in readers):
            names.remove(text)  # the stages say what it is to them
    contents = {}
    for text in sorted(names):
        try:
            contents[text] = content(text)
        except OSError:  # not to be read: the system itself will say so
            contents[text] = text
    return cache_key(
        release=rabbench.__version__, name=name, stages=stages, options=chosen, contents=contents
    )


def dataset_key(suite: Suite) -> str:
    """What a metric depends on beside the system: texts, judgements, exclusions, the sample."""
    excluded = {query_id: sorted(found) for query_id, found in suite.excluded.items()}
    return cache_key(fingerprint=suite.fingerprint, queries=list(suite.queries), excluded=excluded)
