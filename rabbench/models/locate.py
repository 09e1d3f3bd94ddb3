"""The place of a model's files: a folder, the hub or its cache, or a package that ships a GGUF.

Knows names, folders and the hub; loads no model but to unpack a packaged GGUF once.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from filelock import FileLock

from rabbench.environment import home
from rabbench.models.catalog import CAUSAL, PRESETS, ModelSource, names
from rabbench.types import MissingError, UsageError

log = logging.getLogger(__name__)


def locate(name: str) -> tuple[str, str, str | None]:
    """The source of a model (``preset``, ``folder``, ``package`` or ``hub``), location, revision.

    UsageError for a name that is none of these; MissingError for a model of the catalog that is
    not here and cannot be fetched.
    """
    if name in PRESETS:
        return "preset", "", None
    if name in CAUSAL:
        return _locate_in_catalog(name, CAUSAL[name])
    folder = Path(name).expanduser()
    if (folder / "config.json").is_file():
        return "folder", str(folder), _folder_hash(folder)
    if folder.is_dir():
        raise UsageError(f"folder {name!r} holds no config.json, so it is no model")
    hub_id, _, revision = name.partition("@")
    if hub_id.count("/") != 1 or hub_id.startswith(("/", ".", "~")):
        raise UsageError(
            f"unknown model {name!r}; known: {', '.join(names())}; or a folder with config.json, "
            "or a hub id org/name[@revision]"
        )
    return "hub", hub_id, revision or None


def _locate_in_catalog(name: str, model: ModelSource) -> tuple[str, str, str | None]:
    from huggingface_hub import try_to_load_from_cache

    if isinstance(try_to_load_from_cache(model.hub, "model.safetensors"), str):
        return "hub", model.hub, None
    if gguf := package_path(model):
        folder, digest = _unpack_once(gguf)
        return "package", str(folder), f"sha256:{digest}"
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}:
        raise missing_model_error(name, "HF_HUB_OFFLINE is set and no package ships it here")
    return "hub", model.hub, None


def package_path(model: ModelSource) -> Path | None:
    """The file or folder inside an installed package, or None; the package is not imported."""
    spec = find_spec(model.package)
    roots = (spec.submodule_search_locations or []) if spec else []
    paths = (Path(root) / model.file for root in roots)
    return next((path for path in paths if path.exists()), None)


def _unpack_once(gguf: Path) -> tuple[Path, str]:
    """The folder of a packaged GGUF's safetensors copy in the cache, and the GGUF's hash."""
    with gguf.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()[:16]
    folder = home() / "models" / f"{gguf.stem}-{digest}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not (folder / "config.json").is_file():
            log.warning("unpacking %s (once, about half a minute)", gguf.name)
            _unpack(gguf, folder)
    return folder, digest


def _unpack(gguf: Path, folder: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    source = {"pretrained_model_name_or_path": str(gguf.parent), "gguf_file": gguf.name}
    model = AutoModelForCausalLM.from_pretrained(**source)
    # The tensors are plain floats by now; only this mark keeps transformers from saving them.
    del model.config.quantization_config
    model.is_quantized, model.hf_quantizer = False, None
    partial = folder.with_name(folder.name + ".partial")
    AutoTokenizer.from_pretrained(**source).save_pretrained(partial)
    model.save_pretrained(partial)
    partial.rename(folder)


def _folder_hash(folder: Path) -> str:
    """A hash over name, size and first MiB of each file: cheap, yet another for other weights."""
    digest = hashlib.sha256()
    for path in sorted(file for file in folder.iterdir() if file.is_file()):
        digest.update(f"{path.name}\0{path.stat().st_size}\0".encode())
        with path.open("rb") as file:
            digest.update(file.read(1 << 20))
    return f"sha256:{digest.hexdigest()[:16]}"


def missing_model_error(name: str, reason: str) -> MissingError:
    """The error for a model that is not here, with its remedy."""
    remedy = f"known names: {', '.join(names())}; or a hub id, or a folder with config.json"
    if name in CAUSAL:
        remedy = f"install its weights with '{CAUSAL[name].install}', or give --model a folder"
    return MissingError(f"model {name!r} is not available ({reason}); {remedy}")


@contextmanager
def progress_bars(*, visible: bool) -> Iterator[None]:
    """Show or hide transformers' own progress bars for a while."""
    from transformers.utils import logging as transformers_logging

    if not visible:
        transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.enable_progress_bar()
