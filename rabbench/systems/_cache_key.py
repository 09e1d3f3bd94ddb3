"""Hashes of all that a result depends on: a resumed run takes over a result only if they agree.

Knows names, folders and files; knows no system, no suite and no measure. A model is hashed by its
content, not by its name: a folder that was trained further is another model.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

import rabbench
from rabbench.config.options import Options
from rabbench.models import checkpoint
from rabbench.models.catalog import CAUSAL, DENSE
from rabbench.models.locate import package_path
from rabbench.types import Suite

DIGITS = 16
NEUTRAL = frozenset({"batch"})
"""Options that change how fast a score is computed, and the score by rounding only."""

PLAIN = frozenset({"device", "dtype", "attention", "first_stage"})
"""Params and options whose text never names a file or a model."""


@lru_cache(maxsize=256)
def _digest(path: Path, size: int, changed_ns: int) -> str:  # noqa: ARG001 - the cache's key
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def file_key(path: Path) -> str:
    """The hash of a file's content; of an unchanged file it is computed once."""
    stat = path.stat()
    return _digest(path.resolve(), stat.st_size, stat.st_mtime_ns)


def folder_key(path: Path) -> str:
    """The hash of a folder's files, by their names in it; hidden files are left out."""
    files = sorted(p for p in path.rglob("*") if p.is_file() and not p.name.startswith("."))
    return cache_key(files={str(file.relative_to(path)): file_key(file) for file in files})


def model_key(name: str) -> str:
    """A model's content hash on this machine, a hub model's commit in the cache, or its name."""
    path = Path(name).expanduser()
    if (trained := checkpoint.find(name)) is not None:
        return checkpoint_key(trained)
    if path.is_file():
        return file_key(path)
    if path.is_dir():
        return folder_key(path)
    model = {**CAUSAL, **DENSE}.get(name)
    if model is not None and (shipped := package_path(model)) is not None:
        return model_key(str(shipped))
    return _commit(model.hub if model is not None else name) or name


def checkpoint_key(trained: checkpoint.Checkpoint, *, predictor: bool = True) -> str:
    """The hash of a checkpoint's weights, prompt and base model, whatever its card says.

    A teacher reads the adapter alone, without the student's ``predictor``.
    """
    if trained.adapter is None and trained.base == ".":  # a model of its own
        return cache_key(folder=folder_key(trained.folder))
    weights = trained.fingerprint(predictor=predictor)
    return cache_key(weights=weights, prompt=trained.prompt, base=model_key(trained.base))


def _commit(hub_id: str) -> str | None:
    """The commit of a hub model in the local cache; None where it is not there."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    name, _, revision = hub_id.partition("@")
    if name.count("/") != 1:
        return None
    path: object = None
    with suppress(HFValidationError):
        path = try_to_load_from_cache(name, "config.json", revision=revision or None)
    return Path(path).parent.name if isinstance(path, str) else None


def cache_key(**parts: Any) -> str:
    """A short hash of these parts, the same for equal ones in any order of their keys."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]


Stage = tuple[str, Mapping[str, Any], Mapping[str, str]]
"""A system's name, its ``params``, and its ``contents``: keys of the part it reads of a model."""


def system_key(name: str, stages: Sequence[Stage], options: Options) -> str:
    """The hash of a system's scores: release, params, options, models' content.

    ``stages`` are the system and every stage before it, built with these options.
    """
    settings = {key: value for key, value in asdict(options).items() if key not in NEUTRAL}
    pairs = [*settings.items(), *(pair for _, params, _ in stages for pair in params.items())]
    names = {text for key, text in pairs if key not in PLAIN and isinstance(text, str) and text}
    keys = {}
    for text in sorted(names):
        contents = [contents for _, params, contents in stages if text in params.values()]
        if contents and all(text in keys_of_stage for keys_of_stage in contents):
            continue  # the stages have keys of their own for it
        try:
            keys[text] = model_key(text)
        except OSError:  # unreadable: the system itself will report it
            keys[text] = text
    return cache_key(
        release=rabbench.__version__, name=name, stages=stages, options=settings, contents=keys
    )


def dataset_key(suite: Suite) -> str:
    """The hash of a metric's data: texts, judgements, exclusions, the sample of queries."""
    excluded = {query_id: sorted(doc_ids) for query_id, doc_ids in suite.excluded.items()}
    return cache_key(fingerprint=suite.fingerprint, queries=list(suite.queries), excluded=excluded)
